// The flattened form of a device tree: header, reservation block, structure block, strings block.
// Source: Devicetree Specification v0.4, chapter 5.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// Checks `blob`, keeps it in `raw` of `out`, and fills `nodes` (name, path, parent, children, raw properties),
/// `reservations`, `boot_cpuid` and `source`. Versions 16 and 17. Two readers must agree: ours, which knows byte
/// offsets, and libfdt's full check. Errors: InputError, status bad_firmware with the byte offset of what is wrong;
/// status limit (limits.hpp).
void read_flat_tree(std::vector<std::uint8_t> blob, const std::string& name, Description& out);

}  // namespace xlate::firmware
