// `xlate decode`: what hardware and kernels leave in logs and dumps, in words.
#include <algorithm>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/decode/decode.hpp"

namespace xlate::cli {
namespace {

InputError wrong(const std::string& where, std::string what, std::string expected, std::string nearest = {}) {
    return InputError(Diagnostic{{where, {}, {}, {}}, "", std::move(what), std::move(expected), std::move(nearest)});
}

std::string read_all(std::istream& stream, const std::string& name) {
    std::string text(study::kMaxDecodeBytes + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (stream.bad()) throw wrong(name, "cannot be read", "a text");
    if (text.size() > study::kMaxDecodeBytes) {
        throw InputError(
            Diagnostic{{name, {}, {}, {}}, "", "is longer than 4 MiB", "the part of the log with the records", ""},
            ExitStatus::limit);
    }
    return text;
}

/// A hexadecimal word as it stands: with 0x, or of at least eight digits. Where a kind says what the words are, `any`
/// number of digits is one.
bool is_word(const std::string& text, bool any) {
    const bool prefixed = text.rfind("0x", 0) == 0 || text.rfind("0X", 0) == 0;
    std::string digits = prefixed ? text.substr(2) : text;
    if (!digits.empty() && digits.back() == ',') digits.pop_back();
    return !digits.empty() && (prefixed || any || digits.size() >= 8) &&
           digits.find_first_not_of("0123456789abcdefABCDEF,") == std::string::npos;
}

/// The word with 0x, as texts are read.
std::string prefixed(const std::string& word) {
    constexpr std::size_t kPlain = 8;
    return word.size() < kPlain && word.rfind("0x", 0) != 0 && word.rfind("0X", 0) != 0 ? "0x" + word : word;
}

bool is_file(const std::string& path) { return std::ifstream(path, std::ios::binary).is_open(); }

std::string where_kinds_are() { return study::record_family_names() + " ('xlate decode --help' lists their kinds)"; }

/// What is neither a word nor a file, told as what it was most likely meant to be; `first`: it may be a kind.
InputError not_readable(const std::string& what, const study::RecordKind* kind, bool first) {
    if (kind != nullptr) {
        return wrong(what, "is no hexadecimal word, and no file that can be read",
                     fmt::format("the words of the {}: {} of {} bits", kind->title, kind->words, kind->word_bits));
    }
    if (is_word(what, true)) {
        return wrong(what, "is too short for a hexadecimal word, and no file that can be read",
                     "0x in front of it, at least eight digits, or a kind of record in front of all words");
    }
    if (!first) return wrong(what, "is no hexadecimal word, and no file that can be read", "words, or files");
    std::vector<std::string> names;
    for (const study::RecordFamily& family : study::record_families()) {
        std::string kinds;
        for (const study::RecordKind& one : family.kinds) {
            names.push_back(fmt::format("{}.{}", family.name, one.name));
            names.emplace_back(one.name);
            kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", names[names.size() - 2]);
        }
        if (what == family.name) return wrong(what, "is a family of records, not a kind", "one of " + kinds);
    }
    return wrong(what, "is no file that can be read, no hexadecimal word and no kind of record",
                 "a file, words, or a kind of " + where_kinds_are(), nearest_name(what, names).value_or(""));
}

}  // namespace

ExitStatus decode_command(const DecodeArguments& arguments) {
    std::vector<std::string> rest = arguments.what;
    const study::RecordKind* kind = nullptr;
    if (!rest.empty() && !is_word(rest.front(), false)) {
        kind = study::find_record_kind(rest.front());
        if (kind != nullptr) rest.erase(rest.begin());
    }
    const auto stands_alone = [](const std::string& one) { return is_word(one, false); };
    const bool some_words = std::any_of(rest.begin(), rest.end(), stands_alone);
    // A kind and one short name of a file: the file.
    const bool named = rest.size() == 1 && !some_words && is_file(rest.front());
    const auto other = named ? rest.begin() : std::find_if_not(rest.begin(), rest.end(), [&](const std::string& one) {
        return is_word(one, kind != nullptr);
    });
    std::vector<study::DecodedRecord> records;
    std::vector<study::UnreadLine> unread;
    if (!rest.empty() && other == rest.end()) {
        std::string text;
        for (const std::string& word : rest) text += prefixed(word) + " ";
        records = study::find_records(text, "arguments", kind, &unread);
    } else if (rest.empty() || (rest.size() == 1 && rest.front() == "-")) {
        records = study::find_records(read_all(std::cin, "stdin"), "stdin", kind, &unread);
    } else if (some_words) {
        if (!is_file(*other)) throw not_readable(*other, kind, other == rest.begin());
        throw wrong(*other, "is a file beside hexadecimal words", "words, or files");
    } else {
        for (const std::string& path : rest) {
            std::ifstream stream(path, std::ios::binary);
            if (!stream.is_open()) throw not_readable(path, kind, &path == &rest.front());
            const std::vector<study::DecodedRecord> more =
                study::find_records(read_all(stream, path), path, kind, &unread);
            records.insert(records.end(), more.begin(), more.end());
        }
    }
    print(arguments.json ? study::decode_json(records, unread)
                                   .dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                               "\n"
                         : study::decode_text(records, unread));
    return ExitStatus::ok;
}

}  // namespace xlate::cli
