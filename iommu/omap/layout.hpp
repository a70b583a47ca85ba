// OMAP's IOMMU (OMAP2 to DRA7), all that a driver and the hardware share: registers, TLB entries, words of the tables.
//   input    32 bits: [31:20] first-level index, [19:12] second-level index, [11:0] offset
//   tables   4096 words (16 KiB), 256 words (1 KiB); a supersection is 16 equal first-level words, a large page 16
//            equal second-level words
// No rights: what is mapped may be read and written.
// Source: docs/spec/iommu-hardware.md sections 6 and 17.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::omap {

inline constexpr unsigned kInputBits = 32, kSectionBits = 20, kSupersectionBits = 24, kLargeBits = 16, kPageBits = 12;
inline constexpr std::uint32_t kDirectoryEntries = 4096, kTableEntries = 256, kWordBytes = 4;
inline constexpr std::uint32_t kRegisterBytes = 0x100;

namespace reg {
inline constexpr std::uint32_t REVISION = 0x00, SYSCONFIG = 0x10, SYSSTATUS = 0x14, IRQSTATUS = 0x18, IRQENABLE = 0x1C,
                               WALKING_ST = 0x40, CNTL = 0x44, FAULT_AD = 0x48, TTB = 0x4C, LOCK = 0x50, LD_TLB = 0x54,
                               CAM = 0x58, RAM = 0x5C, GFLUSH = 0x60, FLUSH_ENTRY = 0x64, READ_CAM = 0x68,
                               READ_RAM = 0x6C, EMU_FAULT_AD = 0x70, FAULT_PC = 0x80, GP_REG = 0x88;
}  // namespace reg

namespace sysconfig {
inline constexpr Field SOFTRESET{1, 1};
}
namespace sysstatus {
inline constexpr Field RESETDONE{0, 1};
}
/// IRQSTATUS and IRQENABLE.
namespace interrupt {
inline constexpr Field TLBMISS{0, 1}, TRANSLATION{1, 1}, EMUMISS{2, 1}, WALK{3, 1}, MULTIHIT{4, 1};
inline constexpr std::uint32_t kAll = 0x1F;
/// What Linux enables with the walker, and without it.
inline constexpr std::uint32_t kWalker = 0x1E, kNoWalker = 0x17;
}  // namespace interrupt
namespace cntl {
inline constexpr Field MMU_EN{1, 1}, TWL_EN{2, 1}, EML_TLB{3, 1};
inline constexpr std::uint32_t kAll = 0xE;
}  // namespace cntl
namespace lock {
inline constexpr Field VICT{4, 5}, BASE{10, 5};
}
namespace gp {
inline constexpr Field BUS_ERR_BACK_EN{0, 1};
}
/// DRA7's DSPs: a register of the DSP's system module, outside of the MMU, has one enable an MMU: bit 4 * number.
namespace dsp {
inline constexpr std::uint32_t MMU_CONFIG = 0x18;
inline constexpr unsigned kEnableStride = 4;
}  // namespace dsp

/// CAM and READ_CAM: what an entry matches.
namespace cam {
inline constexpr Field PGSZ{0, 2}, V{2, 1}, P{3, 1};
inline constexpr std::uint32_t SECTION = 0, LARGE = 1, SMALL = 2, SUPER = 3;
constexpr std::uint32_t tag(std::uint32_t cam) { return cam & 0xFFFFF000; }
constexpr unsigned log2_bytes(std::uint32_t cam) {
    constexpr unsigned kBits[] = {kSectionBits, kLargeBits, kPageBits, kSupersectionBits};
    return kBits[PGSZ.get(cam)];
}
constexpr std::uint32_t pgsz(unsigned log2_bytes) {
    return log2_bytes == kSectionBits ? SECTION
           : log2_bytes == kLargeBits ? LARGE
           : log2_bytes == kPageBits  ? SMALL
                                      : SUPER;
}
constexpr bool matches(std::uint32_t cam, std::uint32_t address) {
    return V.test(cam) && ((tag(cam) ^ address) >> log2_bytes(cam)) == 0;
}
}  // namespace cam
/// RAM and READ_RAM: what it gives. The endianness of the data, and its size, are kept and not acted on.
namespace ram {
inline constexpr Field MIXED{6, 1}, ELSZ{7, 2}, ENDIAN{9, 1};
constexpr std::uint32_t page(std::uint32_t ram) { return ram & 0xFFFFF000; }
}  // namespace ram

/// First level. TYPE 0 and 3: no entry.
namespace l1 {
inline constexpr Field TYPE{0, 2}, ELSZ{10, 2}, ENDIAN{15, 1}, MIXED{17, 1}, SUPER{18, 1};
inline constexpr std::uint32_t TYPE_TABLE = 1, TYPE_SECTION = 2;
constexpr std::uint32_t table(std::uint32_t word) { return word & 0xFFFFFC00; }
constexpr unsigned log2_bytes(std::uint32_t word) { return SUPER.test(word) ? kSupersectionBits : kSectionBits; }
}  // namespace l1
/// Second level. LARGE alone is a large page; SMALL a small one, whatever LARGE is.
namespace l2 {
inline constexpr Field LARGE{0, 1}, SMALL{1, 1}, ELSZ{4, 2}, ENDIAN{9, 1}, MIXED{11, 1};
constexpr bool present(std::uint32_t word) { return (word & 3) != 0; }
constexpr unsigned log2_bytes(std::uint32_t word) { return SMALL.test(word) ? kPageBits : kLargeBits; }
}  // namespace l2

constexpr std::uint32_t directory_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kSectionBits) & (kDirectoryEntries - 1);
}
constexpr std::uint32_t table_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kPageBits) & (kTableEntries - 1);
}

}  // namespace xlate::iommu::omap
