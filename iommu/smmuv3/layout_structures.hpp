// Stream table entries and context descriptors as fields over eight 64-bit words, little-endian in memory.
// Source: docs/spec/iommu-hardware.md sections 1.4 to 1.6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::smmuv3 {

/// A field of a structure of 64-bit words: which word, and which bits of it.
struct EntryField {
    unsigned word = 0;
    unsigned lsb = 0;
    unsigned width = 1;

    constexpr Field bits() const { return {lsb, width}; }
    template <std::size_t N>
    constexpr std::uint64_t get(const std::array<std::uint64_t, N>& words) const {
        return bits().get(words[word]);
    }
    template <std::size_t N>
    constexpr bool test(const std::array<std::uint64_t, N>& words) const {
        return bits().test(words[word]);
    }
    /// The bits in place: a pointer field reads as an address.
    template <std::size_t N>
    constexpr std::uint64_t address(const std::array<std::uint64_t, N>& words) const {
        return words[word] & bits().mask();
    }
    template <std::size_t N>
    constexpr void set(std::array<std::uint64_t, N>& words, std::uint64_t value) const {
        words[word] = bits().set(words[word], value);
    }
    template <std::size_t N>
    constexpr void set_address(std::array<std::uint64_t, N>& words, std::uint64_t value) const {
        words[word] = (words[word] & ~bits().mask()) | (value & bits().mask());
    }
};

/// The little-endian words of a structure read from memory; `bytes` holds 8 * N.
template <std::size_t N>
std::array<std::uint64_t, N> words_from_bytes(const std::uint8_t* bytes) {
    std::array<std::uint64_t, N> words;
    for (std::size_t i = 0; i < N; ++i) words[i] = load_le(bytes + 8 * i, 8);
    return words;
}

inline constexpr std::uint32_t kSteBytes = 64;
inline constexpr std::uint32_t kCdBytes = 64;
using SteWords = std::array<std::uint64_t, 8>;
using CdWords = std::array<std::uint64_t, 8>;

/// First-level stream table descriptor, 8 bytes. SPAN n: 2^(n-1) STEs; 0: none.
namespace l1std {
inline constexpr std::uint32_t kBytes = 8;
inline constexpr Field SPAN{0, 5}, L2PTR{6, 46};
}  // namespace l1std

namespace ste {
inline constexpr EntryField V{0, 0, 1}, Config{0, 1, 3}, S1Fmt{0, 4, 2}, S1ContextPtr{0, 6, 46}, S1CDMax{0, 59, 5};
inline constexpr EntryField S1DSS{1, 0, 2}, S1CIR{1, 2, 2}, S1COR{1, 4, 2}, S1CSH{1, 6, 2}, S2HWU{1, 8, 4},
    DRE{1, 12, 1}, CONT{1, 13, 4}, DCP{1, 17, 1}, PPAR{1, 18, 1}, MEV{1, 19, 1}, S1PIE{1, 24, 1}, S2FWB{1, 25, 1},
    S1MPAM{1, 26, 1}, S1STALLD{1, 27, 1}, EATS{1, 28, 2}, STRW{1, 30, 2}, MemAttr{1, 32, 4}, MTCFG{1, 36, 1},
    ALLOCCFG{1, 37, 4}, SHCFG{1, 44, 2}, NSCFG{1, 46, 2}, PRIVCFG{1, 48, 2}, INSTCFG{1, 50, 2};
inline constexpr EntryField S2VMID{2, 0, 16}, S2T0SZ{2, 32, 6}, S2SL0{2, 38, 2}, S2IR0{2, 40, 2}, S2OR0{2, 42, 2},
    S2SH0{2, 44, 2}, S2TG{2, 46, 2}, S2PS{2, 48, 3}, S2AA64{2, 51, 1}, S2ENDI{2, 52, 1}, S2AFFD{2, 53, 1},
    S2PTW{2, 54, 1}, S2HD{2, 55, 1}, S2HA{2, 56, 1}, S2S{2, 57, 1}, S2R{2, 58, 1};
inline constexpr EntryField S2SL0_2{3, 2, 1}, S2DS{3, 3, 1}, S2TTB{3, 4, 48};
// Config
inline constexpr std::uint64_t CONFIG_ABORT = 0, CONFIG_BYPASS = 4, CONFIG_S1 = 5, CONFIG_S2 = 6, CONFIG_NESTED = 7;
// S1Fmt
inline constexpr std::uint64_t S1FMT_LINEAR = 0, S1FMT_4K_L2 = 1, S1FMT_64K_L2 = 2;
// S1DSS
inline constexpr std::uint64_t S1DSS_TERMINATE = 0, S1DSS_BYPASS = 1, S1DSS_SSID0 = 2;
// EATS
inline constexpr std::uint64_t EATS_ABT = 0, EATS_TRANS = 1, EATS_S1CHK = 2, EATS_DPT = 3;
// STRW
inline constexpr std::uint64_t STRW_NSEL1 = 0, STRW_EL2 = 2;
// SHCFG
inline constexpr std::uint64_t SHCFG_NSH = 0, SHCFG_INCOMING = 1, SHCFG_OSH = 2, SHCFG_ISH = 3;
}  // namespace ste

/// First-level context table descriptor, 8 bytes.
namespace l1cd {
inline constexpr std::uint32_t kBytes = 8;
inline constexpr Field V{0, 1}, L2PTR{12, 40};
}  // namespace l1cd

namespace cd {
inline constexpr EntryField T0SZ{0, 0, 6}, TG0{0, 6, 2}, IR0{0, 8, 2}, OR0{0, 10, 2}, SH0{0, 12, 2}, EPD0{0, 14, 1},
    ENDI{0, 15, 1}, T1SZ{0, 16, 6}, TG1{0, 22, 2}, IR1{0, 24, 2}, OR1{0, 26, 2}, SH1{0, 28, 2}, EPD1{0, 30, 1},
    V{0, 31, 1}, IPS{0, 32, 3}, AFFD{0, 35, 1}, WXN{0, 36, 1}, UWXN{0, 37, 1}, TBI0{0, 38, 1}, TBI1{0, 39, 1},
    PAN{0, 40, 1}, AA64{0, 41, 1}, HD{0, 42, 1}, HA{0, 43, 1}, S{0, 44, 1}, R{0, 45, 1}, A{0, 46, 1}, ASET{0, 47, 1},
    ASID{0, 48, 16};
inline constexpr EntryField NSCFG0{1, 0, 1}, HAD0{1, 1, 1}, E0PD0{1, 2, 1}, TTB0{1, 4, 48}, PnCH{1, 58, 1},
    EPAN{1, 59, 1};
inline constexpr EntryField NSCFG1{2, 0, 1}, HAD1{2, 1, 1}, E0PD1{2, 2, 1}, TTB1{2, 4, 48}, DS{2, 58, 1};
inline constexpr EntryField MAIR{3, 0, 64}, AMAIR{4, 0, 64};
// TG0 and TG1 code the granules differently.
inline constexpr std::uint64_t TG0_4K = 0, TG0_64K = 1, TG0_16K = 2, TG1_16K = 1, TG1_4K = 2, TG1_64K = 3;
}  // namespace cd

}  // namespace xlate::iommu::smmuv3
