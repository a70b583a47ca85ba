// Verisilicon's IOMMU of its video decoders ("verisilicon,iommu-1.2", RK3588's AV1 decoder), all that a driver and the
// hardware share: registers, and the words of its tables.
//   table array   64-bit words; the first one is what the decoder uses: where the directory lies, and the page mode (0)
//   directory     1024 words: a table's address [31:6], valid in bit 0
//   table         1024 words: a page's address [31:12], its bits [39:32] at [11:4], writable in bit 2, valid in bit 0
// Source: Linux drivers/iommu/vsi-iommu.c (7.2; offsets and bits alone).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::verisilicon {

inline constexpr unsigned kPageBits = 12, kDirectoryShift = 22, kInputBits = 32, kOutputBits = 40;
inline constexpr std::uint32_t kWordBytes = 4, kEntries = 1024, kTableBytes = kEntries * kWordBytes,
                               kArrayWordBytes = 8, kRegisterBytes = 0x600;

namespace reg {
inline constexpr std::uint32_t FLUSH = 0x184, CONFIG1 = 0x1AC, EXCEPTION = 0x380, STATUS = 0x384, CONTROL = 0x388,
                               ARRAY_BASE = 0x38C;
/// Read at EXCEPTION's place.
inline constexpr std::uint32_t FAULT_ADDR = EXCEPTION;
}  // namespace reg
namespace flush {
inline constexpr Field ALL{4, 1};
}
namespace config1 {
inline constexpr Field OUT_OF_BOUND{28, 1};
}
inline constexpr Field kEnable{0, 1};  ///< of EXCEPTION and CONTROL
/// STATUS: what a fault was. Names and values: ours, after the MMU of Vivante's GPUs, of the same origin.
enum class Status : std::uint32_t {
    none = 0,
    no_table = 1,
    no_page = 2,
    write_violation = 3,
    out_of_bound = 4,
    bus = 7
};
inline constexpr std::uint32_t kStatusMask = 7;

/// A word of the table array.
namespace pta {
constexpr std::uint64_t directory(std::uint64_t word) { return keep(word, 31, 10); }
}  // namespace pta
namespace dte {
inline constexpr Field VALID{0, 1};
constexpr std::uint64_t table(std::uint32_t word) { return keep(word, 31, 6); }
}  // namespace dte
namespace pte {
inline constexpr Field VALID{0, 1}, WRITABLE{2, 1};
constexpr std::uint64_t page(std::uint32_t word) {
    return keep(word, 31, kPageBits) | (std::uint64_t{word >> 4 & 0xFF} << 32);
}
constexpr std::uint32_t page_field(std::uint64_t page) {
    return static_cast<std::uint32_t>(keep(page, 31, kPageBits) | (page >> 32 & 0xFF) << 4);
}
}  // namespace pte

constexpr std::uint32_t directory_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kDirectoryShift) & (kEntries - 1);
}
constexpr std::uint32_t table_index(std::uint64_t input) {
    return static_cast<std::uint32_t>(input >> kPageBits) & (kEntries - 1);
}

}  // namespace xlate::iommu::verisilicon
