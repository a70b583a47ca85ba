// Configs that extend others: `extends: base.yaml`, or a list of which later ones win. What the config says itself wins
// over all; maps are merged key by key, anything else is replaced as a whole.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/config/yaml/parse.hpp"
#include "study/config/yaml/value.hpp"

namespace xlate::study::yaml {

/// Files that were extended, by their paths, and what they held: each once, in the order in which they were met.
using Bases = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMostBases = 16;  ///< of one config, all together

/// As parse(), with what it extends; every value keeps its own file, line and column. A base lies in the directory of
/// the config or below, also behind links. `given`: the bases come from `bases` alone, as an earlier call left them;
/// else they are read, and added to it. Errors: InputError: as parse(); a base that is not there, lies elsewhere, or
/// extends itself.
Value parse_extended(std::string_view text, const std::string& file, const Budget& budget, Bases& bases,
                     bool given = false);

}  // namespace xlate::study::yaml
