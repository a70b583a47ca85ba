// Texts from outside, before they are shown or kept.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace xlate {

/// Where the first byte stands that is no part of well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing
/// above U+10FFFF); nothing if all of it is.
std::optional<std::size_t> first_bad_utf8(std::string_view text);

/// `text` as the name of one file or directory: '/' and what printable() would change become '_', a leading '.' too;
/// never empty, at most 100 bytes, never cut within a character.
std::string file_name_of(std::string_view text);

}  // namespace xlate
