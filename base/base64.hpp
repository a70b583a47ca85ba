// Base64 (RFC 4648, section 4), by libcrypto: bytes within a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xlate {

std::string to_base64(const std::vector<std::uint8_t>& bytes);
/// Nothing if `text` is none: another character, or a length that no bytes have.
std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

}  // namespace xlate
