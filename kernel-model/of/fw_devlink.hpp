// Suppliers: what a device tree says that a device needs before it can work, and how Linux makes devices wait for it.
// Linux drivers/of/property.c (which properties), drivers/base/core.c (fw_devlink=rpm, the default): a device is not
// probed before its suppliers are bound; at the deferred probe timeout it stops waiting for those without a driver.
// Functional: the wait for suppliers whose drivers the configuration names, and for IOMMUs with fw_devlink.strict=1.
// Stored: all other suppliers count as there from the start. Absent: cycles, sync_state, runtime power management.
// Source: docs/spec/kernel-probe.md DD3 and 11.5.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::kernel {

struct Supplier {
    firmware::NodeIndex node{};  ///< that makes the device: a pin setting's controller, not the setting
    std::string property;        ///< "clocks"
    bool optional = false;       ///< counts with fw_devlink.strict=1 alone: iommus, iommu-map, dmas
};

/// The suppliers of a node in order of its properties, each supplier once a property. Without those that need no
/// driver (fixed clocks, disabled nodes) and without its own ancestors.
std::vector<Supplier> suppliers_of(const firmware::Description& description, firmware::NodeIndex consumer);

}  // namespace xlate::kernel
