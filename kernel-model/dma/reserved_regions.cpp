#include "kernel-model/dma/reserved_regions.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/pci_functions.hpp"
#include "firmware/pci_hosts.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {
namespace {

constexpr std::uint32_t kPciAddressCells = 3;

}  // namespace

std::vector<BusRange> pci_memory_windows(const firmware::Description& description, firmware::NodeIndex host) {
    constexpr std::uint32_t kMemory32 = 2;  // configuration and I/O space are not memory
    std::vector<BusRange> windows;
    for (const firmware::PciWindow& one : firmware::pci_windows(description, host)) {
        if (one.space >= kMemory32) windows.push_back({one.bus, one.bus + one.size - 1});
    }
    return windows;
}

std::vector<BusRange> inbound_holes(const firmware::Node& host) {
    std::vector<BusRange> holes;
    if (!host.dma_ranges || host.dma_ranges->kind != firmware::DmaRanges::Kind::list) return holes;
    std::vector<firmware::DmaWindow> windows = host.dma_ranges->windows;
    std::sort(windows.begin(), windows.end(),
              [](const auto& a, const auto& b) { return a.bus != b.bus ? a.bus < b.bus : a.size < b.size; });
    std::uint64_t next = 0;
    for (const firmware::DmaWindow& window : windows) {
        if (window.size == 0) continue;
        if (window.bus > next) holes.push_back({next, window.bus - 1});
        const std::uint64_t end = window.bus + window.size;
        if (end < window.bus) return holes;  // up to the top
        next = std::max(next, end);
    }
    holes.push_back({next, ~std::uint64_t{0}});
    return holes;
}

std::optional<firmware::NodeIndex> pci_host_node(const firmware::Description& description, const Device& dev) {
    if (dev.bus == nullptr || dev.bus->name != "pci") return std::nullopt;
    for (Ptr<Device> at = dev.parent; at; at = at->parent) {
        if (!at->of_node || (at->bus != nullptr && at->bus->name == "pci")) continue;
        const firmware::Node& node = description.node(*at->of_node);
        if (node.address_cells == kPciAddressCells) return at->of_node;
    }
    return std::nullopt;
}

namespace {

ReservedRegion region_of(const firmware::DeviceReservation& one) {
    ReservedRegion region;
    region.start = one.base;
    region.length = one.size;
    if (one.size == 0) {
        region.remark = "Cannot reserve IOVA region of 0 size";
        return region;
    }
    const bool direct = one.memory && one.memory->base == one.base && one.memory->size == one.size;
    region.kind = !direct         ? ReservedRegion::Kind::reserved
                  : one.relaxable ? ReservedRegion::Kind::direct_relaxable
                                  : ReservedRegion::Kind::direct;
    if (one.memory && !direct) {
        region.remark =
            fmt::format("treating non-direct mapping [mem {:#x}-{:#x}] -> [{:#x}-{:#x}] as reservation",
                        one.memory->base, one.memory->base + one.memory->size - 1, one.base, one.base + one.size - 1);
    }
    return region;
}

}  // namespace

std::optional<firmware::NodeIndex> firmware_node(const firmware::Description& description, const Device& dev) {
    const auto* const function = dynamic_cast<const PciDevice*>(&dev);
    if (function == nullptr || dev.of_node) return dev.of_node;
    const PciBusNode& bus = function->pci_bus;
    const Device* const above = bus.self != nullptr ? bus.self : bus.host;
    if (above == nullptr) return std::nullopt;
    const std::optional<firmware::NodeIndex> node = firmware_node(description, *above);
    return node ? firmware::pci_function_node(description, *node, function->devfn) : std::nullopt;
}

std::vector<ReservedRegion> iommu_dma_get_resv_regions(const firmware::Description& description, const Device& dev,
                                                       unsigned release) {
    std::vector<ReservedRegion> regions;
    if (description.device_reservations.empty()) return regions;
    const DevIommu* const container = dev.iommu.peek().get();
    const IommuFwspec* const fwspec = container != nullptr ? container->fwspec.peek().get() : nullptr;
    if (fwspec == nullptr) return regions;
    const std::vector<std::uint32_t> ids = fwspec->peek_ids();
    const std::optional<firmware::NodeIndex> node = firmware_node(description, dev);
    for (const firmware::DeviceReservation& one : description.device_reservations) {
        bool ours = false;
        if (one.master) {
            ours = node == one.master && release >= (one.size == 0 ? kReleaseWithSizeCheck : kReleaseWithTreeRegions);
        } else if (one.provider) {
            ours = one.provider == fwspec->iommu_fwnode.peek() &&
                   std::any_of(ids.begin(), ids.end(),
                               [&](std::uint32_t id) { return id >= one.first_id && id <= one.last_id; });
        }
        if (ours) regions.push_back(region_of(one));
    }
    return regions;
}

std::vector<ReservedRegion> merged_regions(std::vector<ReservedRegion> regions) {
    const auto before = [](const ReservedRegion& a, const ReservedRegion& b) {
        return a.start != b.start ? a.start < b.start : a.kind < b.kind;
    };
    std::stable_sort(regions.begin(), regions.end(), before);
    std::vector<ReservedRegion> merged;
    for (const ReservedRegion& region : regions) {
        if (region.length == 0) continue;
        const auto same = std::find_if(merged.rbegin(), merged.rend(),
                                       [&](const ReservedRegion& other) { return other.kind == region.kind; });
        if (same == merged.rend() || region.start > same->start + same->length) {
            merged.push_back(region);
            continue;
        }
        same->length = std::max(same->start + same->length, region.start + region.length) - same->start;
    }
    return merged;
}

}  // namespace xlate::kernel
