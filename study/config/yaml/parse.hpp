// The one reader of YAML text. Everything that yaml-cpp lets pass and a person would not mean is refused here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "study/config/yaml/value.hpp"

namespace xlate::study::yaml {

inline constexpr std::size_t kMaxBytes = std::size_t{16} << 20;  ///< of a file
inline constexpr std::size_t kMaxNodes = 1'000'000;              ///< keys and values as they are written
inline constexpr std::size_t kMaxCopies = 50'000;                ///< of these, once more by anchors and aliases
inline constexpr std::size_t kMaxDepth = 64;

/// What a text may come to. A refusal costs no more than what was built up to it.
struct Budget {
    std::size_t bytes = kMaxBytes;
    std::size_t nodes = kMaxNodes;
};
/// Of a config or study: some hundred times the largest that we know. The parser takes up to 80 ns a byte.
inline constexpr Budget kConfigBudget{std::size_t{1} << 20, 65'536};

/// One document. Refused, with file:line:column: bytes that are not UTF-8, syntax errors, a second document, duplicate
/// keys (both places are named), `<<`, tags, keys that are not text, aliases into their own anchor, more nodes, depth
/// or bytes than above. Throws InputError (status 2; limits: 4) with every finding.
Value parse(std::string_view text, const std::string& file, const Budget& budget = {});
/// The bytes of a file, as many as parse() takes. Errors: InputError if it cannot be read.
std::string read_text(const std::string& file);
/// Reads the file first; `file` is also the name in messages.
Value parse_file(const std::string& file, const Budget& budget = {});

}  // namespace xlate::study::yaml
