// The Rockchip IOMMU, all that a driver and the hardware share: registers, commands, the words of the two-level tables
// of both versions. No behaviour. Knows base only.
//   input    32 bits: [31:22] directory index, [21:12] table index, [11:0] offset
//   tables   1024 words of 4 bytes each, directory and tables alike
//   version 1 ("rockchip,iommu"): 32-bit addresses in words and in DTE_ADDR
//   version 2 ("rockchip,rk3568-iommu"): 40-bit addresses: [31:12] in place, [35:32] in [11:8], [39:36] in [7:4]
// Source: docs/spec/iommu-hardware.md section 16.1; docs/spec/linux-findings.md 28 (bit 0 of DTE_ADDR is set on both).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::rockchip {

enum class Version : std::uint8_t { v1 = 1, v2 = 2 };

inline constexpr unsigned kInputBits = 32, kPageBits = 12, kIndexBits = 10, kDirectoryShift = 22;
inline constexpr std::uint32_t kEntries = 1024, kWordBytes = 4, kTableBytes = kEntries * kWordBytes;
constexpr unsigned output_bits(Version version) { return version == Version::v1 ? 32 : 40; }

/// Offsets in each register bank. Registers are of 32 bits.
namespace reg {
inline constexpr std::uint32_t DTE_ADDR = 0x00, STATUS = 0x04, COMMAND = 0x08, PAGE_FAULT_ADDR = 0x0C,
                               ZAP_ONE_LINE = 0x10, INT_RAWSTAT = 0x14, INT_CLEAR = 0x18, INT_MASK = 0x1C,
                               INT_STATUS = 0x20, AUTO_GATING = 0x24;
inline constexpr std::uint32_t kBytes = 0x28;  ///< of a bank
}  // namespace reg

namespace status {
inline constexpr Field PAGING{0, 1}, FAULT_ACTIVE{1, 1}, STALL_ACTIVE{2, 1}, IDLE{3, 1}, REPLAY_EMPTY{4, 1},
    FAULT_IS_WRITE{5, 1}, STALL_NOT_ACTIVE{31, 1};
}  // namespace status

enum class Command : std::uint32_t {
    enable_paging = 0,
    disable_paging = 1,
    enable_stall = 2,
    disable_stall = 3,
    zap_cache = 4,
    page_fault_done = 5,
    force_reset = 6,
};

/// Bits of INT_RAWSTAT, INT_CLEAR, INT_MASK (1: enabled), INT_STATUS.
namespace interrupt {
inline constexpr Field PAGE_FAULT{0, 1}, BUS_ERROR{1, 1};
inline constexpr std::uint32_t kAll = 3;
}  // namespace interrupt

namespace dte {
inline constexpr Field VALID{0, 1};
}
namespace pte {
inline constexpr Field VALID{0, 1}, READABLE{1, 1}, WRITABLE{2, 1};
// Stored by the hardware, without effect here.
inline constexpr Field OVERRIDE{3, 1}, HINTS{4, 5};  ///< version 1
inline constexpr Field SECURE{3, 1};                 ///< version 2
}  // namespace pte

/// The address in DTE_ADDR, a DTE or a PTE.
constexpr std::uint64_t address(std::uint32_t word, Version version) {
    const std::uint64_t low = keep(word, 31, 12);
    if (version == Version::v1) return low;
    return low | keep(word, 11, 8) << 24 | keep(word, 7, 4) << 32;
}
/// The same backwards; bits that the version cannot hold are lost.
constexpr std::uint32_t address_field(std::uint64_t address, Version version) {
    std::uint64_t word = keep(address, 31, 12);
    if (version == Version::v2) word |= keep(address >> 24, 11, 8) | keep(address >> 32, 7, 4);
    return static_cast<std::uint32_t>(word);
}

constexpr std::uint32_t directory_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 22) & 0x3FF; }
constexpr std::uint32_t table_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 12) & 0x3FF; }

}  // namespace xlate::iommu::rockchip
