// What Linux knows of single PCI devices by their ids, as far as ids on the wire, isolation and ATS go.
// Source: Linux drivers/pci/quirks.c (facts; the rows of devices that a model can meet, not all of them).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel-model/pci/topology.hpp"

namespace xlate::kernel {

/// Where a function sits, as far as its quirks ask.
struct PciPlace {
    bool on_root_bus = true;
    bool below_pcie = false;  ///< the bridge above is PCIe, and not a bridge to conventional PCI
    bool multifunction = false;
    bool beside_ivrs = false;  ///< the firmware has ACPI's table IVRS
};

/// Of a function of this bus, but for what firmware has. `bridge`: that leads to the bus; null: a root bus.
PciPlace place_on_bus(const std::vector<PciFunction>& bus, const PciFunction& function, const PciFunction* bridge);

/// The function as `release` treats it: what its ids and the command line's ACS overrides add to what it says itself.
/// What the configuration says already stays.
PciFunction with_quirks(PciFunction function, const PciPlace& place, const AcsOverrides& overrides, unsigned release);

/// The function as it works, whether a kernel knows of it or not.
PciFunction as_hardware_is(PciFunction function, const PciPlace& place);

/// The requester id that `bridge` puts in place of those behind it; none: they pass as they are. Linux
/// drivers/pci/search.c, pci_for_each_dma_alias(). `bridge`: with its quirks. `own_id`: bus << 8 | devfn.
std::optional<std::uint16_t> alias_of_bridge(const PciFunction& bridge, std::uint32_t own_id, unsigned bus_behind);

}  // namespace xlate::kernel
