// Nodes that are buses of plain devices.
#pragma once

#include "firmware/description.hpp"

namespace xlate::firmware {

/// Whether Linux makes devices of the children of `node` at boot, without a driver of its own. Source: Linux
/// drivers/of/platform.c, of_default_bus_match_table.
bool is_default_bus(const Node& node);

}  // namespace xlate::firmware
