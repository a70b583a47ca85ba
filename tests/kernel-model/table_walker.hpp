// A page-table walker for tests, written from the text of docs/spec/iommu-hardware.md 1.10 alone: it shares no code
// with pgtable/, so that the two check each other. Stage 1, TTB0, 48-bit addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace xlate::test {

struct Walk {
    std::uint64_t address = 0;
    std::uint64_t descriptor = 0;
    int level = 0;
};

/// `read`: the 64-bit little-endian word at a physical address. Nothing: the walk faults.
inline std::optional<Walk> walk(const std::function<std::uint64_t(std::uint64_t)>& read, std::uint64_t ttbr,
                                unsigned t0sz, unsigned granule_bits, std::uint64_t va) {
    const unsigned input_bits = 64 - t0sz;
    if (va >> input_bits != 0) return std::nullopt;
    const unsigned per_level = granule_bits - 3;
    unsigned bits_left = input_bits - granule_bits;
    int level = 4;
    while (bits_left > 0) {
        --level;
        bits_left = bits_left > per_level ? bits_left - per_level : 0;
    }
    std::uint64_t table = ttbr;
    for (; level <= 3; ++level) {
        const unsigned shift = granule_bits + static_cast<unsigned>(3 - level) * per_level;
        std::uint64_t entry = va >> shift;
        if (input_bits > shift + per_level || table != ttbr) entry &= (1ull << per_level) - 1;
        const std::uint64_t descriptor = read(table + entry * 8);
        const unsigned type = descriptor & 3;
        if (type == 0 || type == 2) return std::nullopt;
        const std::uint64_t output = descriptor & 0x0000FFFFFFFFF000ull;
        if (level == 3) {
            if (type != 3) return std::nullopt;
            return Walk{(output >> granule_bits << granule_bits) | (va & ((1ull << granule_bits) - 1)), descriptor, 3};
        }
        if (type == 1) return Walk{(output >> shift << shift) | (va & ((1ull << shift) - 1)), descriptor, level};
        table = output >> granule_bits << granule_bits;
    }
    return std::nullopt;
}

}  // namespace xlate::test
