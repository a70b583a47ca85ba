#include "base/hex.hpp"

#include <charconv>

namespace xlate {

std::optional<std::uint64_t> parse_hex(std::string_view digits, std::uint64_t highest) {
    constexpr int kBase = 16;
    std::uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, value, kBase);
    if (error != std::errc{} || stopped != end || value > highest) return std::nullopt;
    return value;
}

}  // namespace xlate
