// Page tables of RISC-V: Sv32, Sv39, Sv48, Sv57 and the second stage's Sv32x4 to Sv57x4, whose root is four times as
// large. Words of 8 bytes (Sv32: 4); an entry of any level is a leaf if R or X is set, else a table.
//   N      a leaf of the last level whose PPN ends in 1000 is one of 16 that map 64 KiB (Svnapot)
//   PBMT   0 as the physical memory is, 1 non-cacheable, 2 I/O (Svpbmt)
// Source: docs/spec/iommu-hardware.md section 9; RISC-V privileged specification, "Supervisor-Level ISA" 12.3 to 12.7.
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "iommu/tables/layout_format.hpp"

namespace xlate::iommu::riscv_table {

enum class Mode : std::uint8_t { bare, sv32, sv39, sv48, sv57 };

inline constexpr unsigned kPageBits = 12, kNapotBits = 4;
/// Bits more that the root of a second stage resolves.
inline constexpr unsigned kStage2RootBits = 2;

namespace pte {
inline constexpr Field V{0, 1}, R{1, 1}, W{2, 1}, X{3, 1}, U{4, 1}, G{5, 1}, A{6, 1}, D{7, 1}, RSW{8, 2}, PPN{10, 44},
    RESERVED{54, 7}, PBMT{61, 2}, N{63, 1};
inline constexpr Field SV32_PPN{10, 22};
inline constexpr std::uint64_t PBMT_PMA = 0, PBMT_NC = 1, PBMT_IO = 2;
inline constexpr std::uint64_t kNapotCode = 0x8;  ///< PPN[3:0] of a leaf of 64 KiB
}  // namespace pte

constexpr unsigned levels(Mode mode) { return mode == Mode::bare ? 0 : static_cast<unsigned>(mode) + 1; }
constexpr unsigned word_bytes(Mode mode) { return mode == Mode::sv32 ? 4 : 8; }
constexpr unsigned index_bits(Mode mode) { return mode == Mode::sv32 ? 10 : 9; }
/// Bits of an input address that a first stage translates.
constexpr unsigned input_bits(Mode mode) { return kPageBits + levels(mode) * index_bits(mode); }
/// An entry `above` levels above the leaves maps 2^this bytes.
constexpr unsigned shift(Mode mode, unsigned above) { return kPageBits + above * index_bits(mode); }
constexpr std::uint64_t table_address(std::uint64_t word, Mode mode) {
    return (mode == Mode::sv32 ? pte::SV32_PPN : pte::PPN).get(word) << kPageBits;
}

/// Levels from the root, 0, down.
constexpr TableFormat format(Mode mode) {
    constexpr std::string_view kNames[] = {"bare", "Sv32", "Sv39", "Sv48", "Sv57"};
    TableFormat row;
    row.name = kNames[static_cast<unsigned>(mode)];
    row.descriptor_bytes = static_cast<std::uint8_t>(word_bytes(mode));
    row.first_level = 0;
    row.last_level = static_cast<std::uint8_t>(levels(mode) - 1);
    for (unsigned level = 0; level < levels(mode); ++level) {
        const unsigned above = levels(mode) - 1 - level;
        row.levels[level] = {static_cast<std::uint8_t>(shift(mode, above)), static_cast<std::uint8_t>(index_bits(mode)),
                             above != 0, true};
    }
    return row;
}

}  // namespace xlate::iommu::riscv_table
