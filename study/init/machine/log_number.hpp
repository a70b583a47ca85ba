// Numbers in what a kernel prints.
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantity.hpp"

namespace xlate::study {

/// The number behind `key` in `text`, decimal or with 0x; nothing if there is none.
inline std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t start = at + key.size();
    std::size_t end = start;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0) ++end;
    const Parsed<std::uint64_t> value = parse_integer(std::string(text.substr(start, end - start)));
    return value ? std::optional(value.value()) : std::nullopt;
}

}  // namespace xlate::study
