#include "firmware/pci_hosts.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/acpi/tables.hpp"
#include "firmware/device_name.hpp"

namespace xlate::firmware {
namespace {

bool is_pci(const Node& node) {
    constexpr std::string_view kPci = "pci";
    const Property* const type = node.property("device_type");
    return type != nullptr && type->bytes.size() == kPci.size() + 1 &&
           std::equal(kPci.begin(), kPci.end(), type->bytes.begin());
}

unsigned first_bus(const Node& node) {
    const Property* const range = node.property("bus-range");
    return range != nullptr && range->bytes.size() >= 4 ? static_cast<unsigned>(load_be(range->bytes.data(), 4)) : 0;
}

std::optional<unsigned> end_of_bus_range(const Node& node) {
    const Property* const range = node.property("bus-range");
    if (range == nullptr || range->bytes.size() != 8) return std::nullopt;
    return static_cast<unsigned>(load_be(&range->bytes[4], 4));
}

}  // namespace

std::optional<std::uint64_t> ecam_buses(const Node& host) {
    static constexpr std::string_view kEcam[] = {"pci-host-ecam-generic", "marvell,armada8k-pcie-ecam",
                                                 "socionext,synquacer-pcie-ecam", "snps,dw-pcie-ecam"};
    constexpr unsigned kEcamBits = 20;
    constexpr unsigned kCamBits = 16;
    if (host.regs.empty() || host.regs.front().size == 0) return std::nullopt;
    if (host.is_compatible("pci-host-cam-generic")) return host.regs.front().size >> kCamBits;
    for (const std::string_view name : kEcam) {
        if (host.is_compatible(name)) return host.regs.front().size >> kEcamBits;
    }
    return std::nullopt;
}

unsigned last_bus_of(const Node& host) {
    unsigned last = std::min(end_of_bus_range(host).value_or(255), 255U);
    if (const auto buses = ecam_buses(host); buses && *buses != 0)
        last = static_cast<unsigned>(std::min<std::uint64_t>(last, first_bus(host) + *buses - 1));
    return last;
}

std::uint32_t last_requester(const Node& host) {
    constexpr std::uint32_t kIdsOfABus = 256;
    const std::uint32_t last = (last_bus_of(host) + 1) * kIdsOfABus - 1;
    return host.iommu_map && host.iommu_map->mask ? std::min(last, *host.iommu_map->mask) : last;
}

std::vector<PciHost> pci_hosts(const Description& description) {
    std::vector<PciHost> hosts;
    if (description.origin == Description::Origin::acpi) {
        for (const PciRootNode& root : description.pci_roots)
            hosts.push_back({root.node, root.segment, root.bus, last_bus_of(description.node(root.node))});
        return hosts;
    }
    std::set<unsigned> taken;  // by a property, also of hosts that are disabled
    for (const Node& node : description.nodes) {
        const auto claimed = is_pci(node) ? node.u32("linux,pci-domain") : std::nullopt;
        if (claimed) taken.insert(*claimed);
    }
    unsigned next = 0;
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        const bool below_another = node.parent && is_pci(description.node(*node.parent));
        if (!node.reachable || below_another || !is_pci(node)) continue;
        PciHost host{static_cast<NodeIndex>(i), 0, first_bus(node), last_bus_of(node)};
        if (const auto claimed = node.u32("linux,pci-domain")) {
            host.domain = *claimed;
        } else {
            while (taken.count(next) != 0) ++next;
            host.domain = next++;
        }
        hosts.push_back(host);
    }
    return hosts;
}

bool pci_services_granted(const Description& description, unsigned segment, unsigned bus) {
    if (!description.tables) return true;
    for (const acpi::NamespaceDevice& one : description.tables->devices) {
        if (!one.is_pci_root() || !one.present()) continue;
        if (one.segment.value_or(0) == segment && one.bus.value_or(0) == bus) return one.osc;
    }
    return true;
}

std::optional<PciHost> find_pci_host(const Description& description, const std::string& name) {
    for (const PciHost& host : pci_hosts(description)) {
        if (name.empty() || description.node(host.node).path == name ||
            linux_device_name(description, host.node) == name)
            return host;
    }
    return std::nullopt;
}

std::vector<PciWindow> pci_windows(const Description& description, NodeIndex host) {
    constexpr std::uint32_t kAddressCells = 3, kSizeCells = 2;
    constexpr Field kSpace{24, 2};
    std::vector<PciWindow> windows;
    const Node& node = description.node(host);
    const Property* const ranges = node.property("ranges");
    if (ranges == nullptr || node.address_cells != kAddressCells || node.size_cells != kSizeCells) return windows;
    const std::uint32_t above = node.parent ? description.node(*node.parent).address_cells : 2;
    const std::size_t row = (kAddressCells + above + kSizeCells) * std::size_t{4};
    for (std::size_t at = 0; at + row <= ranges->bytes.size(); at += row) {
        const std::uint8_t* const cells = &ranges->bytes[at];
        PciWindow window;
        window.space = static_cast<std::uint32_t>(kSpace.get(load_be(cells, 4)));
        window.bus = load_be(cells + 4, 8);
        // Of a longer address the low 64 bits.
        const std::uint32_t bytes = 4 * std::min(above, 2U);
        if (bytes != 0) window.above = load_be(cells + row - 8 - bytes, bytes);
        window.size = load_be(cells + row - 8, 8);
        if (window.size != 0) windows.push_back(window);
    }
    return windows;
}

std::optional<std::uint64_t> cpu_address_of(const Description& description, NodeIndex at, std::uint64_t address) {
    for (auto bus = description.node(at).parent; bus && index(*bus) != 0; bus = description.node(*bus).parent) {
        const Node& node = description.node(*bus);
        const Property* const ranges = node.property("ranges");
        if (ranges == nullptr || !node.parent) return std::nullopt;
        if (ranges->bytes.empty()) continue;
        const std::uint32_t below = node.address_cells, above = description.node(*node.parent).address_cells;
        const std::uint32_t sizes = node.size_cells;
        constexpr std::uint32_t kMost = 2;  // of longer addresses a bus has more than numbers
        if (below == 0 || below > kMost || above == 0 || above > kMost || sizes == 0 || sizes > kMost)
            return std::nullopt;
        const std::size_t row = std::size_t{4} * (below + above + sizes);
        bool found = false;
        for (std::size_t i = 0; i + row <= ranges->bytes.size() && !found; i += row) {
            const std::uint8_t* const cells = &ranges->bytes[i];
            const std::uint64_t first = load_be(cells, 4 * below);
            if (address < first || address - first >= load_be(cells + row - 4 * sizes, 4 * sizes)) continue;
            address = address - first + load_be(cells + std::size_t{4} * below, 4 * above);
            found = true;
        }
        if (!found) return std::nullopt;
    }
    return address;
}

std::vector<MemoryRange> pci_memory_of_all(const Description& description) {
    constexpr std::uint32_t kIo = 1;
    std::vector<MemoryRange> all;
    for (const PciHost& host : pci_hosts(description)) {
        for (const PciWindow& window : pci_windows(description, host.node)) {
            const auto seen = cpu_address_of(description, host.node, window.above);
            if (window.space > kIo && seen) all.push_back({*seen, window.size});
        }
    }
    return all;
}

std::string pci_name(unsigned domain, unsigned id) {
    return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, id >> 8 & 0xff, id >> 3 & 31, id & 7);
}

}  // namespace xlate::firmware
