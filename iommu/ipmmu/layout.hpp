// Renesas IPMMU-VMSA, all that a driver and the hardware share: where the registers of contexts and micro-TLBs are, by
// generation, and their fields. Tables are VMSAv7 long descriptors (iommu/tables/layout_vmsa7_long.hpp).
//   contexts     registers of one address space; of nodes that are caches only IMCTR is used
//   micro-TLBs   one a master port: IMUCTR names its context
// Source: docs/spec/iommu-hardware.md section 16.4; docs/spec/linux-findings.md 33 and 35 to 37.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bits.hpp"

namespace xlate::iommu::ipmmu {

/// R-Car Gen2, Gen3 (RZ/G2 too) and Gen4.
enum class Generation : std::uint8_t { gen2, gen3, gen4 };

/// By a `compatible` of Linux's match table: "renesas,ipmmu-vmsa" is Gen2's. Any other name of the family: Gen3.
constexpr Generation generation_of(std::string_view compatible) {
    if (compatible == "renesas,ipmmu-vmsa") return Generation::gen2;
    if (compatible == "renesas,rcar-gen4-ipmmu-vmsa" || compatible == "renesas,ipmmu-r8a779a0") return Generation::gen4;
    return Generation::gen3;
}

/// Where registers are. The number of contexts is what drivers use.
struct Shape {
    std::uint8_t contexts;
    std::uint8_t utlbs;
    bool leaves;           ///< its instances are a root and caches before it
    bool two_bit_level;    ///< the root table's level has two bits in IMTTBCR
    std::uint32_t alias;   ///< the non-secure registers, from the start of the window
    std::uint32_t base;    ///< of context 0
    std::uint32_t stride;  ///< from context to context
    std::uint32_t utlb_base;
};
constexpr Shape shape(Generation generation) {
    switch (generation) {
        case Generation::gen2:
            return {1, 32, false, false, 0x800, 0, 0x40, 0};
        case Generation::gen3:
            return {8, 48, true, true, 0, 0, 0x40, 0};
        case Generation::gen4:
            break;
    }
    return {16, 64, true, true, 0, 0x10000, 0x1040, 0x3000};
}

inline constexpr std::uint32_t kContextBytes = 0x40, kUtlbBytes = 0x10;
/// In the window. Contexts from 8 on lie 0x600 further.
constexpr std::uint32_t context_register(const Shape& s, unsigned context, std::uint32_t offset) {
    return s.alias + s.base + (context > 7 ? 0x600 : 0) + context * s.stride + offset;
}
/// In the window; `offset` from IMUCTR. Micro-TLBs from 32 on have a block of their own.
constexpr std::uint32_t utlb_register(const Shape& s, unsigned utlb, std::uint32_t offset) {
    return s.alias + s.utlb_base + (utlb < 32 ? 0x300 + utlb * kUtlbBytes : 0x600 + (utlb - 32) * kUtlbBytes) + offset;
}

/// Of a context.
namespace reg {
inline constexpr std::uint32_t IMCTR = 0x00, IMTTBCR = 0x08, IMBUSCR = 0x0C, IMTTLBR0 = 0x10, IMTTUBR0 = 0x14,
                               IMTTLBR1 = 0x18, IMTTUBR1 = 0x1C, IMSTR = 0x20, IMMAIR0 = 0x28, IMMAIR1 = 0x2C,
                               IMELAR = 0x30, IMEUAR = 0x34;
/// Of a micro-TLB, from IMUCTR.
inline constexpr std::uint32_t IMUCTR = 0x0, IMUASID = 0x8;
}  // namespace reg

namespace imctr {
inline constexpr Field MMUEN{0, 1}, FLUSH{1, 1}, INTEN{2, 1};
inline constexpr std::uint32_t kAll = 7;
}  // namespace imctr
namespace imttbcr {
inline constexpr Field TSZ0{0, 3}, IRGN0{8, 2}, ORGN0{10, 2}, SH0{12, 2}, EAE{31, 1};
/// The level of the root table: Gen2, 1 is level 1; later ones, 2 is level 1, 1 is level 2.
inline constexpr Field SL0_ONE_BIT{4, 1}, SL0_TWO_BIT{6, 2};
constexpr std::optional<unsigned> start_level(const Shape& s, std::uint32_t word) {
    if (!s.two_bit_level) return SL0_ONE_BIT.test(word) ? 1U : 2U;
    const auto code = static_cast<unsigned>(SL0_TWO_BIT.get(word));
    return code == 0 || code == 3 ? std::nullopt : std::optional<unsigned>(3 - code);
}
}  // namespace imttbcr
namespace imbuscr {
inline constexpr Field BUSSEL{0, 2}, DVM{2, 1};
}
/// Translation fault, permission fault, a table that memory refused, more than one match.
namespace imstr {
inline constexpr Field TF{0, 1}, PF{1, 1}, ABORT{2, 1}, MHIT{4, 1};
inline constexpr std::uint32_t kAll = 0x17;
}  // namespace imstr
namespace imuctr {
inline constexpr Field MMUEN{0, 1}, FLUSH{1, 1}, TTSEL{4, 4};
}
namespace imuasid {
inline constexpr Field ASID0{0, 8};
}

}  // namespace xlate::iommu::ipmmu
