// Device tree overlays: told apart from boards, and applied to one.
// Source: the overlay format of dtc (Documentation/dt-object-internal.txt); libfdt's fdt_overlay_apply.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// Whether the tree is an overlay: a child of its root holds an `__overlay__`. No board does.
bool is_overlay(const Description& tree);

/// The board with the overlays applied in their order, as a new blob; names and contents of each.
/// Errors: InputError, status bad_firmware: a tree that is none, an overlay that is none, a symbol that the board (with
/// the overlays before it) does not have, with the place that asks for it and the nearest name, a target that is not
/// there; status limit beyond the bounds of limits.hpp.
std::vector<std::uint8_t> apply_overlays(
    const std::pair<std::string, std::vector<std::uint8_t>>& board,
    const std::vector<std::pair<std::string, std::vector<std::uint8_t>>>& overlays);

}  // namespace xlate::firmware
