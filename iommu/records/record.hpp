// What a register, table entry or queue entry says: tables of fields, one a kind of record, and what they mean in
// words. A family adds a file with its kinds, iommu/<folder>/<name>_records.cpp, which defines
//     std::vector<RecordFamily> <name>_records();
// here; the build gathers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.hpp"

namespace xlate::iommu::records {

/// The words of one record, little-endian words first to last, each of RecordKind::word_bits.
using Words = std::vector<std::uint64_t>;

struct RecordField {
    enum class Show { number, hex, address, flag };
    std::string_view name;  ///< the specification's
    unsigned word = 0;
    unsigned lsb = 0;
    unsigned width = 1;
    Show show = Show::number;
    /// Of values: "0 abort|4 bypass". Flags are left out if they are 0 and this is empty.
    std::string_view values{};
    /// Which records have it; nullptr: all of the kind. A kind whose records differ by a type has rows of each type.
    bool (*when)(const Words& words) = nullptr;
    /// The value of a field in several pieces; nullptr: it stands in `word` as `lsb` and `width` say.
    std::uint64_t (*pieces)(const Words& words) = nullptr;

    /// Address fields keep their place in the word.
    std::uint64_t get(const Words& words) const;
    bool is_in(const Words& words) const { return when == nullptr || when(words); }
};

/// Of a record of one word.
constexpr RecordField word_row(std::string_view name, const Field& field,
                               RecordField::Show show = RecordField::Show::flag, std::string_view values = {}) {
    return {name, 0, field.lsb, field.width, show, values};
}

/// What a record comes to.
struct Reading {
    std::string headline;            ///< "F_TRANSLATION, sid 0x11, read, ..."
    std::vector<std::string> notes;  ///< sentences: what it means, what to look at
};

struct RecordKind {
    std::string_view name;   ///< "event": as on the command line
    std::string_view title;  ///< "SMMUv3 event record"
    unsigned words = 1;
    unsigned word_bits = 64;
    std::vector<RecordField> fields{};
    Reading (*read)(const Words& words) = nullptr;
};

/// What one line of a driver tells of: the words of a record, and what the line says beyond them.
struct LineRecord {
    std::string_view kind;  ///< of the same family
    Words words;
    std::vector<std::string> said{};
};

/// "read", "write, exec": the names of the bits that are set, or `none`.
template <typename Names>
std::string names_of_bits(std::uint64_t bits, const Names& names, std::string_view none) {
    std::string text;
    for (const auto& [bit, name] : names) {
        if ((bits & bit) == 0) continue;
        if (!text.empty()) text += ", ";
        text += name;
    }
    return text.empty() ? std::string(none) : text;
}

class LogReader;  // iommu/records/log_reader.hpp

struct RecordFamily {
    std::string_view name;  ///< "smmuv3"
    std::vector<RecordKind> kinds{};
    /// A record that its driver prints in one line, if `line` is one; nullptr: it prints none, or several lines.
    std::optional<LineRecord> (*line)(std::string_view line) = nullptr;
    /// What reads several lines as one; nullptr: each line stands for itself.
    std::unique_ptr<LogReader> (*reader)() = nullptr;
    /// What a line says that tells of a fault and holds no record; empty: it is not such a line of this family.
    std::string_view (*meaning)(std::string_view line) = nullptr;
    /// Whether its drivers tell of one thing in these two lines, which `line` or `reader` understands as one with a
    /// space between; nullptr: they never do. Lines that a terminal has wrapped need no such function.
    bool (*two_lines)(std::string_view line, std::string_view next) = nullptr;
    /// The kinds that `words` may be when nothing says whose they are: by what stands in them or, `by_number`, by how
    /// many they are; `digits`: how many the first was written with. nullptr: such words are not of this family.
    std::vector<std::string_view> (*bare)(const Words& words, std::size_t digits, bool by_number) = nullptr;
    unsigned place = 0;  ///< in record_families(): of short names and lines that several have, the first one's counts
};

/// All families whose records are read, by their places.
const std::vector<RecordFamily>& record_families();
/// "event" (of the first family that has it), "smmuv2.fsr"; nullptr if there is none.
const RecordKind* find_record_kind(std::string_view name);
/// "smmuv3.event, smmuv3.command, ...".
std::string record_kind_names();
/// "smmuv3, smmuv2, ...": short enough for a message.
std::string record_family_names();

/// A descriptor of VMSAv8-64, stage 1; those of VMSAv7's long format read the same.
Reading read_stage1_descriptor(const Words& words);

/// "SID 0x11": one text a field that is worth showing.
std::vector<std::string> field_texts(const RecordKind& kind, const Words& words);

/// "00:02.1": a requester id as bus, device, function.
std::string requester_text(std::uint64_t id);

}  // namespace xlate::iommu::records
