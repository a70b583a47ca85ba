// Which bus addresses a DMA domain must never give out, from the firmware's description of the device's bus.
// Source: docs/spec/kernel-probe.md section 11.4: host bridge memory windows, holes between inbound ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

struct BusRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  ///< included
};

/// The memory windows of a PCI host bridge, in PCI bus addresses, from its `ranges`. Empty for any other node.
std::vector<BusRange> pci_memory_windows(const firmware::Description& description, firmware::NodeIndex host);

/// What lies outside of the inbound windows of a host bridge (its own `dma-ranges`); empty if it has none.
std::vector<BusRange> inbound_holes(const firmware::Node& host);

/// The firmware node of the host bridge above a PCI device; none for other devices.
std::optional<firmware::NodeIndex> pci_host_node(const firmware::Description& description, const Device& dev);

}  // namespace xlate::kernel
