#include "study/decode/decode.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/records/log_reader.hpp"

namespace xlate::study {
namespace {

using namespace iommu::records;

/// The words of a line that has nothing else; `start`: where its content begins.
std::optional<std::vector<Token>> words_of(std::string_view line, std::size_t start, unsigned number) {
    std::vector<Token> all;
    for (std::size_t at = start; at < line.size();) {
        if (std::isspace(static_cast<unsigned char>(line[at])) != 0 || line[at] == ',') {
            ++at;
            continue;
        }
        const std::size_t end = std::min(line.find_first_of(" \t\r,", at), line.size());
        std::optional<Token> token = token_of(line.substr(at, end - at));
        if (!token) return std::nullopt;
        token->line = number;
        token->column = static_cast<unsigned>(at + 1);
        all.push_back(*token);
        at = end;
    }
    return all;
}

class Finder {
public:
    Finder(std::string file, const RecordKind* kind) : file_(std::move(file)), kind_(kind) {
        for (const RecordFamily& family : record_families()) {
            readers_.push_back(family.reader != nullptr ? family.reader() : nullptr);
        }
    }

    std::vector<DecodedRecord> find(const std::string& text, std::vector<UnreadLine>* unread) {
        std::istringstream stream(text);
        std::string line;
        unsigned number = 1;
        for (; std::getline(stream, line); ++number) take(line, number);
        break_off(number);
        flush();
        leave_half();
        if (log_.size() == 0) {
            if (broken_) throw InputError(*broken_);
            const bool meant =
                std::any_of(unread_.begin(), unread_.end(), [](const UnreadLine& one) { return !one.meaning.empty(); });
            if (!meant && !unread_.empty()) {
                throw refusal(*unread_.front().where.line, 0, "this line tells of a fault, and no record is understood",
                              "a line or words of " + all_kinds());
            }
            if (!meant)
                throw refusal(0, 0, "no record is found", "hexadecimal words, or a kernel's lines, of " + all_kinds());
        }
        std::stable_sort(unread_.begin(), unread_.end(),
                         [](const auto& a, const auto& b) { return *a.where.line < *b.where.line; });
        if (unread != nullptr) unread->insert(unread->end(), unread_.begin(), unread_.end());
        std::vector<DecodedRecord> records;
        for (LogRecord& one : log_.all())
            records.push_back({one.kind, std::move(one.words), {file_, one.line, {}, {}}, std::move(one.said)});
        return records;
    }

private:
    static std::string all_kinds() { return record_family_names() + " ('xlate decode --help' lists their kinds)"; }
    InputError refusal(unsigned line, unsigned column, std::string what, std::string expected) const {
        SourcePosition where{file_, {}, {}, {}};
        if (line != 0) where.line = line;
        if (line != 0 && column != 0) where.column = column;
        return InputError(Diagnostic{where, "", std::move(what), std::move(expected), ""});
    }
    void take(std::string_view line, unsigned number) {
        // Words stand at the end of a line, behind the driver's and the device's names.
        const std::size_t colon = line.rfind(": ");
        const std::size_t tab = line.rfind(":\t");
        std::size_t start = 0;
        if (colon != std::string_view::npos) start = colon + 2;
        if (tab != std::string_view::npos) start = std::max(start, tab + 2);
        // In a log, only words that a line before has announced are a record's; alone on their lines, all are.
        const std::string_view speaker = speaker_of(line);
        if (heading_ != nullptr && !speaker_.empty() && !speaker.empty() && speaker != speaker_) {
            return take_between(line, number);
        }
        const bool alone = start == 0 || heading_ != nullptr || kind_ != nullptr;
        if (const auto words = alone ? words_of(line, start, number) : words_of_dump(line, number)) {
            run_.insert(run_.end(), words->begin(), words->end());
            const bool whole = heading_ != nullptr && run_.size() >= heading_->words;
            if (whole || (words->empty() && heading_ == nullptr)) flush();
            return;
        }
        constexpr unsigned kMostBetween = 16;
        if (heading_ != nullptr && !speaker_.empty() && speaker.empty() && ++between_ <= kMostBetween)
            return take_between(line, number);
        break_off(number);
        flush();
        take_sentence(line, number);
    }
    /// A line of another device between the words of a record.
    void take_between(std::string_view line, unsigned number) {
        const RecordKind* const heading = std::exchange(heading_, nullptr);
        take_sentence(line, number);
        if (heading_ == nullptr) {
            heading_ = heading;
            return;
        }
        const RecordKind* const announced = std::exchange(heading_, heading);
        break_off(number);
        heading_ = announced;
    }
    /// Ends a record that was announced and is not whole.
    void break_off(unsigned number) {
        if (heading_ == nullptr) return;
        InputError error = refusal(number, 0,
                                   fmt::format("the {} that was announced ends after {} of {} words", heading_->title,
                                               run_.size(), heading_->words),
                                   "its words, one after the other");
        unread_.push_back({{file_, number, {}, {}},
                           fmt::format("the {} that was announced ends here after {} of {} words", heading_->title,
                                       run_.size(), heading_->words),
                           {}});
        if (!broken_) broken_ = error.findings().front();
        heading_ = nullptr;
        run_.clear();
    }
    /// A line of a driver's that gives no record: the next one may be its other half.
    void keep_half(std::string_view line, unsigned number) {
        leave_half();
        half_ = std::string(line);
        half_line_ = number;
    }
    /// The line was all there is; if it tells of a fault, it is one that gives no record.
    void leave_half() {
        const std::string line = std::exchange(half_, {});
        if (line.empty()) return;
        const std::string_view meaning = meaning_of(line);
        if (!meaning.empty() || tells_of_fault(line))
            unread_.push_back({{file_, half_line_, {}, {}}, line, std::string(meaning)});
    }
    /// "0x80001000: 00000010 00000011": the address in front is none of the words.
    std::optional<std::vector<Token>> words_of_dump(std::string_view line, unsigned number) const {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !token_of(line.substr(0, colon))) return std::nullopt;
        return words_of(line, colon + 1, number);
    }
    void take_sentence(std::string_view line, unsigned number) {
        if (read_line(line, number)) return leave_half();
        if (!half_.empty() && half_line_ + 1 == number && read_with_half(line)) {
            half_.clear();
            return;
        }
        if (names_iommu(line) || !meaning_of(line).empty()) keep_half(line, number);
    }
    static std::string_view meaning_of(std::string_view line) {
        for (const RecordFamily& family : record_families()) {
            const std::string_view meaning = family.meaning != nullptr ? family.meaning(line) : std::string_view{};
            if (!meaning.empty()) return meaning;
        }
        return {};
    }
    bool read_line(std::string_view line, unsigned number) {
        for (std::size_t i = 0; i < readers_.size(); ++i) {
            if (read_as(i, line, number)) return true;
        }
        return false;
    }
    /// Both lines as one: by the families that print such two, or by all, if `line` is the rest of a wrapped one. Two
    /// lines of a kernel's otherwise are two things, and the words of both together would be a record of neither.
    bool read_with_half(std::string_view line) {
        const std::vector<RecordFamily>& families = record_families();
        const std::string whole = half_ + " " + std::string(line);
        const bool wrapped = is_rest_of_line(line);
        for (std::size_t i = 0; i < families.size(); ++i) {
            const auto two_lines = families[i].two_lines;
            if (!wrapped && (two_lines == nullptr || !two_lines(half_, line))) continue;
            if (read_as(i, whole, half_line_)) return true;
        }
        return false;
    }
    /// Whether `line` is one of the `i`th family; its record is in the log then.
    bool read_as(std::size_t i, std::string_view line, unsigned number) {
        const RecordFamily& family = record_families()[i];
        if (readers_[i] != nullptr && readers_[i]->take(line, number, log_)) {
            if (const RecordKind* const kind = log_.take_announced()) {
                heading_ = kind;
                speaker_ = speaker_of(line);
                between_ = 0;
            }
            return true;
        }
        if (family.line == nullptr) return false;
        std::optional<LineRecord> record = family.line(line);
        if (!record) return false;
        log_.add(fmt::format("{}.{}", family.name, record->kind), std::move(record->words), number,
                 std::move(record->said));
        return true;
    }

