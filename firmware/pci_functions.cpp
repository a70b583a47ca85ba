#include "firmware/pci_functions.hpp"

#include <algorithm>
#include <string_view>

#include "base/bits.hpp"
#include "firmware/pci_iommus.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint32_t kPciAddressCells = 3;
constexpr unsigned kBusShift = 8;

/// The first text of its device_type.
bool is_pci_bus(const Node& node) {
    constexpr std::string_view kPci("pci\0", 4);
    const Property* const type = node.property("device_type");
    return type != nullptr && type->bytes.size() >= kPci.size() &&
           std::equal(kPci.begin(), kPci.end(), type->bytes.begin(),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::optional<std::uint32_t> first_bus(const Node& bus) {
    constexpr std::uint32_t kBuses = 256;
    const std::optional<std::uint32_t> first = bus.u32("bus-range");
    return first && *first < kBuses ? first : std::nullopt;
}

unsigned devfn_of(const Node& function) {
    return static_cast<unsigned>(kPciFunction.get(function.regs.front().high) & low_mask(kBusShift));
}

}  // namespace

bool is_pci_function(const Description& description, NodeIndex at) {
    const Node& node = description.node(at);
    if (!node.parent || node.regs.empty() || description.origin == Description::Origin::acpi) return false;
    const Node& bus = description.node(*node.parent);
    return bus.address_cells == kPciAddressCells && is_pci_bus(bus);
}

NodeIndex host_of_pci_function(const Description& description, NodeIndex function) {
    NodeIndex at = function;
    while (is_pci_function(description, at)) at = *description.node(at).parent;
    return at;
}

std::optional<std::uint32_t> requester_of_pci_function(const Description& description, NodeIndex function) {
    const Node& node = description.node(function);
    const NodeIndex bus = *node.parent;
    const std::uint32_t devfn = devfn_of(node);
    const auto own = static_cast<std::uint32_t>(kPciFunction.get(node.regs.front().high) >> kBusShift);
    const std::optional<std::uint32_t> first = first_bus(description.node(bus));
    // A root bus has the number that the host bridge says; the addresses of its functions mostly leave it 0.
    if (!is_pci_function(description, bus)) return first.value_or(0) << kBusShift | devfn;
    if (own == 0 && !first) return std::nullopt;
    return (own != 0 ? own : *first) << kBusShift | devfn;
}

std::optional<NodeIndex> pci_function_node(const Description& description, NodeIndex bus, unsigned devfn) {
    for (const NodeIndex child : description.node(bus).children) {
        const Node& node = description.node(child);
        if (node.available && is_pci_function(description, child) && devfn_of(node) == devfn) return child;
    }
    return std::nullopt;
}

bool is_map_consulted(const Description& description, NodeIndex at) {
    if (description.origin == Description::Origin::acpi) return true;
    const Node& node = description.node(at);
    if (is_pci_bus(node)) return !node.parent || !is_pci_bus(description.node(*node.parent));
    const std::string_view base = std::string_view(node.name).substr(0, node.name.find('@'));
    if (base == "pci" || base == "pcie") return true;  // Linux takes the name for the type where there is none
    return is_management_complex(node) || node.is_compatible("xlnx,versal-net-cdx") || is_host1x(node);
}

bool is_management_complex(const Node& node) { return node.is_compatible("fsl,qoriq-mc"); }

bool is_host1x(const Node& node) {
    return std::any_of(node.compatible.begin(), node.compatible.end(),
                       [](const std::string& name) { return name.find("-host1x") != std::string::npos; });
}

}  // namespace xlate::firmware
