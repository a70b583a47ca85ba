// Which bus addresses a DMA domain must never give out: from the firmware's description of the device's bus, and what
// firmware reserves for the device itself.
// Source: docs/spec/kernel-probe.md section 11.4: host bridge memory windows, holes between inbound ranges; Linux
// of_iommu_get_resv_regions(), iort_iommu_get_resv_regions(), as linux-findings.md 28 saw them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/iommu-core/objects.hpp"

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

/// The node of `dev` as Linux has it: of a PCI function that firmware names the one of its number below its bus' node
/// (pci_set_of_node()), though Device::of_node is left empty there, so that nobody takes it for a platform device's.
std::optional<firmware::NodeIndex> firmware_node(const firmware::Description& description, const Device& dev);

/// From this release of Linux on `iommu-addresses` are read (a5bf3cfce8cb, 5cef282e295f: of 6.3).
inline constexpr unsigned kReleaseWithTreeRegions = 603;
/// From this one on a region without a byte is passed over with a warning (bb57f6705960).
inline constexpr unsigned kReleaseWithSizeCheck = 608;

/// What firmware reserves for `dev`: by its node (device tree), or by the ids of its fwspec at that IOMMU (IORT, from
/// 6.0 on). Of length 0: what the kernel has no more than a remark on. Linux iommu_dma_get_resv_regions(), which most
/// drivers add to their own regions. No point of a task: may be asked from outside.
std::vector<ReservedRegion> iommu_dma_get_resv_regions(const firmware::Description& description, const Device& dev,
                                                       unsigned release);

/// As /sys/kernel/iommu_groups/N/reserved_regions lists them: by address, neighbours of one type joined.
std::vector<ReservedRegion> merged_regions(std::vector<ReservedRegion> regions);

}  // namespace xlate::kernel
