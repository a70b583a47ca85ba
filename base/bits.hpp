// Bit fields over integer words. Layout never comes from C++ bit-fields or casts of structs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xlate {

/// A mask of `width` low bits; width 0..64.
constexpr std::uint64_t low_mask(unsigned width) {
    return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

/// Bits [lsb, lsb + width) of a word, as specifications count them.
struct Field {
    unsigned lsb = 0;
    unsigned width = 1;

    constexpr std::uint64_t mask() const { return low_mask(width) << lsb; }
    constexpr std::uint64_t get(std::uint64_t word) const { return (word >> lsb) & low_mask(width); }
    constexpr bool test(std::uint64_t word) const { return get(word) != 0; }
    constexpr std::uint64_t set(std::uint64_t word, std::uint64_t value) const {
        return (word & ~mask()) | ((value & low_mask(width)) << lsb);
    }
    /// The word that holds only this field.
    constexpr std::uint64_t of(std::uint64_t value) const { return set(0, value); }
};

/// The field's bits kept in place (addresses: ADDR[51:6] reads as an address).
constexpr std::uint64_t keep(std::uint64_t word, unsigned msb, unsigned lsb) {
    return word & (low_mask(msb - lsb + 1) << lsb);
}

constexpr bool is_power_of_two(std::uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }
/// floor(log2(n)); n > 0.
constexpr unsigned log2_floor(std::uint64_t n) { return 63U - static_cast<unsigned>(__builtin_clzll(n | 1)); }
constexpr unsigned log2_ceil(std::uint64_t n) { return n <= 1 ? 0 : log2_floor(n - 1) + 1; }
/// `alignment` is a power of two.
constexpr std::uint64_t align_down(std::uint64_t n, std::uint64_t alignment) { return n & ~(alignment - 1); }
constexpr std::uint64_t align_up(std::uint64_t n, std::uint64_t alignment) {
    return align_down(n + alignment - 1, alignment);
}

/// Little-endian loads and stores of 1..8 bytes; `bytes` holds at least `size`.
inline std::uint64_t load_le(const std::uint8_t* bytes, unsigned size) {
    std::uint64_t word = 0;
    for (unsigned i = 0; i < size; ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
    return word;
}
inline void store_le(std::uint8_t* bytes, unsigned size, std::uint64_t word) {
    for (unsigned i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(word >> (8 * i));
}
inline std::uint64_t load_be(const std::uint8_t* bytes, unsigned size) {
    std::uint64_t word = 0;
    for (unsigned i = 0; i < size; ++i) word = (word << 8) | bytes[i];
    return word;
}
inline void store_be(std::uint8_t* bytes, unsigned size, std::uint64_t word) {
    for (unsigned i = 0; i < size; ++i) bytes[size - 1 - i] = static_cast<std::uint8_t>(word >> (8 * i));
}

}  // namespace xlate
