// Page tables of AMD-Vi. Words of 8 bytes, 512 a table.
//   v1   the host's: up to six levels, counted from 1 at the leaves. A word says itself at which level the next table
//   is,
//        so levels can be skipped; 0 is a leaf of the level's own size, 7 one whose size stands in its address: the
//        lowest zero at or above bit 12 is the size's upper half. Such a leaf stands in each word that it covers.
//   v2   the guest's: as x86-64's, four or five levels
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/tables/layout_format.hpp"

namespace xlate::iommu::amd_table {

inline constexpr unsigned kPageBits = 12, kIndexBits = 9, kWordBytes = 8, kHostLevels = 6;

/// A word of `level` (1: the last one) maps 2^this bytes.
constexpr unsigned shift(unsigned level) { return kPageBits + kIndexBits * (level - 1); }
/// Byte offset of the word that translates `address` in a table of `level`.
constexpr std::uint64_t word_offset(std::uint64_t address, unsigned level) {
    return (address >> shift(level) & low_mask(kIndexBits)) * kWordBytes;
}
/// Bits that tables of `levels` translate; six translate all 64.
constexpr unsigned input_bits(unsigned levels) { return levels >= kHostLevels ? 64 : shift(levels + 1); }

namespace v1 {
inline constexpr Field PR{0, 1}, A{5, 1}, D{6, 1}, NEXT_LEVEL{9, 3}, ADDRESS{12, 40}, RESERVED{52, 7}, U{59, 1},
    FC{60, 1}, IR{61, 1}, IW{62, 1};
inline constexpr std::uint64_t kLeaf = 0, kSizedLeaf = 7;

constexpr std::uint64_t address(std::uint64_t word) { return word & ADDRESS.mask(); }
/// Of a sized leaf: 13..64.
constexpr unsigned sized_log2(std::uint64_t word) {
    unsigned bit = kPageBits;
    while (bit < 63 && (word >> bit & 1) != 0) ++bit;
    return bit + 1;
}
/// Address and size of a leaf of 2^log2 bytes, as one field.
constexpr std::uint64_t sized_address(std::uint64_t address, unsigned log2) {
    return (address & ~low_mask(log2)) | (low_mask(log2 - 1) & ~low_mask(kPageBits));
}
}  // namespace v1

namespace v2 {
inline constexpr Field P{0, 1}, RW{1, 1}, US{2, 1}, A{5, 1}, D{6, 1}, PS{7, 1}, G{8, 1}, ADDRESS{12, 40}, NX{63, 1};
constexpr std::uint64_t address(std::uint64_t word) { return word & ADDRESS.mask(); }
}  // namespace v2

/// Entries of the GCR3 table, at each of its levels.
namespace gcr3 {
inline constexpr Field V{0, 1}, ADDRESS{12, 40};
}

/// Levels from the root, 0, down.
constexpr TableFormat format(std::string_view name, unsigned levels) {
    TableFormat row;
    row.name = name;
    row.descriptor_bytes = kWordBytes;
    row.first_level = 0;
    row.last_level = static_cast<std::uint8_t>(levels - 1);
    for (unsigned level = 0; level < levels; ++level) {
        const unsigned from_leaf = levels - level;
        const unsigned bits = from_leaf == kHostLevels ? 64 - shift(from_leaf) : kIndexBits;
        row.levels[level] = {static_cast<std::uint8_t>(shift(from_leaf)), static_cast<std::uint8_t>(bits),
                             from_leaf != 1, from_leaf <= 3};
    }
    return row;
}

}  // namespace xlate::iommu::amd_table