    /// Two words in eight digits make one of 64 bits, if the record has such.
    static Words joined(const std::vector<Token>& run, std::size_t per_record) {
        const bool halves = std::all_of(run.begin(), run.end(), [](const Token& token) { return token.digits == 8; });
        Words words;
        if (halves && run.size() % 2 == 0 &&
            (per_record == 0 ? run.size() > 1 : run.size() % per_record != 0 || run.size() / 2 % per_record == 0)) {
            for (std::size_t i = 0; i < run.size(); i += 2) words.push_back(run[i].value | run[i + 1].value << 32);
        } else {
            for (const Token& token : run) words.push_back(token.value);
        }
        return words;
    }
    /// Ends a run of words.
    void flush() {
        const RecordKind* const kind = heading_ != nullptr ? heading_ : kind_;
        const std::vector<Token> run = std::exchange(run_, {});
        heading_ = nullptr;
        if (run.empty()) return;
        const unsigned line = run.front().line;
        if (kind != nullptr) {
            const Words words = kind->word_bits == 64 ? joined(run, kind->words) : joined_plain(run);
            if (words.size() % kind->words != 0) {
                throw refusal(run.back().line, run.back().column,
                              fmt::format("{} words are no whole {}", words.size(), kind->title),
                              fmt::format("{} words of {} bits a record", kind->words, kind->word_bits));
            }
            for (std::size_t at = 0; at < words.size(); at += kind->words)
                log_.add(*kind,
                         Words(words.begin() + static_cast<std::ptrdiff_t>(at),
                               words.begin() + static_cast<std::ptrdiff_t>(at + kind->words)),
                         line);
            return;
        }
        guess(joined(run, 0), run);
    }
    static Words joined_plain(const std::vector<Token>& run) {
        Words words;
        for (const Token& token : run) words.push_back(token.value);
        return words;
    }
    void guess(const Words& words, const std::vector<Token>& run) {
        const unsigned line = run.front().line;
        if (add_bare(words, run, false)) return;
        // "0x10 0x11 0x0 0x20a ...": words of 32 bits without their leading zeros.
        const bool halves = words.size() == run.size() && words.size() % 2 == 0 && words.size() >= kFewestHalves &&
                            std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word >> 32 == 0; });
        if (halves) {
            Words whole;
            for (std::size_t i = 0; i < words.size(); i += 2) whole.push_back(words[i] | words[i + 1] << 32);
            if (add_bare(whole, run, false)) return;
        }
        if (add_bare(words, run, true)) return;
        throw refusal(
            line, run.front().column, fmt::format("{} words are no record that has a shape of its own", words.size()),
            "1 (table entry), 2 (command), 4 (event record) or 8 (STE, CD), or its kind in front: of " + all_kinds());
    }
    /// Words whose kind is not said, as each kind that they may be.
    bool add_bare(const Words& words, const std::vector<Token>& run, bool by_number) {
        bool found = false;
        for (const RecordFamily& family : record_families()) {
            if (family.bare == nullptr) continue;
            for (const std::string_view name : family.bare(words, run.front().digits, by_number)) {
                const RecordKind& kind = *find_record_kind(fmt::format("{}.{}", family.name, name));
                for (std::size_t at = 0; at < words.size(); at += kind.words) {
                    const auto first = words.begin() + static_cast<std::ptrdiff_t>(at);
                    log_.add(kind, Words(first, first + static_cast<std::ptrdiff_t>(kind.words)), run.front().line);
                }
                found = true;
            }
        }
        return found;
    }

    static constexpr std::size_t kFewestHalves = 8;  ///< two to four numbers are short words rather than halves

    std::string file_;
    const RecordKind* kind_;
    const RecordKind* heading_ = nullptr;
    std::vector<Token> run_;
    std::vector<std::unique_ptr<LogReader>> readers_;  ///< one a family, or nullptr
    LogRecords log_;
    std::string speaker_;   ///< of the announced record
    unsigned between_ = 0;  ///< lines of others that stood between its words
    std::string half_;      ///< a driver's line that gave no record by itself
    unsigned half_line_ = 0;
    std::vector<UnreadLine> unread_;
    std::optional<Diagnostic> broken_;  ///< the first record that was not whole
};

