// A 64-bit digest that is the same on every machine: FNV-1a over bytes, integers little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xlate {

/// Not for secrets: names inputs and event streams. Order matters.
class Digest {
public:
    Digest& add(std::string_view text) {
        for (const char c : text) byte(static_cast<std::uint8_t>(c));
        return *this;
    }
    Digest& add(std::uint64_t word) {
        for (int i = 0; i < 8; ++i) byte(static_cast<std::uint8_t>(word >> (8 * i)));
        return *this;
    }
    std::uint64_t value() const { return hash_; }
    /// 16 lower-case hexadecimal digits.
    std::string text() const;

private:
    void byte(std::uint8_t b) { hash_ = (hash_ ^ b) * 0x100000001B3ULL; }
    std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

}  // namespace xlate
