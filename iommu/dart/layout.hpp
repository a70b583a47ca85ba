// Registers of Apple's DART in its two generations, shared by the hardware and its driver. Knows base only.
//   t8020   "apple,t8103-dart", "apple,t6000-dart": 16 streams, four TTBRs a stream, invalidation by a mask of streams
//   t8110   "apple,t8110-dart": up to 256 streams, one TTBR a stream, invalidation stream by stream
// All registers are of 32 bits. Source: docs/spec/iommu-hardware.md section 5.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::dart {

inline constexpr std::uint32_t kRegisterBytes = 0x4000;
inline constexpr unsigned kMaxStreams = 256;

// The same in both.
inline constexpr std::uint32_t PARAMS1 = 0x00, PARAMS2 = 0x04;
namespace params1 {
inline constexpr Field PAGE_SHIFT{24, 4};
}
namespace params2 {
inline constexpr Field BYPASS_SUPPORT{0, 1};
}

namespace t8020 {
inline constexpr unsigned kStreams = 16, kTtbrs = 4;
inline constexpr std::uint32_t STREAM_COMMAND = 0x20, STREAM_SELECT = 0x34, ERROR = 0x40, ERROR_ADDR_LO = 0x50,
                               ERROR_ADDR_HI = 0x54, CONFIG = 0x60, STREAMS_ENABLE = 0xFC, TCR0 = 0x100, TTBR0 = 0x200;
constexpr std::uint32_t tcr_offset(unsigned stream) { return TCR0 + 4 * stream; }
constexpr std::uint32_t ttbr_offset(unsigned stream, unsigned index) { return TTBR0 + 16 * stream + 4 * index; }
namespace command {
inline constexpr Field BUSY{2, 1}, INVALIDATE{20, 1};
}
namespace error {
inline constexpr Field CODE{0, 12}, STREAM{24, 4}, FLAG{31, 1};
inline constexpr std::uint32_t NO_TTBR = 1, NO_PMD = 2, NO_PTE = 4, WRITE = 8, READ = 16;
}  // namespace error
namespace config {
inline constexpr Field LOCK{15, 1};
}
namespace tcr {
inline constexpr Field TRANSLATE{7, 1}, BYPASS_DART{8, 1}, BYPASS_DAPF{12, 1};
}
namespace ttbr {
inline constexpr Field ADDRESS{0, 31}, VALID{31, 1};
inline constexpr unsigned kShift = 12;
}  // namespace ttbr
}  // namespace t8020

namespace t8110 {
inline constexpr std::uint32_t PARAMS3 = 0x08, PARAMS4 = 0x0C, TLB_CMD = 0x80, ERROR = 0x100, ERROR_MASK = 0x104,
                               ERROR_ADDR_LO = 0x170, ERROR_ADDR_HI = 0x174, ERROR_STREAMS = 0x1C0, PROTECT = 0x200,
                               UNPROTECT = 0x204, PROTECT_LOCK = 0x208, ENABLE = 0xC00, DISABLE = 0xC20, TCR0 = 0x1000,
                               TTBR0 = 0x1400;
constexpr std::uint32_t tcr_offset(unsigned stream) { return TCR0 + 4 * stream; }
constexpr std::uint32_t ttbr_offset(unsigned stream) { return TTBR0 + 4 * stream; }
namespace params3 {
inline constexpr Field VER_MIN{0, 8}, VER_MAJ{8, 8}, VA_WIDTH{16, 6}, PA_WIDTH{24, 6};
}
namespace params4 {
inline constexpr Field NUM_SIDS{0, 9}, NUM_CLIENTS{16, 9};
}
namespace command {
inline constexpr Field STREAM{0, 8}, OP{8, 3}, BUSY{31, 1};
inline constexpr std::uint32_t OP_ALL = 0, OP_STREAM = 1;
}  // namespace command
namespace error {
inline constexpr Field CODE{0, 15}, STREAM{20, 8}, FLAG{31, 1};
inline constexpr std::uint32_t NO_TTBR = 1, NO_PGD = 2, NO_PMD = 4, NO_PTE = 8, WRITE = 16, READ = 32;
}  // namespace error
namespace protect {
inline constexpr Field TTBR_TCR{0, 1};
}
namespace tcr {
inline constexpr Field TRANSLATE{0, 1}, BYPASS_DART{1, 1}, BYPASS_DAPF{2, 1}, FOUR_LEVEL{3, 1}, REMAP_EN{7, 1},
    REMAP{8, 4};
}
namespace ttbr {
inline constexpr Field VALID{0, 1}, ADDRESS{2, 28};
inline constexpr unsigned kShift = 14;
}  // namespace ttbr
}  // namespace t8110

}  // namespace xlate::iommu::dart
