// The Tegra SMMU (Tegra30, 114, 124, 132, 210), all that a driver and the hardware share: registers of the memory
// controller (MC) that it is a part of, and the words of its tables. What each SoC has: layout_soc.hpp.
//   input    32 bits: [31:22] directory index, [21:12] table index, [11:0] offset
//   tables   a directory and tables of 1024 words each; a directory word without NEXT is a page of 4 MiB
// Source: docs/spec/iommu-hardware.md section 7.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::tegra {

inline constexpr unsigned kInputBits = 32, kPageBits = 12, kGroupBits = 14, kSectionBits = 22;
inline constexpr std::uint32_t kEntries = 1024, kWordBytes = 4, kTableBytes = kEntries * kWordBytes;
inline constexpr std::uint32_t kRegisterBytes = 0x1000;

namespace reg {
inline constexpr std::uint32_t INTSTATUS = 0x00, INTMASK = 0x04, ERR_STATUS = 0x08, ERR_ADR = 0x0C, SMMU_CONFIG = 0x10,
                               SMMU_TLB_CONFIG = 0x14, SMMU_PTC_CONFIG = 0x18, SMMU_PTB_ASID = 0x1C,
                               SMMU_PTB_DATA = 0x20, SMMU_TLB_FLUSH = 0x30, SMMU_PTC_FLUSH = 0x34, EMEM_ARB_CFG = 0x90,
                               TIMING_CONTROL_DBG = 0xF8, TIMING_CONTROL = 0xFC, CLIENT_ENABLE = 0x228,
                               SMMU_PTC_FLUSH_HI = 0x9B8, CLIENT_ENABLE_HIGH = 0xB98;
/// The word that has the translation enable of a client: 128 clients from CLIENT_ENABLE up, the others elsewhere.
constexpr std::uint32_t client_enable(unsigned client) {
    return client < 0x80 ? CLIENT_ENABLE + 4 * (client / 32) : CLIENT_ENABLE_HIGH + 4 * ((client - 0x80) / 32);
}
constexpr unsigned client_bit(unsigned client) { return client % 32; }
}  // namespace reg

namespace config {
inline constexpr Field ENABLE{0, 1};
}
namespace tlb_config {
inline constexpr Field ACTIVE_LINES{0, 6}, ROUND_ROBIN{28, 1}, HIT_UNDER_MISS{29, 1};
}
namespace ptc_config {
inline constexpr Field INDEX_MAP{0, 6}, REQ_LIMIT{24, 4}, ENABLE{29, 1};
}
namespace ptb {
inline constexpr std::uint32_t kAsidMask = 0x7F;
}
/// TLB_FLUSH: VA[31:12] stand in [19:0], of which a section keeps [19:10] and a group [19:2].
namespace tlb_flush {
inline constexpr Field MATCH{0, 2}, ASID{24, 7}, ASID_OF_FOUR{29, 2}, ASID_MATCH{31, 1};
inline constexpr std::uint32_t kAll = 0, kSection = 2, kGroup = 3;
constexpr std::uint32_t asid(unsigned asid, unsigned asids) {
    return static_cast<std::uint32_t>(ASID_MATCH.of(1) |
                                      (asids == 4 ? ASID_OF_FOUR.of(asid & 3) : ASID.of(asid & 0x7F)));
}
constexpr std::uint32_t section(std::uint64_t va) {
    return static_cast<std::uint32_t>(keep(va, 31, kSectionBits) >> 12) | kSection;
}
constexpr std::uint32_t group(std::uint64_t va) {
    return static_cast<std::uint32_t>(keep(va, 31, kGroupBits) >> 12) | kGroup;
}
}  // namespace tlb_flush
namespace ptc_flush {
inline constexpr Field TYPE{0, 1}, HI{0, 2};
inline constexpr std::uint32_t kAll = 0, kAddress = 1;
}  // namespace ptc_flush
/// The ASID register of a swgroup.
namespace swgroup {
inline constexpr Field ASID{0, 7}, ENABLE{31, 1};
}
/// Bits of INTSTATUS (write 1 to clear) and INTMASK (1: it may interrupt).
namespace interrupt {
inline constexpr Field DECERR_EMEM{6, 1}, SECURITY_VIOLATION{8, 1}, INVALID_SMMU_PAGE{10, 1},
    INVALID_APB_ASID_UPDATE{11, 1};
}
namespace err_status {
inline constexpr Field RW{16, 1}, SECURITY{17, 1}, ADR_HI{20, 2}, NONSECURE{25, 1}, WRITABLE{26, 1}, READABLE{27, 1},
    TYPE{28, 3};
inline constexpr std::uint32_t TYPE_DECERR_EMEM = 2, TYPE_TRUSTZONE = 3, TYPE_CARVEOUT = 4, TYPE_INVALID_SMMU_PAGE = 6;
}  // namespace err_status

/// Words of PTB_DATA, of a directory and of a table: rights above, a page's number below.
namespace word {
inline constexpr Field NEXT{28, 1}, NONSECURE{29, 1}, WRITABLE{30, 1}, READABLE{31, 1};
inline constexpr std::uint32_t kAll = 0xE0000000;  ///< readable, writable, non-secure
constexpr std::uint32_t pfn_mask(unsigned address_bits) {
    return static_cast<std::uint32_t>(low_mask(address_bits - kPageBits));
}
constexpr std::uint64_t address(std::uint32_t word, unsigned address_bits) {
    return std::uint64_t{word & pfn_mask(address_bits)} << kPageBits;
}
constexpr bool usable(std::uint32_t word) { return (word & (READABLE.of(1) | WRITABLE.of(1))) != 0; }
}  // namespace word

constexpr std::uint32_t directory_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 22) & 0x3FF; }
constexpr std::uint32_t table_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 12) & 0x3FF; }

}  // namespace xlate::iommu::tegra
