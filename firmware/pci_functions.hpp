// Nodes of a device tree that stand on a PCI bus: functions that firmware names one by one. Linux makes no platform
// devices of them; a function that it finds when it scans the bus takes the node of its number for its own.
// Source: the PCI bus binding; Linux drivers/pci/of.c (pci_set_of_node, of_pci_find_child_device), drivers/iommu/
// of_iommu.c (of_iommu_configure asks the host bridge's iommu-map alone).
#pragma once

#include <cstdint>
#include <optional>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// Whether `at` is one: an address below a node with device_type "pci".
bool is_pci_function(const Description& description, NodeIndex at);

/// The host bridge's node above a function's.
NodeIndex host_of_pci_function(const Description& description, NodeIndex function);

/// Which id its transactions carry, where the tree says it: behind a bridge by the bus of its address, or by the
/// bridge's bus-range.
std::optional<std::uint32_t> requester_of_pci_function(const Description& description, NodeIndex function);

/// The node of device and function `devfn` on the bus of `bus`, a host bridge's or a bridge's node; none: there is
/// none, or it is switched off.
std::optional<NodeIndex> pci_function_node(const Description& description, NodeIndex bus, unsigned devfn);

/// Whether a driver of Linux looks ids up in this node's iommu-map: host bridges, and buses whose devices have ids of
/// their own.
bool is_map_consulted(const Description& description, NodeIndex at);

/// NXP's management complex (DPAA2), whose objects its own firmware makes.
bool is_management_complex(const Node& node);
/// Whose map has rows for memory contexts of Tegra's host1x, not for functions of PCI.
bool is_host1x(const Node& node);

}  // namespace xlate::firmware
