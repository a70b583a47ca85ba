// The IOMMU of Broadcom's BCM2712 ("brcm,bcm2712-iommu", Raspberry Pi 5), all that a driver and the hardware share.
// Pages of 4 KiB have numbers of 28 bits. PT_PA_BASE + (input >> 32) is the page that holds a directory of 1024 words;
// a word of it names the page that holds a table of 1024 words. Both kinds of words:
//   number of a page [27:0], valid in bit 28; a table's also: writable in bit 29, size in [31:30]
//   size   0: 4 KiB; 1: a big page (64 KiB), 2: a super page (1 MiB), 3: 4 MiB. A hint: each word of a larger page
//   names
//          its own 4 KiB, and the larger page is contiguous and aligned
// Source: Raspberry Pi's Linux drivers/iommu/bcm2712-iommu.c; Daniel Drake's series of July 2026 for the directory's
// place (offsets, bits and sentences alone).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::bcm2712 {

inline constexpr unsigned kPageBits = 12, kDirectoryShift = 22, kChunkShift = 32, kInputBits = 37, kOutputBits = 40;
inline constexpr std::uint32_t kWordBytes = 4, kEntries = 1024, kTableBytes = kEntries * kWordBytes,
                               kRegisterBytes = 0x80;

namespace reg {
inline constexpr std::uint32_t CTRL = 0x00, PT_PA_BASE = 0x04, HIT = 0x08, MISS = 0x0C, STALL = 0x10, ADDR_CAP = 0x14,
                               SHOOT_DOWN = 0x18, BYPASS_START = 0x1C, BYPASS_END = 0x20, MISC = 0x24,
                               ILLEGAL_ADR = 0x30, DEBUG_INFO = 0x38;
}
namespace ctrl {
inline constexpr Field ENABLE{0, 1}, STATS_ENABLE{1, 1}, TLB_CLEAR{2, 1}, STATS_CLEAR{3, 1}, TLB_CLEARING{7, 1},
    BYPASS{8, 1}, WRITE_VIOLATION_ABORT_EN{11, 1}, WRITE_VIOLATION{12, 1}, PT_INVALID_ABORT_EN{19, 1},
    PT_INVALID{20, 1}, CAP_EXCEEDED_ABORT_EN{26, 1}, CAP_EXCEEDED{27, 1};
/// Set by the hardware, cleared by writing 1.
inline constexpr std::uint32_t kSticky =
    static_cast<std::uint32_t>(WRITE_VIOLATION.mask() | PT_INVALID.mask() | CAP_EXCEEDED.mask());
/// Done with the write: they read 0.
inline constexpr std::uint32_t kCommands =
    static_cast<std::uint32_t>(TLB_CLEAR.mask() | STATS_CLEAR.mask() | TLB_CLEARING.mask());
}  // namespace ctrl
/// Of ADDR_CAP, BYPASS_START, BYPASS_END and ILLEGAL_ADR.
inline constexpr Field kEnable{31, 1};
/// ADDR_CAP: the last chunk of 256 MiB that is allowed.
inline constexpr unsigned kCapShift = 28;
namespace bypass {
inline constexpr Field INVERT{30, 1};
constexpr std::uint64_t limit(std::uint32_t word) { return word & low_mask(28); }
}  // namespace bypass
namespace shoot_down {
inline constexpr Field SHOOTING{31, 1}, SHOOT{30, 1};
inline constexpr unsigned kLine = 2;  ///< log2 of the pages that one drops
constexpr std::uint64_t page(std::uint32_t word) { return word & low_mask(28); }
}  // namespace shoot_down
namespace misc {
inline constexpr Field SINGLE_TABLE{31, 1};
}
namespace debug_info {
inline constexpr Field VERSION{0, 4}, VA_WIDTH{4, 4}, PA_WIDTH{8, 4}, BIGPAGE_WIDTH{12, 8}, SUPERPAGE_WIDTH{20, 8},
    BYPASS_4M{28, 1}, BYPASS{29, 1};
/// As logs of a Raspberry Pi 5 have it: version 4, 37 bits in and out, 64 KiB, 1 MiB, limits of 256 MiB.
inline constexpr std::uint32_t kValue = 0x20804774;
}  // namespace debug_info

namespace word {
inline constexpr Field VALID{28, 1}, WRITABLE{29, 1}, SIZE{30, 2};
constexpr std::uint64_t page(std::uint32_t bits) { return std::uint64_t{bits & low_mask(28)} << kPageBits; }
constexpr std::uint32_t number(std::uint64_t page) {
    return static_cast<std::uint32_t>(page >> kPageBits & low_mask(28));
}
constexpr unsigned log2_bytes(std::uint32_t bits) {
    constexpr unsigned kLog2[] = {kPageBits, 16, 20, kDirectoryShift};
    return kLog2[SIZE.get(bits)];
}
}  // namespace word

/// The cache of tables that all instances share ("brcm,bcm2712-iommuc"): one register.
namespace shared_cache {
inline constexpr std::uint32_t CONTROL = 0x00;
inline constexpr Field ENABLE{0, 1}, FLUSH{1, 1}, FLUSHING{2, 1};
}  // namespace shared_cache

constexpr std::uint32_t directory_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kDirectoryShift) & (kEntries - 1);
}
constexpr std::uint32_t table_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kPageBits) & (kEntries - 1);
}

}  // namespace xlate::iommu::bcm2712
