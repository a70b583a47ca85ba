// What Linux knows of single PCI devices by their ids, as far as ids on the wire, isolation and ATS go.
// Source: Linux drivers/pci/quirks.c (facts; the rows of devices that a model can meet, not all of them).
#pragma once

#include "kernel-model/pci/topology.hpp"

namespace xlate::kernel {

/// Where a function sits, as far as its quirks ask.
struct PciPlace {
    bool on_root_bus = true;
    bool below_pcie = false;  ///< the bridge above is PCIe, and not a bridge to conventional PCI
    bool multifunction = false;
};

/// The function as `release` treats it: what its ids and the command line's ACS overrides add to what it says itself.
/// What the configuration says already stays.
PciFunction with_quirks(PciFunction function, const PciPlace& place, const AcsOverrides& overrides, unsigned release);

/// A bridge to conventional PCI that leaves the requester ids below it as they are, whether a kernel knows or not.
bool forwards_requester_ids(const PciFunction& function);

}  // namespace xlate::kernel
