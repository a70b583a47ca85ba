// Spreadtrum's IOMMU ("sprd,iommu-v1"), all that a driver and the hardware share: registers of its two versions, and
// the words of its table.
//   table   one array of words from FIRST_PPN << 12 up, indexed by (address >> 12) - FIRST_VPN; a word is a page's
//           number, 0: not mapped
// Source: docs/spec/iommu-hardware.md sections 16.7 and 17.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::sprd {

inline constexpr unsigned kPageBits = 12;
inline constexpr std::uint32_t kWordBytes = 4, kRegisterBytes = 0x80;

enum class Version : std::uint8_t { ex = 0, vau = 1 };

namespace reg {
inline constexpr std::uint32_t VERSION = 0x00;
}
/// EX has VERSION and CFG in one register.
struct Registers {
    std::uint32_t CFG, UPDATE, FIRST_VPN, VPN_RANGE, FIRST_PPN, DEFAULT_PPN_RD, DEFAULT_PPN_WR, AUTH;
};
inline constexpr std::uint32_t kNone = 0xFFFFFFFF;
inline constexpr Registers kEx{0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x14, kNone};
inline constexpr Registers kVau{0x04, 0x08, 0x1C, 0x20, 0x10, 0x14, 0x18, 0x0C};
constexpr const Registers& registers(Version version) { return version == Version::vau ? kVau : kEx; }

namespace version {
inline constexpr Field NUMBER{8, 8};
}
namespace cfg {
inline constexpr Field EN{0, 1}, GATE{1, 1}, VAOR_BYPASS{4, 1};
inline constexpr std::uint32_t kAll = 0x13;
}  // namespace cfg
/// What Linux writes to UPDATE; any write drops the TLB.
inline constexpr std::uint32_t kUpdate = 0xFFFFFFFF;

constexpr std::uint64_t page(std::uint32_t word) { return std::uint64_t{word} << kPageBits; }

}  // namespace xlate::iommu::sprd
