// VMSAv7 short descriptors: 32-bit input, two levels of 4-byte descriptors, 32-bit output (40 by supersections).
// Stage 1 only. Source: Arm DDI 0406C B3.5 (short-descriptor translation table format).
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/tables/layout_format.hpp"

namespace xlate::iommu::vmsa7_short {

inline constexpr std::uint32_t kDescriptorBytes = 4;
inline constexpr unsigned kInputBits = 32, kSectionBits = 20, kSupersectionBits = 24, kLargeBits = 16, kPageBits = 12;

/// Sections and pages; a supersection is 16 equal sections, a large page 16 equal pages.
inline constexpr TableFormat kFormat{
    "VMSAv7 short", 4, 1, 2, {{{}, {20, 12, true, true}, {12, 8, false, true}, {}, {}, {}}}};

/// Level 1. TYPE 0 fault, 1 table, 2 and 3 section (bit 0 is then PXN).
namespace l1 {
inline constexpr Field TYPE{0, 2};
inline constexpr std::uint64_t TYPE_FAULT = 0, TYPE_TABLE = 1, TYPE_SECTION = 2;
// Table.
inline constexpr Field TABLE_PXN{2, 1}, TABLE_NS{3, 1}, DOMAIN_{5, 4};
// Section.
inline constexpr Field PXN{0, 1}, B{2, 1}, C{3, 1}, XN{4, 1}, AP{10, 2}, TEX{12, 3}, AP2{15, 1}, S{16, 1}, nG{17, 1},
    SUPER{18, 1}, NS{19, 1};
// Supersection: output bits above 31.
inline constexpr Field PA35_32{20, 4}, PA39_36{5, 4};
constexpr std::uint64_t table_address(std::uint64_t descriptor) { return keep(descriptor, 31, 10); }
constexpr std::uint64_t section_address(std::uint64_t descriptor) { return keep(descriptor, 31, 20); }
constexpr std::uint64_t supersection_address(std::uint64_t descriptor) {
    return keep(descriptor, 31, 24) | (PA35_32.get(descriptor) << 32) | (PA39_36.get(descriptor) << 36);
}
}  // namespace l1

/// Level 2. TYPE 0 fault, 1 large page (64K), 2 and 3 small page (bit 0 is then XN).
namespace l2 {
inline constexpr Field TYPE{0, 2};
inline constexpr std::uint64_t TYPE_FAULT = 0, TYPE_LARGE = 1, TYPE_SMALL = 2;
inline constexpr Field B{2, 1}, C{3, 1}, AP{4, 2}, AP2{9, 1}, S{10, 1}, nG{11, 1};
inline constexpr Field SMALL_XN{0, 1}, SMALL_TEX{6, 3}, LARGE_TEX{12, 3}, LARGE_XN{15, 1};
constexpr std::uint64_t small_address(std::uint64_t descriptor) { return keep(descriptor, 31, 12); }
constexpr std::uint64_t large_address(std::uint64_t descriptor) { return keep(descriptor, 31, 16); }
}  // namespace l2

/// TTBR0 and TTBR1: the table's address; TTBR0's root has 2^(12-N) entries and lies at as many words.
constexpr std::uint64_t root_address(std::uint64_t ttbr, unsigned n) { return keep(ttbr, 31, 14 - n); }

/// TEX remap (SCTLR.TRE): PRRR and NMRR, by index TEX[0] C B.
namespace prrr {
constexpr Field TR(unsigned index) { return {2 * index, 2}; }
constexpr Field NOS(unsigned index) { return {24 + index, 1}; }
inline constexpr Field DS0{16, 1}, DS1{17, 1}, NS0{18, 1}, NS1{19, 1};
inline constexpr std::uint64_t TR_STRONGLY_ORDERED = 0, TR_DEVICE = 1, TR_NORMAL = 2;
}  // namespace prrr
namespace nmrr {
constexpr Field IR(unsigned index) { return {2 * index, 2}; }
constexpr Field OR(unsigned index) { return {16 + 2 * index, 2}; }
inline constexpr std::uint64_t NON_CACHEABLE = 0, WRITE_BACK_ALLOCATE = 1, WRITE_THROUGH = 2, WRITE_BACK = 3;
}  // namespace nmrr

}  // namespace xlate::iommu::vmsa7_short
