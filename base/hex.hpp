// Numbers in hexadecimal as ids and places are written: digits without "0x".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace xlate {

/// The number that `digits` are; nothing: there are none, others are among them, or it is above `highest`.
std::optional<std::uint64_t> parse_hex(std::string_view digits, std::uint64_t highest);

}  // namespace xlate
