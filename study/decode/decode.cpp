#include "study/decode/decode.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "iommu/records/log_line.hpp"
#include "iommu/smmuv2/layout.hpp"
#include "iommu/smmuv3/layout.hpp"

namespace xlate::study {
namespace {

using namespace iommu::records;

namespace smmu = iommu::smmuv3;

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

constexpr std::string_view kAccessMissing =
    "the line with the access is missing: of read or write, privilege and stage nothing is known";

constexpr std::string_view kBlocked = "Blocked unknown Stream ID 0x";

class Finder {
public:
    Finder(std::string file, const RecordKind* kind) : file_(std::move(file)), kind_(kind) {}

    std::vector<DecodedRecord> find(const std::string& text, std::vector<UnreadLine>* unread) {
        std::istringstream stream(text);
        std::string line;
        unsigned number = 1;
        for (; std::getline(stream, line); ++number) take(line, number);
        break_off(number);
        flush();
        leave_half();
        if (records_.empty()) {
            if (broken_) throw InputError(*broken_);
            if (!unread_.empty()) {
                throw refusal(*unread_.front().where.line, 0, "this line tells of a fault, and no record is understood",
                              "a line or words of " + record_kind_names());
            }
            throw refusal(0, 0, "no record is found",
                          "hexadecimal words, or a kernel's lines, of " + record_kind_names());
        }
        std::stable_sort(unread_.begin(), unread_.end(),
                         [](const auto& a, const auto& b) { return *a.where.line < *b.where.line; });
        if (unread != nullptr) unread->insert(unread->end(), unread_.begin(), unread_.end());
        return std::move(records_);
    }

private:
    InputError refusal(unsigned line, unsigned column, std::string what, std::string expected) const {
        SourcePosition where{file_, {}, {}, {}};
        if (line != 0) where.line = line;
        if (line != 0 && column != 0) where.column = column;
        return InputError(Diagnostic{where, "", std::move(what), std::move(expected), ""});
    }
    void add(const RecordKind& kind, Words words, unsigned line, std::vector<std::string> said = {}) {
        SourcePosition where{file_, line, {}, {}};
        records_.push_back({&kind, std::move(words), where, std::move(said)});
    }
    void add(const char* kind, Words words, unsigned line, std::vector<std::string> said = {}) {
        add(*find_record_kind(kind), std::move(words), line, std::move(said));
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
                                       run_.size(), heading_->words)});
        if (!broken_) broken_ = error.findings().front();
        heading_ = nullptr;
        run_.clear();
    }
    void announce(const char* kind, std::string_view line) {
        heading_ = find_record_kind(kind);
        speaker_ = speaker_of(line);
        between_ = 0;
    }
    /// A line that tells of a fault and gives no record: the next one may be its other half.
    void keep_half(std::string_view line, unsigned number) {
        leave_half();
        half_ = std::string(line);
        half_line_ = number;
    }
    void leave_half() {
        // The line before GFSR's; alone it says who was refused.
        if (const auto sid = number_after(half_, kBlocked)) {
            namespace gfsr = iommu::smmuv2::gfsr;
            add("smmuv2.gfsr", {gfsr::USF.of(1)}, half_line_,
                {fmt::format("sid {:#x}; the line of the registers is missing", *sid)});
            half_.clear();
        }
        if (!half_.empty()) unread_.push_back({{file_, half_line_, {}, {}}, std::exchange(half_, {})});
    }
    /// "0x80001000: 00000010 00000011": the address in front is none of the words.
    std::optional<std::vector<Token>> words_of_dump(std::string_view line, unsigned number) const {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !token_of(line.substr(0, colon))) return std::nullopt;
        return words_of(line, colon + 1, number);
    }
    void take_sentence(std::string_view line, unsigned number) {
        if (has(line, "event 0x") && has(line, "received")) {
            announce("smmuv3.event", line);
        } else if (has(line, "command in error state")) {
            announce("smmuv3.command", line);
        } else if (const auto active = number_after(line, "global error reported (")) {
            add("smmuv3.gerror", {*active}, number);
        } else if (const auto cons = number_after(line, "CMDQ error (cons ")) {
            add("smmuv3.cmdq-cons", {*cons}, number);
        } else if (has(line, "event: ") && has(line, " sid: ")) {
            take_named_event(line, number);
        } else if (has(line, "priv ") && has(line, " stag: ")) {
            if (!records_.empty() && named_event_ == records_.size()) complete_named_event(line);
        } else if (has(line, "context fault") && has(line, "fsr=")) {
            take_context_fault(line, number);
        } else if (const auto fsr = has(line, "msm_iommu: ") ? std::nullopt : number_after(line, "FSR    =")) {
            if (context_fault_ + 1 != number) add("smmuv2.fsr", {*fsr}, number);
        } else if (const auto gfsr = number_after(line, "GFSR 0x")) {
            if (has(half_, kBlocked) && half_line_ + 1 == number) half_.clear();
            add("smmuv2.global-fault",
                {*gfsr, number_after(line, "GFSYNR0 0x").value_or(0), number_after(line, "GFSYNR1 0x").value_or(0)},
                number);
        } else {
            take_family_line(line, number);
        }
    }
    void take_context_fault(std::string_view line, unsigned number) {
        const auto syndrome = number_after(line, "fsynr="), iova = number_after(line, "iova=");
        if (!syndrome || !iova) {
            // The rest is on the next line, or was cut off.
            if (!half_.empty() && half_line_ + 1 == number) return leave_half();
            return keep_half(line, number);
        }
        Words words{number_after(line, "fsr=").value_or(0), *syndrome, *iova};
        if (const auto sid = number_after(line, "cbfrsynra=")) words.push_back(*sid);
        std::vector<std::string> said;
        if (const auto bank = number_after(line, " cb=")) said.push_back(fmt::format("context bank {:x}", *bank));
        add("smmuv2.context-fault", std::move(words), number, std::move(said));
        context_fault_ = number;
    }
    bool read_family_line(std::string_view line, unsigned number) {
        for (const RecordFamily& family : record_families()) {
            if (family.line == nullptr) continue;
            if (std::optional<LineRecord> record = family.line(line)) {
                add(fmt::format("{}.{}", family.name, record->kind).c_str(), std::move(record->words), number,
                    std::move(record->said));
                return true;
            }
        }
        return false;
    }
    void take_family_line(std::string_view line, unsigned number) {
        if (read_family_line(line, number)) return leave_half();
        if (!half_.empty() && half_line_ + 1 == number) {
            const std::string both = half_ + " " + std::string(line);
            const unsigned first = half_line_;
            const bool context = has(both, "context fault") && has(both, "fsr=");
            if (context && number_after(both, "fsynr=") && number_after(both, "iova=")) {
                half_.clear();
                return take_context_fault(both, first);
            }
            if (!context && read_family_line(both, first)) return half_.clear();
        }
        if (tells_of_fault(line)) keep_half(line, number);
    }
    /// A kernel from 6.14 on prints the fields of an event behind its words; without those they are put together again.
    void take_named_event(std::string_view line, unsigned number) {
        namespace event = smmu::event;
        const std::size_t start = line.find("event: ") + 7;
        const std::string_view name = line.substr(start, line.find(' ', start) - start);
        smmu::EventWords words{};
        for (unsigned code = 1; code < 256; ++code) {
            if (name == smmu::name(static_cast<smmu::EventCode>(code))) event::TYPE.set(words, code);
        }
        if (event::TYPE.get(words) == 0) return;
        event::SID.set(words, number_after(line, " sid: ").value_or(0));
        const std::uint64_t ssid = number_after(line, " ssid: ").value_or(0);
        event::SSID.set(words, ssid);
        event::SSV.set(words, ssid != 0 ? 1 : 0);
        event::InputAddr.set(words, number_after(line, " iova: ").value_or(0));
        event::IPA.set_address(words, number_after(line, " ipa: ").value_or(0));
        std::vector<std::string> said;
        if (const std::size_t client = line.find(" client: "); client != std::string_view::npos) {
            const std::size_t at = client + 9;
            said.push_back("of " + std::string(line.substr(at, std::min(line.find(" sid: ", at), line.size()) - at)));
        }
        if (!records_.empty() && records_.back().said.empty() && same_event(records_.back(), words)) {
            records_.back().said = std::move(said);
            return;
        }
        const std::uint64_t code = event::TYPE.get(words);
        if (code >= static_cast<std::uint64_t>(smmu::EventCode::F_TRANSLATION) &&
            code <= static_cast<std::uint64_t>(smmu::EventCode::F_PERMISSION)) {
            said.emplace_back(kAccessMissing);
        }
        add("smmuv3.event", {words.begin(), words.end()}, number, std::move(said));
        named_event_ = records_.size();
    }
    /// Whether `record` came from the words of the event whose fields are `words`.
    static bool same_event(const DecodedRecord& record, const smmu::EventWords& words) {
        namespace event = smmu::event;
        if (record.kind != find_record_kind("smmuv3.event")) return false;
        smmu::EventWords raw{};
        std::copy(record.words.begin(), record.words.end(), raw.begin());
        return event::TYPE.get(raw) == event::TYPE.get(words) && event::SID.get(raw) == event::SID.get(words);
    }
    void complete_named_event(std::string_view line) {
        namespace event = smmu::event;
        smmu::EventWords words{};
        std::copy(records_.back().words.begin(), records_.back().words.end(), words.begin());
        event::PnU.set(words, has(line, "unpriv ") ? 0 : 1);
        event::InD.set(words, has(line, "inst ") ? 1 : 0);
        event::RnW.set(words, has(line, " read ") ? 1 : 0);
        event::S2.set(words, has(line, " s2 ") ? 1 : 0);
        event::STALL.set(words, has(line, " stall ") ? 1 : 0);
        event::CLASS.set(words, has(line, "\"CD fetch") ? 0 : has(line, "table fetch") ? 1 : event::CLASS_IN);
        auto& said = records_.back().said;
        said.erase(std::remove(said.begin(), said.end(), kAccessMissing), said.end());
        event::STAG.set(words, number_after(line, " stag: ").value_or(0));
        records_.back().words.assign(words.begin(), words.end());
        named_event_ = 0;
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
                add(*kind,
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
        bool found = false;
        const auto as = [&](const char* name) {
            const RecordKind& kind = *find_record_kind(name);
            if (words.size() % kind.words != 0) return;
            std::vector<Words> all;
            for (std::size_t at = 0; at < words.size(); at += kind.words) {
                all.emplace_back(words.begin() + static_cast<std::ptrdiff_t>(at),
                                 words.begin() + static_cast<std::ptrdiff_t>(at + kind.words));
                if (!kind.plausible(all.back())) return;
            }
            for (Words& one : all) add(kind, std::move(one), line);
            found = true;
        };
        as("smmuv3.event");
        as("smmuv3.ste");
        as("smmuv3.cd");
        if (!found && words.size() % 4 != 0) as("smmuv3.command");
        if (words.size() == 1) {
            as("smmuv3.pte");
            if (run.front().digits <= 8) as("smmuv3.gerror");
        }
        if (found) return;
        // "0x10 0x11 0x0 0x20a ...": words of 32 bits without their leading zeros.
        const bool halves = words.size() == run.size() && words.size() % 2 == 0 &&
                            std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word >> 32 == 0; });
        if (halves) {
            Words whole;
            for (std::size_t i = 0; i < words.size(); i += 2) whole.push_back(words[i] | words[i + 1] << 32);
            const RecordKind& event = *find_record_kind("smmuv3.event");
            if (whole.size() == event.words && event.plausible(whole)) return add(event, std::move(whole), line);
        }
        if (words.size() == 4) {
            add("smmuv3.event", words, line);
        } else if (words.size() == 2) {
            add("smmuv3.page-request", words, line);
        } else if (words.size() == 8) {
            add("smmuv3.ste", words, line);
            add("smmuv3.cd", words, line);
        } else {
            throw refusal(
                line, run.front().column,
                fmt::format("{} words are no record that has a shape of its own", words.size()),
                "1 (table entry), 2 (command), 4 (event record) or 8 (STE, CD), or a kind of " + record_kind_names());
        }
    }

    std::string file_;
    const RecordKind* kind_;
    const RecordKind* heading_ = nullptr;
    std::vector<Token> run_;
    std::vector<DecodedRecord> records_;
    std::size_t named_event_ = 0;
    unsigned context_fault_ = 0;
    std::string speaker_;   ///< of the announced record
    unsigned between_ = 0;  ///< lines of others that stood between its words
    std::string half_;      ///< a line that gave no record by itself
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
    if (unread.empty()) return text;
    constexpr std::size_t kShown = 20;
    text += "\nNot understood\n";
    for (std::size_t i = 0; i < std::min(unread.size(), kShown); ++i)
        text += fmt::format("  {}: {}\n", unread[i].where.text(), printable(unread[i].text));
    if (unread.size() > kShown) text += fmt::format("  and {} more\n", unread.size() - kShown);
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
        for (const RecordField& field : record.kind->fields) fields[std::string(field.name)] = field.get(record.words);
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
    Json rest = Json::array();
    for (const UnreadLine& one : unread) {
        rest.push_back(
            {{"file", one.where.file}, {"line", one.where.line ? Json(*one.where.line) : Json()}, {"text", one.text}});
    }
    return {{"schema", "xlate.decode/1"}, {"records", std::move(all)}, {"not_understood", std::move(rest)}};
}

}  // namespace xlate::study
