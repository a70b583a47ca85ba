// Allwinner's IOMMU (H6, H616), all that a driver and the hardware share: registers and the words of its tables.
//   input    32 bits: [31:20] directory index, [19:12] table index, [11:0] offset
//   tables   a directory of 4096 words, tables of 256 words; a page names one of 16 domains, DM_AUT says what each
//            master may do in it
// Source: docs/spec/iommu-hardware.md section 16.6; docs/spec/linux-findings.md 30.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::sun50i {

inline constexpr unsigned kMasters = 6, kInputBits = 32, kPageBits = 12, kDirectoryShift = 20, kDomains = 16;
inline constexpr std::uint32_t kDirectoryEntries = 4096, kTableEntries = 256, kWordBytes = 4;
inline constexpr std::uint32_t kRegisterBytes = 0x400;

namespace reg {
inline constexpr std::uint32_t RESET = 0x10, ENABLE = 0x20, BYPASS = 0x30, AUTO_GATING = 0x40, WBUF_CTRL = 0x44,
                               OOO_CTRL = 0x48, BDY_4KB_PRT_CTRL = 0x4C, TTB = 0x50, TLB_ENABLE = 0x60,
                               TLB_PREFETCH = 0x70, TLB_FLUSH = 0x80, TLB_IVLD_ADDR = 0x90, TLB_IVLD_ADDR_MASK = 0x94,
                               TLB_IVLD_ENABLE = 0x98, PC_IVLD_ADDR = 0xA0, PC_IVLD_ENABLE = 0xA8, DM_AUT0 = 0xB0,
                               DM_AUT_OVWT = 0xD0, INT_ENABLE = 0x100, INT_CLR = 0x104, INT_STA = 0x108,
                               INT_ERR_ADDR0 = 0x110, INT_ERR_ADDR_L1 = 0x130, INT_ERR_ADDR_L2 = 0x134,
                               INT_ERR_DATA0 = 0x150, L1PG_INT = 0x180, L2PG_INT = 0x184;
constexpr std::uint32_t dm_aut(unsigned domain) { return DM_AUT0 + 4 * (domain / 2); }
constexpr std::uint32_t err_addr(unsigned master) { return INT_ERR_ADDR0 + 4 * master; }
constexpr std::uint32_t err_data(unsigned master) { return INT_ERR_DATA0 + 4 * master; }
}  // namespace reg

inline constexpr std::uint32_t kAllMasters = 0x3F;
namespace enable {
inline constexpr Field ENABLE{0, 1};
}
/// Bits of TLB_FLUSH and TLB_ENABLE: a micro-TLB a master, the macro-TLB, the walk cache.
namespace flush {
inline constexpr Field MICRO{0, 6}, MACRO{16, 1}, WALK_CACHE{17, 1};
inline constexpr std::uint32_t kAll = 0x3003F;
}  // namespace flush
/// Bits of INT_ENABLE, INT_CLR, INT_STA.
namespace interrupt {
inline constexpr Field PERMISSION{0, 6}, L1_INVALID{16, 1}, L2_INVALID{17, 1};
inline constexpr std::uint32_t kAll = 0x3003F;
}  // namespace interrupt
/// In the half of DM_AUT that belongs to the domain.
namespace authority {
constexpr unsigned no_read(unsigned domain, unsigned master) { return (domain & 1) * 16 + 2 * master; }
constexpr unsigned no_write(unsigned domain, unsigned master) { return no_read(domain, master) + 1; }
}  // namespace authority

namespace dte {
inline constexpr Field TYPE{0, 2};
inline constexpr std::uint32_t TYPE_TABLE = 1;
constexpr std::uint64_t table(std::uint32_t word) { return keep(word, 31, 10); }
}  // namespace dte
namespace pte {
inline constexpr Field VALID{1, 1}, ACI{4, 4};
constexpr std::uint64_t page(std::uint32_t word) { return keep(word, 31, 12); }
}  // namespace pte

constexpr std::uint32_t directory_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 20) & 0xFFF; }
constexpr std::uint32_t table_index(std::uint64_t input) { return static_cast<std::uint32_t>(input >> 12) & 0xFF; }

}  // namespace xlate::iommu::sun50i
