// VMSAv7 long descriptors (LPAE): 32-bit input in stage 1, up to 40 bits in stage 2, 40-bit output, 4K granule.
// The bits of a descriptor are those of VMSAv8-64 (4K granule) but for the address, which ends at bit 39.
// Source: docs/spec/iommu-hardware.md section 2; Arm DDI 0406C B3.6 (long-descriptor translation table format).
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/tables/layout_format.hpp"
#include "iommu/tables/layout_vmsa8_64.hpp"

namespace xlate::iommu::vmsa7_long {

inline constexpr std::uint32_t kDescriptorBytes = 8;
inline constexpr unsigned kInputBits = 32, kOutputBits = 40, kPageBits = 12, kStride = 9;

/// A whole table of level 1 has four entries for 32 bits of input; stage 2 may concatenate.
inline constexpr TableFormat kFormat{
    "VMSAv7 long", 8, 1, 3, {{{}, {30, 2, true, true}, {21, 9, true, true}, {12, 9, false, true}, {}, {}}}};

constexpr unsigned level_shift(unsigned level) { return kPageBits + (3 - level) * kStride; }
/// Stage 1: the root's level for TTBCR.TxSZ 0..7.
constexpr unsigned start_level(unsigned txsz) { return txsz >= 2 ? 2 : 1; }
/// Stage 2: the root's level for SL0; 4: reserved.
constexpr unsigned stage2_start_level(std::uint64_t sl0) { return sl0 > 1 ? 4 : 2 - static_cast<unsigned>(sl0); }
/// Stage 2: input bits for T0SZ[3:0], a signed number: 25..40.
constexpr unsigned stage2_input_bits(std::uint64_t t0sz) {
    return t0sz & 8 ? 32 + 16 - static_cast<unsigned>(t0sz & 15) : 32 - static_cast<unsigned>(t0sz & 15);
}

/// AttrIndx, NS, AP, SH, AF, nG, CONT, PXN, UXN (here XN, of every privilege); table limits; stage 2 fields.
namespace pte = vmsa8_64::pte;

/// The output address of a table or leaf descriptor with `low_bit` free offset bits.
constexpr std::uint64_t descriptor_address(std::uint64_t descriptor, unsigned low_bit) {
    return keep(descriptor, kOutputBits - 1, low_bit);
}

}  // namespace xlate::iommu::vmsa7_long
