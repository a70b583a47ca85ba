// Values of properties that the reader leaves as they stand.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// 32-bit cells; a rest of fewer than 4 bytes is left out. Empty if there is no such property.
std::vector<std::uint32_t> cells_of(const Node& node, std::string_view property);
/// Whether a list of strings ("clock-names") has `text`.
bool has_string(const Node& node, std::string_view property, std::string_view text);

}  // namespace xlate::firmware
