// Page tables of Apple's DART: two or three levels of 8-byte words, 4 KiB or 16 KiB pages, a table is one page.
//   DART1 (t8103)          addresses in [35:12]
//   DART2 (t6000, t8110)   addresses, shifted right by four, in [37:10]: bits 13:12 have no place, so only pages of
//                          16 KiB work
// Rights are negative: a leaf without a bit set allows everything. A table word is its address and VALID alone.
// Source: docs/spec/iommu-hardware.md section 5; docs/spec/linux-findings.md 12 and 12a.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::dart_table {

enum class Words : std::uint8_t { dart1 = 1, dart2 = 2 };

inline constexpr std::uint32_t kWordBytes = 8;

namespace pte {
inline constexpr Field VALID{0, 1};
/// First and last byte that the page gives access to, in units of page / 4096.
inline constexpr Field SUBPAGE_END{40, 12}, SUBPAGE_START{52, 12};
// DART1.
inline constexpr Field SP_DIS{1, 1}, DART1_NO_WRITE{7, 1}, DART1_NO_READ{8, 1};
// DART2.
inline constexpr Field DART2_NO_CACHE{1, 1}, DART2_NO_WRITE{2, 1}, DART2_NO_READ{3, 1};
}  // namespace pte

/// The address of a table or page word.
constexpr std::uint64_t address(std::uint64_t word, Words words) {
    return words == Words::dart1 ? keep(word, 35, 12) : keep(word, 37, 10) << 4;
}
/// The same backwards; bits without a place are lost.
constexpr std::uint64_t address_field(std::uint64_t address, Words words) {
    return words == Words::dart1 ? keep(address, 35, 12) : keep(address >> 4, 37, 10);
}

/// Index bits of one table.
constexpr unsigned index_bits(unsigned page_log2) { return page_log2 - 3; }
/// What an entry of the table `above` levels above the leaves maps, as log2 of bytes.
constexpr unsigned shift(unsigned page_log2, unsigned above) { return page_log2 + above * index_bits(page_log2); }

}  // namespace xlate::iommu::dart_table
