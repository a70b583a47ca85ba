// VMSAv8-64 descriptors and the arithmetic of their tables, stage 1 and stage 2. Shared by walkers and drivers.
// Source: docs/spec/iommu-hardware.md section 1.10.
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/tables/layout_format.hpp"

namespace xlate::iommu::vmsa8_64 {

/// The bits that a page offset takes: 12 (4K), 14 (16K), 16 (64K).
enum class Granule : std::uint8_t { k4 = 12, k16 = 14, k64 = 16 };
constexpr unsigned page_bits(Granule granule) { return static_cast<unsigned>(granule); }
constexpr std::uint64_t page_bytes(Granule granule) { return std::uint64_t{1} << page_bits(granule); }
/// Bits resolved by a whole table: 9, 11, 13.
constexpr unsigned stride(Granule granule) { return page_bits(granule) - 3; }
/// Level -1, above level 0: 4K granule with an input of more than 48 bits. The next one is 0, as an eight-bit level
/// counts.
inline constexpr std::uint8_t kLevelMinus1 = 0xFF;
/// The lowest input bit that an entry of `level` (-1..3) resolves: an entry maps 2^this bytes.
constexpr unsigned level_shift(Granule granule, unsigned level) {
    return page_bits(granule) + (level == kLevelMinus1 ? 4 : 3 - level) * stride(granule);
}
/// Stage 1: the level of the root for an input of `input_bits` (64 - TxSZ).
constexpr unsigned start_level(Granule granule, unsigned input_bits) {
    const unsigned above = input_bits > page_bits(granule) ? input_bits - page_bits(granule) : 1;
    const unsigned levels = (above + stride(granule) - 1) / stride(granule);
    return levels > 4 ? kLevelMinus1 : 4 - levels;
}
/// Entries that a root has for `input_bits` from `level` on; more than a whole table if concatenated.
constexpr std::uint64_t root_entries(Granule granule, unsigned input_bits, unsigned level) {
    const unsigned shift = level_shift(granule, level);
    return input_bits <= shift ? 1 : std::uint64_t{1} << (input_bits - shift);
}
/// How descriptors hold their output address: 48 bits; or 52, of which the highest four are in [15:12] (64K granule) or
/// the highest two in [9:8], where shareability is otherwise (DS: 4K and 16K granules).
enum class OutputForm : std::uint8_t { plain, wide, ds };
/// A block (not a table, not a page) may stand at `level` -1..2.
constexpr bool leaf_allowed(Granule granule, unsigned level, OutputForm form) {
    if (level == 0) return granule == Granule::k4 && form == OutputForm::ds;
    if (level == 1) return granule == Granule::k4 || form != OutputForm::plain;
    return level == 2;
}
/// log2 of the entries of a contiguous group at `level`; 0 where the bit means nothing.
constexpr unsigned contiguous_log2_entries(Granule granule, unsigned level) {
    switch (granule) {
        case Granule::k4:
            return level >= 1 && level <= 3 ? 4 : 0;
        case Granule::k16:
            return level == 3 ? 7 : level == 2 ? 5 : 0;
        case Granule::k64:
            return level >= 2 ? 5 : 0;
    }
    return 0;
}

/// Descriptors are 8 bytes.
inline constexpr std::uint32_t kDescriptorBytes = 8;

namespace pte {
inline constexpr Field VALID{0, 1}, TYPE{0, 2};
inline constexpr std::uint64_t TYPE_BLOCK = 1, TYPE_TABLE = 3, TYPE_PAGE = 3;
// Any leaf.
inline constexpr Field SH{8, 2}, AF{10, 1}, DBM{51, 1}, CONT{52, 1}, PBHA{59, 4};
// Stage 1 leaf.
inline constexpr Field AttrIndx{2, 3}, NS{5, 1}, AP1{6, 1}, AP2{7, 1}, nG{11, 1}, PXN{53, 1}, UXN{54, 1};
// Stage 1 table.
inline constexpr Field PXNTable{59, 1}, UXNTable{60, 1}, APTable0{61, 1}, APTable1{62, 1}, NSTable{63, 1};
// Stage 2 leaf. S2AP: bit 0 read, bit 1 write.
inline constexpr Field MemAttr{2, 4}, S2AP{6, 2}, S2XN{53, 2};
inline constexpr std::uint64_t SH_NSH = 0, SH_OSH = 2, SH_ISH = 3, S2AP_READ = 1, S2AP_WRITE = 2;
}  // namespace pte

/// The output address of a table or leaf descriptor whose output has `low_bit` free offset bits.
/// `wide`: 64K granule with 52-bit addresses, where bits [15:12] are address bits [51:48].
constexpr std::uint64_t descriptor_address(std::uint64_t descriptor, unsigned low_bit, bool wide) {
    std::uint64_t address = keep(descriptor, 47, low_bit);
    if (wide) address = (keep(descriptor, 47, low_bit < 16 ? 16 : low_bit)) | (keep(descriptor, 15, 12) << 36);
    return address;
}
constexpr std::uint64_t descriptor_address(std::uint64_t descriptor, unsigned low_bit, OutputForm form) {
    if (form == OutputForm::ds) return keep(descriptor, 49, low_bit) | (keep(descriptor, 9, 8) << 42);
    return descriptor_address(descriptor, low_bit, form == OutputForm::wide);
}

/// The format of tables with this granule (4K, 16K, 64K), 48-bit addresses. A root may have fewer entries than
/// `index_bits` says (short input), or up to 16 times as many (stage 2, concatenated).
constexpr TableFormat format(Granule granule) {
    constexpr std::string_view kNames[] = {"VMSAv8-64 4K", "VMSAv8-64 16K", "VMSAv8-64 64K"};
    TableFormat row;
    row.name = kNames[(page_bits(granule) - 12) / 2];
    row.descriptor_bytes = kDescriptorBytes;
    row.first_level = granule == Granule::k64 ? 1 : 0;
    row.last_level = 3;
    for (unsigned level = row.first_level; level <= 3; ++level) {
        const unsigned shift = level_shift(granule, level);
        const unsigned bits = shift + stride(granule) > 48 ? 48 - shift : stride(granule);
        row.levels[level] = {static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(bits), level != 3,
                             level == 3 || leaf_allowed(granule, level, OutputForm::plain)};
    }
    return row;
}

/// Stage 2: the root's level as VTCR.SL0, STE.S2SL0 and SMMU_CBn_TCR.SL0 code it (without the small-table extension,
/// where 4K code 3 would be level 3). 4: reserved.
constexpr unsigned stage2_start_level(Granule granule, std::uint64_t sl0) {
    if (sl0 > 2) return 4;
    return granule == Granule::k4 ? 2 - static_cast<unsigned>(sl0) : 3 - static_cast<unsigned>(sl0);
}

}  // namespace xlate::iommu::vmsa8_64
