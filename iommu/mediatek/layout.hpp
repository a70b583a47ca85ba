// MediaTek's M4U of the second generation, all that a driver and the hardware share: registers of the M4U and of the
// local arbiters (larbs) before it, and the words of its tables.
//   input    32 or 34 bits: [33:20] or [31:20] first level, [19:12] second level, [11:0] offset
//   tables   Arm's short descriptors with three more output bits: PA[32] in bit 9, PA[33] in bit 4, PA[34] in bit 5 of
//            sections and pages (on some parts of table words as well); no permissions are looked at
//   ports    a master's id is larb << 5 | port; a larb's port goes through the M4U if its larb says so
// Source: docs/spec/iommu-hardware.md sections 16.3 and 17; docs/spec/linux-findings.md 39 to 41, second part 35, 36.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::mediatek {

inline constexpr unsigned kPageBits = 12, kSectionBits = 20, kLargeBits = 16, kSupersectionBits = 24;
inline constexpr std::uint32_t kWordBytes = 4, kTableEntries = 256;
inline constexpr std::uint32_t kBankBytes = 0x1000;
inline constexpr unsigned kBanksMax = 5, kLarbs = 32, kPortsPerLarb = 32;

constexpr unsigned larb_of(std::uint32_t id) { return id >> 5; }
constexpr unsigned port_of(std::uint32_t id) { return id & 31; }

/// Of each bank, at kBankBytes apart.
namespace reg {
inline constexpr std::uint32_t PT_BASE = 0x000, INVALIDATE = 0x020, INVLD_START = 0x024, INVLD_END = 0x028,
                               INV_SEL_GEN2 = 0x02C, INV_SEL_GEN1 = 0x038, MISC_CTRL = 0x048, DCM_DIS = 0x050,
                               WR_LEN_CTRL = 0x054, CTRL = 0x110, IVRP_PADDR = 0x114, VLD_PA_RNG = 0x118,
                               INT_CONTROL0 = 0x120, INT_MAIN = 0x124, CPE_DONE = 0x12C, FAULT_ST1 = 0x134,
                               MMU0_FAULT_VA = 0x13C, MMU0_INVLD_PA = 0x140, MMU1_FAULT_VA = 0x144,
                               MMU1_INVLD_PA = 0x148, MMU0_INT_ID = 0x150, MMU1_INT_ID = 0x154;
}  // namespace reg

namespace invalidate {
inline constexpr std::uint32_t kRange = 1, kAll = 2;
}
namespace misc_ctrl {
inline constexpr std::uint32_t kInOrderWrite = 1U << 1 | 1U << 17, kStandardAxi = 1U << 3 | 1U << 19;
}
namespace dcm_dis {
inline constexpr std::uint32_t kDcm = 1U << 8;
}
namespace wr_len_ctrl {
inline constexpr std::uint32_t kThrottleDisable = 1U << 5 | 1U << 21;
}
namespace ctrl {
/// A faulting access goes to the protect buffer; mt8173 and mt6795 have it, and more, elsewhere.
inline constexpr std::uint32_t kProtect = 2U << 4, kProtectMt8173 = 2U << 5, kPrefetchReplaceMt8173 = 1U << 4;
}  // namespace ctrl
/// INT_CONTROL0.
namespace int_control {
inline constexpr Field CLR{12, 1};
inline constexpr std::uint32_t kEnableAll = 0x6F;
}  // namespace int_control
/// INT_MAIN and FAULT_ST1: seven causes of MMU 0, the same of MMU 1 from bit 7 on.
namespace int_main {
inline constexpr unsigned kCausesPerMmu = 7;
inline constexpr std::uint32_t TRANSLATION = 1U << 0, MULTI_HIT = 1U << 1, INVALID_PA = 1U << 2, REPLACEMENT = 1U << 3,
                               TLB_MISS = 1U << 4, MISS_FIFO = 1U << 5, PREFETCH_FIFO = 1U << 6;
inline constexpr std::uint32_t kMmu0 = 0x7F, kMmu1 = 0x3F80, kEnableAll = 0x3FFF;
}  // namespace int_main
/// FAULT_VA: VA[31:12] in place.
namespace fault_va {
inline constexpr Field VA34_32{9, 3}, PA34_32{6, 3}, WRITE{1, 1}, LAYER{0, 1};
}
namespace vld_pa_rng {
inline constexpr Field START{0, 8}, END{8, 8};  ///< PA[37:30] of the first and the last gigabyte
}