std::string word_text(const RecordKind& kind, std::uint64_t word) {
    return kind.word_bits == 64 ? fmt::format("{:#018x}", word) : fmt::format("{:#010x}", word);
}

std::string_view family_of(const RecordKind* wanted) {
    for (const RecordFamily& family : record_families()) {
        for (const RecordKind& kind : family.kinds) {
            if (&kind == wanted) return family.name;
        }
    }
    return "";
}

/// The lines whose meaning is known, or (`meant` false) the others; empty: there are none.
std::string unread_text(const char* heading, const std::vector<UnreadLine>& unread, bool meant) {
    constexpr std::size_t kShown = 20;
    std::string text, meaning;
    std::size_t count = 0;
    for (const UnreadLine& one : unread) {
        if (one.meaning.empty() == meant || ++count > kShown) continue;
        text += fmt::format("  {}: {}\n", one.where.text(), printable(one.text));
        // Drivers say the same again and again: once what it means is enough.
        if (meant && meaning != one.meaning) text += fmt::format("    {}\n", meaning = one.meaning);
    }
    if (count == 0) return {};
    if (count > kShown) text += fmt::format("  and {} more\n", count - kShown);
    return fmt::format("{}\n{}", heading, text);
}

}  // namespace

std::vector<DecodedRecord> find_records(const std::string& text, const std::string& file, const RecordKind* kind,
                                        std::vector<UnreadLine>* unread) {
    return Finder(file, kind).find(text, unread);
}

