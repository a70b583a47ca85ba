// Linux's name of the device that it makes of a node.
#pragma once

#include <string>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// "9050000.smmuv3"; without an address that the CPU reaches the nodes' names up to one that has: "soc:timer",
/// "1c00000.mdio:phy@1"; of ACPI the name in the description. Source: Linux drivers/of/device.c, of_device_make_bus_id.
std::string linux_device_name(const Description& description, NodeIndex node);

}  // namespace xlate::firmware
