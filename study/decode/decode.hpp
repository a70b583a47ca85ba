// What people paste: records as hex words or as a kernel prints them, found in a text and read.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "iommu/records/record.hpp"

namespace xlate::study {

using iommu::records::field_texts;
using iommu::records::find_record_kind;
using iommu::records::record_families;
using iommu::records::record_family_names;
using iommu::records::record_kind_names;
using iommu::records::RecordFamily;
using iommu::records::RecordKind;
using iommu::records::Words;

struct DecodedRecord {
    const RecordKind* kind = nullptr;
    Words words;
    SourcePosition where;
    std::vector<std::string> said;  ///< what the line itself says beyond the words
};

/// A line that tells of a fault or an error of an IOMMU, and of which no record came.
struct UnreadLine {
    SourcePosition where;
    std::string text;     ///< the line, or what of a record it breaks off
    std::string meaning;  ///< what it says though it holds no record; empty: it is not understood
};

inline constexpr std::size_t kMaxDecodeBytes = std::size_t{4} << 20;

/// All records of a text: of `kind`, or (nullptr) of what their lines or their shape say; words without a heading may
/// be several things, and are then read as each. Two 32-bit words in eight digits each make one of 64 bits, the low one
/// first. `unread` gets the lines of the text that tell of a fault and hold no record. Errors: InputError with the
/// place where a record is not whole, if no other is, or if there is none at all and no line whose meaning is known.
std::vector<DecodedRecord> find_records(const std::string& text, const std::string& file, const RecordKind* kind,
                                        std::vector<UnreadLine>* unread = nullptr);

std::string decode_text(const std::vector<DecodedRecord>& records, const std::vector<UnreadLine>& unread = {});
/// Schema "xlate.decode/1": records: [ { family, kind, file, line, words, reads, notes, fields: {name: value} } ],
/// without_record: [ { file, line, text, means } ], not_understood: [ { file, line, text } ].
nlohmann::ordered_json decode_json(const std::vector<DecodedRecord>& records,
                                   const std::vector<UnreadLine>& unread = {});

}  // namespace xlate::study