std::string decode_text(const std::vector<DecodedRecord>& records, const std::vector<UnreadLine>& unread) {
    std::string text;
    for (const DecodedRecord& record : records) {
        const Reading reading = record.kind->read(record.words);
        if (!text.empty()) text += "\n";
        text += fmt::format("{} ({})\n  {}\n", record.kind->title, record.where.text(), reading.headline);
        for (const std::string& line : record.said) text += "  " + printable(line) + "\n";
        for (const std::string& note : reading.notes) text += "  " + note + "\n";
        std::string line = " ";
        for (const std::uint64_t word : record.words) line += " " + word_text(*record.kind, word);
        text += line + "\n";
        line = " ";
        for (const std::string& field : field_texts(*record.kind, record.words)) {
            constexpr std::size_t kWidth = 110;
            if (line.size() + field.size() > kWidth) {
                text += line + "\n";
                line = " ";
            }
            line += " " + field + ";";
        }
        if (line.size() > 1) text += line.substr(0, line.size() - 1) + "\n";
    }
    for (const std::string& part :
         {unread_text("Without a record", unread, true), unread_text("Not understood", unread, false)}) {
        if (!part.empty() && !text.empty()) text += "\n";
        text += part;
    }
    return text;
}

nlohmann::ordered_json decode_json(const std::vector<DecodedRecord>& records, const std::vector<UnreadLine>& unread) {
    using Json = nlohmann::ordered_json;
    Json all = Json::array();
    for (const DecodedRecord& record : records) {
        const Reading reading = record.kind->read(record.words);
        Json words = Json::array();
        for (const std::uint64_t word : record.words) words.push_back(word_text(*record.kind, word));
        Json fields = Json::object();
        for (const RecordField& field : record.kind->fields) {
            if (field.is_in(record.words)) fields[std::string(field.name)] = field.get(record.words);
        }
        Json notes = record.said;
        for (const std::string& note : reading.notes) notes.push_back(note);
        all.push_back({{"family", family_of(record.kind)},
                       {"kind", record.kind->name},
                       {"file", record.where.file},
                       {"line", record.where.line ? Json(*record.where.line) : Json()},
                       {"words", std::move(words)},
                       {"reads", reading.headline},
                       {"notes", std::move(notes)},
                       {"fields", std::move(fields)}});
    }
    Json meant = Json::array(), rest = Json::array();
    for (const UnreadLine& one : unread) {
        Json line{
            {"file", one.where.file}, {"line", one.where.line ? Json(*one.where.line) : Json()}, {"text", one.text}};
        if (one.meaning.empty()) {
            rest.push_back(std::move(line));
        } else {
            line["means"] = one.meaning;
            meant.push_back(std::move(line));
        }
    }
    return {{"schema", "xlate.decode/1"},
            {"records", std::move(all)},
            {"without_record", std::move(meant)},
            {"not_understood", std::move(rest)}};
}

}  // namespace xlate::study
