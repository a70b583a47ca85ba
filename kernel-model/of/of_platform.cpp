// Creation of platform and AMBA devices from the tree: Linux drivers/of/platform.c.
#include <algorithm>
#include <array>

#include "firmware/default_bus.hpp"
#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

namespace {

using firmware::Node;
using firmware::NodeIndex;

constexpr std::array kReservedMemoryCompatibles{"phram",   "qcom,rmtfs-mem", "qcom,cmd-db",     "qcom,smem",
                                                "ramoops", "nvmem-rmem",     "google,open-dice"};

bool is_any(const Node& node, const char* const* first, const char* const* last) {
    return std::any_of(first, last, [&](const char* what) { return node.is_compatible(what); });
}

}  // namespace

void OfCore::of_platform_default_populate(BusType& platform, BusType& amba) {
    Frame frame{k_, "of_platform_default_populate"};
    platform_ = &platform;
    amba_ = &amba;
    if (description_.nodes.empty()) return;
    if (const auto reserved = description_.find_path("/reserved-memory"))
        for (const NodeIndex child : description_.node(*reserved).children) {
            const Node& node = description_.node(child);
            if (is_any(node, kReservedMemoryCompatibles.data(),
                       kReservedMemoryCompatibles.data() + kReservedMemoryCompatibles.size()))
                create(child, {}, false);
        }
    if (const auto firmware = description_.find_path("/firmware"))
        for (const NodeIndex child : description_.node(*firmware).children) create(child, {}, true);
    for (const NodeIndex child : description_.node(NodeIndex{0}).children) create(child, {}, true);
}

void OfCore::of_platform_populate(Device& parent, bool through_plain_nodes) {
    Frame frame{k_, "of_platform_populate"};
    if (!parent.of_node) return;
    for (const NodeIndex child : description_.node(*parent.of_node).children)
        create(child, Ptr<Device>(&parent), true, through_plain_nodes);
}

/// of_platform_bus_create.
void OfCore::create(NodeIndex at, Ptr<Device> parent, bool recurse, bool through_plain_nodes) {
    const Node& node = description_.node(at);
    if (node.compatible.empty() && through_plain_nodes && node.available)
        for (const NodeIndex child : node.children) create(child, parent, recurse, true);
    if (node.compatible.empty() || node.is_compatible("operating-points-v2")) return;
    if (populated_[firmware::index(at)] || !node.available) return;
    // ACPI's host bridges are no platform devices: boot_state.cpp scans them.
    if (description_.origin == firmware::Description::Origin::acpi && node.has("bus-range")) return;
    // Nor are units that DMAR or IVRS name: initcalls find them.
    const std::string_view table = firmware::iommu_kind(node).table;
    if (table == "DMAR DRHD" || table == "IVRS IVHD") return;
    populated_[firmware::index(at)] = true;
    const bool primecell = node.is_compatible("arm,primecell");
    BusType* const bus = primecell ? amba_ : platform_;
    const Ptr<Device> dev = k_.heap.make<Device>("of_platform", firmware::linux_device_name(description_, at), bus,
                                                 parent, std::optional<NodeIndex>(at));
    if (!dev) return;
    drivers_.device_add(dev);
    if (primecell || !recurse) return;
    if (!firmware::is_default_bus(node)) return;
    for (const NodeIndex child : node.children) create(child, dev, true);
}

}  // namespace xlate::kernel
