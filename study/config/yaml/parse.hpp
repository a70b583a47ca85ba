// The one reader of YAML text. Everything that yaml-cpp lets pass and a person would not mean is refused here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "study/config/yaml/value.hpp"

namespace xlate::study::yaml {

inline constexpr std::size_t kMaxBytes = std::size_t{16} << 20;  ///< of a file
inline constexpr std::size_t kMaxNodes = 1'000'000;              ///< after the expansion of aliases
inline constexpr std::size_t kMaxDepth = 64;

/// One document. Refused, with file:line:column: syntax errors, a second document, duplicate keys (both places are
/// named), `<<`, tags, keys that are not text, aliases into their own anchor, more nodes, depth or bytes than above.
/// Throws InputError (status 2; limits: 4) with every finding.
Value parse(std::string_view text, const std::string& file);
/// Reads the file first; `file` is also the name in messages.
Value parse_file(const std::string& file);

}  // namespace xlate::study::yaml
