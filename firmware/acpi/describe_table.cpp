#include "firmware/acpi/describe_table.hpp"

#include <utility>

#include <fmt/format.h>

namespace xlate::firmware::acpi {

/// Linux numbers the devices of one hardware id in the order of the namespace: "ARMH0011:00".
Described::Described(std::shared_ptr<const Tables> of) : tables(std::move(of)), nodes(out) {
    std::map<std::string, unsigned> instances;
    for (std::size_t i = 0; i < tables->devices.size(); ++i) {
        const NamespaceDevice& one = tables->devices[i];
        const std::string& id = one.hid.empty() ? one.cid : one.hid;
        linux_names.push_back(id.empty() ? one.path : fmt::format("{}:{:02x}", id, instances[id]++));
        of_path[one.path] = i;
        if (!one.memory.empty()) of_address.emplace(one.memory.front().base, i);
    }
}

Node Described::at_address(const std::string& name, std::uint64_t base, std::uint64_t size,
                           std::string_view compatible) {
    Node node;
    node.name = fmt::format("{}@{:x}", name, base);
    node.compatible = {std::string(compatible)};
    node.regs.push_back({base, size, base, "", 0});
    return node;
}

void Described::interrupt(Node& node, const std::string& name, std::uint32_t gsiv) {
    if (gsiv == 0) return;
    Interrupt one;
    one.name = name;
    one.cells = {gsiv};
    node.interrupts.push_back(std::move(one));
}

Node Described::device(const std::string& path) const {
    Node node;
    node.path = path;
    node.name = path.substr(path.find_last_of("\\.") + 1);
    node.linux_name = path;
    node.compatible = {"acpi-device"};
    const auto found = of_path.find(whole_path(path));
    if (found != of_path.end()) describe_as(node, found->second);
    return node;
}

void Described::describe_as(Node& node, std::size_t number) const {
    const NamespaceDevice& known = tables->devices[number];
    node.linux_name = linux_names[number];
    if (!known.hid.empty()) node.compatible.insert(node.compatible.begin(), known.hid);
    for (const std::uint32_t gsi : known.interrupts) interrupt(node, "", gsi);
    if (!node.regs.empty()) return;
    for (const NamespaceDevice::Window& window : known.memory) {
        const std::uint64_t base = window.base + window.translation;
        node.regs.push_back({window.base, window.size, base, "", 0});
    }
}

void Described::behind(Node node, NodeIndex iommu, std::uint32_t id) {
    node.has_iommus = true;
    IommuEntry entry;
    entry.provider = iommu;
    entry.args = {id};
    node.iommus.push_back(std::move(entry));
    add(std::move(node));
}

NodeIndex Described::root_above(unsigned segment, unsigned bus) {
    const PciRootNode* best = nullptr;
    for (const PciRootNode& root : out.pci_roots) {
        if (root.segment == segment && root.bus <= bus && (best == nullptr || root.bus > best->bus)) best = &root;
    }
    return best != nullptr ? best->node : nodes.ensure_root(segment, 0);
}

}  // namespace xlate::firmware::acpi