/// PT_BASE: PA[31:7] in place, PA[34:32] in [2:0].
constexpr std::uint64_t table_base(std::uint32_t word) { return keep(word, 31, 7) | (std::uint64_t{word & 7} << 32); }
constexpr std::uint32_t pt_base(std::uint64_t table) {
    return static_cast<std::uint32_t>(keep(table, 31, 7) | (table >> 32 & 7));
}
/// INVLD_START, INVLD_END: IOVA[31:12] in place, IOVA[33:32] in [1:0].
constexpr std::uint64_t invld_address(std::uint32_t word) {
    return keep(word, 31, kPageBits) | (std::uint64_t{word & 3} << 32);
}
constexpr std::uint32_t invld_word(std::uint64_t iova) {
    return static_cast<std::uint32_t>(keep(iova, 31, kPageBits) | (iova >> 32));
}

/// First level.
namespace l1 {
inline constexpr Field TYPE{0, 2}, TABLE_NS{3, 1}, SUPER{18, 1};
inline constexpr std::uint32_t TYPE_TABLE = 1;
}  // namespace l1
/// Second level.
namespace l2 {
inline constexpr Field TYPE{0, 2};
inline constexpr std::uint32_t TYPE_LARGE = 1;
}  // namespace l2

/// PA[34:32] of a section, a page or (where the part has it) a table.
constexpr std::uint64_t high_bits(std::uint32_t word) {
    return (std::uint64_t{word >> 9 & 1} << 32) | (std::uint64_t{word >> 4 & 1} << 33) |
           (std::uint64_t{word >> 5 & 1} << 34);
}
constexpr std::uint32_t high_bits_word(std::uint64_t address) {
    return static_cast<std::uint32_t>((address >> 32 & 1) << 9 | (address >> 33 & 1) << 4 | (address >> 34 & 1) << 5);
}

constexpr std::uint32_t l1_entries(unsigned input_bits) { return 1U << (input_bits - kSectionBits); }
constexpr std::uint32_t l1_index(std::uint64_t input, unsigned input_bits) {
    return static_cast<std::uint32_t>(input >> kSectionBits) & (l1_entries(input_bits) - 1);
}
constexpr std::uint32_t l2_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> kPageBits) & 0xFF; }

/// A larb: which of its ports go through the M4U.
namespace larb {
inline constexpr std::uint32_t MMU_EN_MT8167 = 0xFC0, MMU_EN_MT8173 = 0xF00;  ///< one bit a port
constexpr std::uint32_t NONSEC_CON(unsigned port) { return 0x380 + 4 * port; }
inline constexpr Field EN{0, 1}, BANK{8, 2};  ///< NONSEC_CON: IOVA[33:32], four times
constexpr std::uint32_t bank_bits(std::uint32_t bank) {
    const std::uint32_t two = bank & 3;
    return two << 8 | two << 10 | two << 12 | two << 14;
}
inline constexpr std::uint32_t CMD_THRT_CON = 0x24, SW_FLAG = 0x40, SLP_CON = 0x0C;
inline constexpr std::uint32_t kSleepRequest = 1, kSleepReady = 1U << 16;
}  // namespace larb

/// The SMI common: two bits an input say which MMU serves it.
namespace smi_common {
inline constexpr std::uint32_t BUS_SEL = 0x220;
}

/// PERICFG: which masters of the infrastructure go through their IOMMU, one bit a port.
namespace pericfg {
inline constexpr std::uint32_t IOMMU_1 = 0x714;
}
/// INFRACFG: whether memory lies above 4 GiB for the M4U.
namespace infracfg {
inline constexpr std::uint32_t MISC = 0xF00;
inline constexpr Field DDR_4GB{13, 1};
}  // namespace infracfg

}  // namespace xlate::iommu::mediatek
