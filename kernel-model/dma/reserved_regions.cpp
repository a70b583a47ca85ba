#include "kernel-model/dma/reserved_regions.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {
namespace {

constexpr std::uint32_t kPciAddressCells = 3, kPciSizeCells = 2;
/// phys.hi of a PCI address: the space is in bits 25:24; 2 is 32-bit memory, 3 is 64-bit memory.
constexpr Field kPciSpace{24, 2};

}  // namespace

std::vector<BusRange> pci_memory_windows(const firmware::Description& description, firmware::NodeIndex host) {
    std::vector<BusRange> windows;
    const firmware::Node& node = description.node(host);
    const firmware::Property* ranges = node.property("ranges");
    if (ranges == nullptr || node.address_cells != kPciAddressCells || node.size_cells != kPciSizeCells) return windows;
    const std::uint32_t parent_cells = node.parent ? description.node(*node.parent).address_cells : 2;
    const std::size_t row = (kPciAddressCells + parent_cells + kPciSizeCells) * std::size_t{4};
    for (std::size_t at = 0; at + row <= ranges->bytes.size(); at += row) {
        const std::uint8_t* cells = &ranges->bytes[at];
        if (kPciSpace.get(load_be(cells, 4)) < 2) continue;  // configuration and I/O space are not memory
        const std::uint64_t base = load_be(cells + 4, 8);
        const std::uint64_t size = load_be(cells + row - 8, 8);
        if (size != 0) windows.push_back({base, base + size - 1});
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

}  // namespace xlate::kernel
