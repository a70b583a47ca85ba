// Texts through `xlate decode`, for the tests of what each family's drivers print.
#pragma once

#include <string>
#include <vector>

#include "study/decode/decode.hpp"

namespace xlate::tests {

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// What the command prints of `text`.
inline std::string decoded(const std::string& text, const char* kind = nullptr) {
    std::vector<study::UnreadLine> unread;
    const auto records =
        study::find_records(text, "x", kind == nullptr ? nullptr : study::find_record_kind(kind), &unread);
    return study::decode_text(records, unread);
}

/// The rows of the first record, "type 3; MIP 16".
inline std::string rows(const std::string& text, const char* kind = nullptr) {
    const auto records = study::find_records(text, "x", kind == nullptr ? nullptr : study::find_record_kind(kind));
    std::string all;
    for (const std::string& one : study::field_texts(*records.at(0).kind, records.at(0).words))
        all += (all.empty() ? "" : "; ") + one;
    return all;
}

inline std::vector<std::string> kinds(const std::string& text, std::vector<study::UnreadLine>* unread = nullptr) {
    std::vector<std::string> names;
    for (const study::DecodedRecord& one : study::find_records(text, "x", nullptr, unread))
        names.emplace_back(one.kind->name);
    return names;
}

}  // namespace xlate::tests
