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

bool is_word(const std::string& text) {
    const bool prefixed = text.rfind("0x", 0) == 0 || text.rfind("0X", 0) == 0;
    const std::string digits = prefixed ? text.substr(2) : text;
    return !digits.empty() && (prefixed || digits.size() >= 8) &&
           digits.find_first_not_of("0123456789abcdefABCDEF,") == std::string::npos;
}

}  // namespace

ExitStatus decode_command(const DecodeArguments& arguments) {
    std::vector<std::string> rest = arguments.what;
    const study::RecordKind* kind = nullptr;
    if (!rest.empty() && !is_word(rest.front())) {
        kind = study::find_record_kind(rest.front());
        if (kind != nullptr) rest.erase(rest.begin());
    }
    std::vector<study::DecodedRecord> records;
    std::vector<study::UnreadLine> unread;
    if (!rest.empty() && std::all_of(rest.begin(), rest.end(), is_word)) {
        std::string text;
        for (const std::string& word : rest) text += word + " ";
        records = study::find_records(text, "arguments", kind, &unread);
    } else if (rest.empty() || (rest.size() == 1 && rest.front() == "-")) {
        records = study::find_records(read_all(std::cin, "stdin"), "stdin", kind, &unread);
    } else {
        for (const std::string& path : rest) {
            std::ifstream stream(path, std::ios::binary);
            if (!stream.is_open()) {
                std::vector<std::string> names;
                for (const study::RecordFamily& family : study::record_families()) {
                    for (const study::RecordKind& one : family.kinds) names.emplace_back(one.name);
                }
                throw wrong(path, "is no file that can be read, no hexadecimal word and no kind of record",
                            "one of " + study::record_kind_names(), nearest_name(path, names).value_or(""));
            }
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
