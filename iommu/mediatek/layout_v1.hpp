// MediaTek's M4U of the first generation (mt2701, mt7623), all that a driver and the hardware share: registers of the
// M4U, the ports' switches in the SMI common, the words of its one table.
//   table   4 MiB: a word for each 4 KiB page of 32 bits of addresses, PA[31:12], valid in bit 1
//   ports   a master's id is the number of its port among those of all larbs
// Source: Linux drivers/iommu/mtk_iommu_v1.c, drivers/memory/mtk-smi.c (offsets and bits alone),
// include/dt-bindings/memory/mt2701-larb-port.h.
#pragma once

#include <array>
#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::mediatek_v1 {

inline constexpr unsigned kPageBits = 12, kInputBits = 32;
inline constexpr std::uint32_t kWordBytes = 4, kRegisterBytes = 0x1000;
inline constexpr std::uint64_t kTableBytes = (std::uint64_t{1} << (kInputBits - kPageBits)) * kWordBytes;

namespace reg {
inline constexpr std::uint32_t PT_BASE = 0x000, CTRL = 0x210, IVRP_PADDR = 0x214, INT_CONTROL = 0x220, FAULT_ST = 0x224,
                               FAULT_VA = 0x228, INVLD_PA = 0x22C, INT_ID = 0x388, INVALIDATE = 0x5C0,
                               INVLD_START = 0x5C4, INVLD_END = 0x5C8, INV_SEL = 0x5D8, STANDARD_AXI_MODE = 0x5E8,
                               DCM = 0x5F0, CPE_DONE = 0x60C;
}
namespace invalidate {
inline constexpr std::uint32_t kRange = 1, kAll = 2;
}
inline constexpr std::uint32_t kInvSelBoth = 3;
namespace ctrl {
inline constexpr Field COHERENT_EN{8, 1}, TF_PROTECT_SEL{5, 2};
}
/// INT_CONTROL's enables are FAULT_ST's causes.
namespace interrupt {
inline constexpr std::uint32_t TRANSLATION = 1U << 0, MULTI_HIT = 1U << 1, INVALID_PA = 1U << 2, REPLACEMENT = 1U << 3,
                               TABLE_WALK = 1U << 4, TLB_MISS = 1U << 5, PREFETCH_FIFO = 1U << 6, MISS_FIFO = 1U << 7;
inline constexpr std::uint32_t kAll = 0xFF;
inline constexpr Field CLR{12, 1};
}  // namespace interrupt
inline constexpr std::uint32_t kDcmOn = 1U << 1;

/// A table word.
namespace word {
inline constexpr Field VALID{1, 1}, NONSEC{3, 1};
}
constexpr std::uint64_t page(std::uint32_t bits) { return keep(bits, 31, kPageBits); }

/// Where each larb's ports begin; the last one: how many ports there are.
inline constexpr std::array<unsigned, 4> kPortOffsets{0, 11, 21, 44};
inline constexpr unsigned kLarbs = 3;
/// Beyond the last larb's: kLarbs, which Linux refuses.
constexpr unsigned larb_of(std::uint32_t id) {
    unsigned larb = 0;
    for (unsigned i = 0; i < kPortOffsets.size(); ++i) {
        if (id >= kPortOffsets[i]) larb = i;
    }
    return larb;
}
constexpr unsigned port_of(std::uint32_t id) { return id - kPortOffsets[larb_of(id)]; }

/// INT_ID of a fault.
namespace int_id {
inline constexpr Field PORT{8, 4}, LARB{13, 3};
inline constexpr unsigned kLastLarb = 6;  ///< LARB counts downwards from here
}  // namespace int_id

/// The SMI common: eight ports a word, four bits each.
namespace smi_secure {
inline constexpr std::uint32_t CON = 0x5C0;
inline constexpr std::uint32_t kWords = 8;
inline constexpr std::uint32_t kVirtual = 8;  ///< of the four bits: through the M4U
}  // namespace smi_secure

}  // namespace xlate::iommu::mediatek_v1
