// Aliases, isolation and groups: kernel-probe.md 11.1 and 11.2 (G1..G5).
#include <algorithm>
#include <optional>

#include "kernel-model/pci/pci_core.hpp"
#include "kernel-model/pci/quirks.hpp"

namespace xlate::kernel {

int pci_for_each_dma_alias(PciDevice& pdev, const std::function<int(PciDevice&, std::uint16_t)>& visit) {
    int answer = visit(pdev, pdev.rid());
    if (answer != 0) return answer;
    std::vector<unsigned> quirks = pdev.dma_aliases;
    std::sort(quirks.begin(), quirks.end());
    for (const unsigned devfn : quirks) {
        answer = visit(pdev, static_cast<std::uint16_t>(pdev.pci_bus.number << 8 | devfn));
        if (answer != 0) return answer;
    }
    for (PciBusNode* bus = &pdev.pci_bus; !bus->is_root(); bus = bus->parent) {
        PciDevice& bridge = *bus->self;
        if (bridge.config.alias_translation_root) return 0;
        const std::optional<std::uint16_t> alias = alias_of_bridge(bridge.config, bridge.rid(), bus->number);
        if (alias) answer = visit(bridge, *alias);
        if (answer != 0) return answer;
    }
    return 0;
}

std::uint32_t acs_capability(const PciFunction& function) {
    return function.acs_capability.value_or(function.kind == PciKind::root_port ? kAcsIsolation : 0);
}

bool pci_acs_enabled(const PciDevice& pdev) {
    const PciFunction& config = pdev.config;
    if (config.acs_quirk) return *config.acs_quirk;
    const auto by_capability = [&] {
        const std::uint32_t capability = acs_capability(config);
        if (capability == 0) return false;
        const std::uint32_t asked = capability & kAcsIsolation;
        return (pdev.acs_control & asked) == asked;
    };
    switch (config.kind) {
        case PciKind::root_port:
        case PciKind::downstream_port:
            return by_capability();
        case PciKind::endpoint:
        case PciKind::upstream_port:
            return pdev.multifunction ? by_capability() : true;
        default:
            return false;
    }
}

bool pci_acs_path_enabled(const PciDevice& bridge) {
    for (const PciDevice* at = &bridge; at != nullptr; at = at->pci_bus.self)
        if (!pci_acs_enabled(*at)) return false;
    return true;
}

namespace {

bool are_dma_aliases(const PciDevice& a, const PciDevice& b) {
    const auto has = [](const PciDevice& pdev, unsigned devfn) {
        const auto& list = pdev.dma_aliases;
        return std::find(list.begin(), list.end(), devfn) != list.end();
    };
    return has(a, b.devfn) || has(b, a.devfn);
}

}  // namespace

Ptr<IommuGroup> PciCore::function_alias_group(PciDevice& pdev, std::set<unsigned>& seen) {
    if (!pdev.multifunction || pci_acs_enabled(pdev)) return {};
    for (PciDevice* const other : pdev.pci_bus.devices) {
        if (other == &pdev || other->devfn >> 3 != pdev.devfn >> 3 || pci_acs_enabled(*other)) continue;
        if (const Ptr<IommuGroup> group = alias_group(*other, seen)) return group;
    }
    return {};
}

Ptr<IommuGroup> PciCore::alias_group(PciDevice& pdev, std::set<unsigned>& seen) {
    if (!seen.insert(pdev.devfn).second) return {};
    if (const Ptr<IommuGroup> group = iommu_.iommu_group_get(pdev, "G3")) return group;
    for (PciDevice* const other : pdev.pci_bus.devices) {
        if (other == &pdev || !are_dma_aliases(pdev, *other)) continue;
        if (const Ptr<IommuGroup> group = alias_group(*other, seen)) return group;
        if (const Ptr<IommuGroup> group = function_alias_group(*other, seen)) return group;
    }
    return {};
}

PtrOrErr<IommuGroup> PciCore::pci_device_group(Device& dev) {
    Frame frame{k_, "pci_device_group"};
    // G1: whoever shares an id with it.
    Ptr<IommuGroup> found;
    PciDevice* last = nullptr;
    pci_for_each_dma_alias(static_cast<PciDevice&>(dev), [&](PciDevice& visited, std::uint16_t) {
        last = &visited;
        found = iommu_.iommu_group_get(visited, "G1");
        return found ? 1 : 0;
    });
    if (found) return {found, 0};
    // G2: upwards until what is above isolates.
    for (PciBusNode* bus = &last->pci_bus; !bus->is_root(); bus = bus->parent) {
        if (pci_acs_path_enabled(*bus->self)) break;
        last = bus->self;
        found = iommu_.iommu_group_get(*last, "G2");
        if (found) return {found, 0};
    }
    // G3, G4: neighbours that alias it or are not kept apart from it.
    std::set<unsigned> seen;
    found = alias_group(*last, seen);
    if (!found) found = function_alias_group(*last, seen);
    if (found) return {found, 0};
    return iommu_.iommu_group_alloc();  // G5
}

}  // namespace xlate::kernel
