// Page tables of Intel VT-d: the second level (legacy mode, nested domains) and the first level (those of x86-64).
// Levels are the specification's: 1 has the leaves of 4 KiB, 2 maps 2 MiB an entry, 3 1 GiB, 4 and 5 are tables alone.
// Source: docs/spec/iommu-hardware.md section 3.2; VT-d specification 4.1, chapter 9.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::vtd_table {

inline constexpr unsigned kPageBits = 12, kIndexBits = 9, kWordBytes = 8, kMostLevels = 5;
/// The highest level with leaves.
inline constexpr unsigned kLeafLevels = 3;

/// An entry of `level` maps 2^this bytes.
constexpr unsigned shift(unsigned level) { return kPageBits + (level - 1) * kIndexBits; }
/// Bits of an input address that this many levels resolve.
constexpr unsigned input_bits(unsigned levels) { return kPageBits + levels * kIndexBits; }
constexpr std::uint64_t index(std::uint64_t address, unsigned level) {
    return (address >> shift(level)) & low_mask(kIndexBits);
}
/// Of the next table, or of the page: bits 51:12.
constexpr std::uint64_t address(std::uint64_t word) { return keep(word, 51, kPageBits); }

/// A second-level entry. Not present if neither R nor W is set.
namespace second {
inline constexpr Field R{0, 1}, W{1, 1}, X{2, 1}, EMT{3, 3}, IPAT{6, 1}, PS{7, 1}, A{8, 1}, D{9, 1}, SNP{11, 1},
    ADDR{12, 40}, TM{62, 1};
}  // namespace second

/// A first-level entry.
namespace first {
inline constexpr Field P{0, 1}, RW{1, 1}, US{2, 1}, PWT{3, 1}, PCD{4, 1}, A{5, 1}, D{6, 1}, PS{7, 1}, G{8, 1},
    EA{10, 1}, ADDR{12, 40}, XD{63, 1};
/// Bit 12 of a large leaf chooses memory types.
inline constexpr Field PAT_LARGE{12, 1};
}  // namespace first

}  // namespace xlate::iommu::vtd_table
