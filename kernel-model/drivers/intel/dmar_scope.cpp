#include "kernel-model/drivers/intel/dmar_scope.hpp"

#include <algorithm>

#include "firmware/acpi/tables.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::kernel {

namespace acpi = firmware::acpi;

namespace {

/// Of functions of PCI, or what is behind them; others are of I/O APICs and HPETs.
bool names_functions(acpi::ScopeType type) {
    return type == acpi::ScopeType::pci_endpoint || type == acpi::ScopeType::pci_bridge;
}

}  // namespace

DmarScopes::DmarScopes(const firmware::Description& description, const BusType& pci)
    : description_(description), pci_(pci) {
    if (!description.tables || !description.tables->dmar) return;
    dmar_ = &*description.tables->dmar;
    // The description has a node for each unit, in the table's order.
    std::vector<firmware::NodeIndex> nodes;
    for (const firmware::NodeIndex node : description.providers()) {
        if (firmware::iommu_kind(description.node(node)).table == "DMAR DRHD") nodes.push_back(node);
    }
    for (const acpi::Drhd* const drhd : dmar_->units()) {
        if (units_.size() < nodes.size()) units_.push_back({nodes[units_.size()], drhd});
    }
}

/// dmar_match_pci_path: down from the start bus, through the bridges on the way.
const PciDevice* DmarScopes::scope_device(const acpi::DeviceScope& scope, unsigned segment) const {
    unsigned bus = scope.start_bus;
    const PciDevice* found = nullptr;
    for (std::size_t i = 0; i < scope.path.size(); ++i) {
        if (i != 0) {
            if (found->subordinate == nullptr) return nullptr;
            bus = found->subordinate->number;
        }
        const unsigned devfn = (scope.path[i].first & 31U) << 3 | (scope.path[i].second & 7U);
        found = nullptr;
        for (const Ptr<Device> dev : pci_.devices) {
            const auto* const pdev = dev ? dynamic_cast<const PciDevice*>(dev.get()) : nullptr;
            if (pdev == nullptr || pdev->pci_bus.domain != segment) continue;
            if (pdev->pci_bus.number == bus && pdev->devfn == devfn) found = pdev;
        }
        if (found == nullptr) return nullptr;
    }
    return found;
}

bool DmarScopes::names(const std::vector<acpi::DeviceScope>& scopes, unsigned segment, const PciDevice& pdev) const {
    return std::any_of(scopes.begin(), scopes.end(), [&](const acpi::DeviceScope& scope) {
        return names_functions(static_cast<acpi::ScopeType>(scope.type)) && scope_device(scope, segment) == &pdev;
    });
}

bool DmarScopes::covers(const std::vector<acpi::DeviceScope>& scopes, unsigned segment, const PciDevice& pdev) const {
    for (const acpi::DeviceScope& scope : scopes) {
        if (!names_functions(static_cast<acpi::ScopeType>(scope.type))) continue;
        const PciDevice* const named = scope_device(scope, segment);
        if (named == nullptr) continue;
        // is_downstream_to_pci_bridge
        for (const PciDevice* at = &pdev; at != nullptr; at = at->pci_bus.self) {
            if (at == named && (at == &pdev || named->subordinate != nullptr)) return true;
        }
    }
    return false;
}

bool DmarScopes::has_devices(const acpi::Drhd& drhd) const {
    return std::any_of(drhd.scopes.begin(), drhd.scopes.end(), [&](const acpi::DeviceScope& scope) {
        const auto type = static_cast<acpi::ScopeType>(scope.type);
        if (type == acpi::ScopeType::acpi_device) return true;
        return names_functions(type) && scope_device(scope, drhd.segment) != nullptr;
    });
}

bool DmarScopes::is_for_graphics(const acpi::Drhd& drhd) const {
    constexpr std::uint32_t kClassDisplay = 0x03;
    return has_devices(drhd) &&
           std::all_of(drhd.scopes.begin(), drhd.scopes.end(), [&](const acpi::DeviceScope& scope) {
               const auto type = static_cast<acpi::ScopeType>(scope.type);
               if (type == acpi::ScopeType::acpi_device) return false;
               const PciDevice* const named = names_functions(type) ? scope_device(scope, drhd.segment) : nullptr;
               return named == nullptr || named->class_code() >> 16 == kClassDisplay;
           });
}

std::optional<DmarScopes::Place> DmarScopes::dmar_find_matched_drhd_unit(const Device& dev) const {
    if (const auto* const pdev = dynamic_cast<const PciDevice*>(&dev)) {
        std::optional<std::size_t> rest;
        for (std::size_t i = 0; i < units_.size(); ++i) {
            const acpi::Drhd& drhd = *units_[i].drhd;
            if (drhd.segment != pdev->pci_bus.domain) continue;
            if (covers(drhd.scopes, drhd.segment, *pdev)) return Place{i, pdev->rid()};
            if (drhd.include_all() && !rest) rest = i;
        }
        if (rest) return Place{*rest, pdev->rid()};
        return std::nullopt;
    }
    // Devices of the namespace that an ANDD structure numbers: the description has found out whose they are.
    if (!dev.of_node) return std::nullopt;
    const firmware::Node& node = description_.node(*dev.of_node);
    if (node.iommus.empty() || !node.iommus.front().provider || node.iommus.front().args.empty()) return std::nullopt;
    for (std::size_t i = 0; i < units_.size(); ++i) {
        if (units_[i].node == *node.iommus.front().provider) {
            return Place{i, static_cast<std::uint16_t>(node.iommus.front().args.front())};
        }
    }
    return std::nullopt;
}

std::vector<const acpi::Rmrr*> DmarScopes::rmrrs_of(const Device& dev) const {
    std::vector<const acpi::Rmrr*> found;
    const auto* const pdev = dynamic_cast<const PciDevice*>(&dev);
    if (dmar_ == nullptr || pdev == nullptr) return found;
    for (const acpi::DmarStructure& one : dmar_->structures) {
        const auto* const region = std::get_if<acpi::Rmrr>(&one.body);
        if (region == nullptr || region->end < region->base || region->segment != pdev->pci_bus.domain) continue;
        if (covers(region->scopes, region->segment, *pdev)) found.push_back(region);
    }
    return found;
}

bool DmarScopes::has_external_ports() const {
    return std::any_of(pci_.devices.begin(), pci_.devices.end(), [](const Ptr<Device>& dev) {
        const auto* const pdev = dev ? dynamic_cast<const PciDevice*>(dev.get()) : nullptr;
        return pdev != nullptr && pdev->config.external_facing;
    });
}

bool DmarScopes::dmar_ats_supported(const PciDevice& pdev, bool scalable) const {
    if (dmar_ == nullptr) return false;
    constexpr std::uint8_t kAtcRequired = 1, kAllPorts = 1;
    for (const acpi::DmarStructure& one : dmar_->structures) {
        const auto* const satc = std::get_if<acpi::Satc>(&one.body);
        if (satc == nullptr || satc->segment != pdev.pci_bus.domain || !names(satc->scopes, satc->segment, pdev))
            continue;
        return scalable || (satc->flags & kAtcRequired) == 0;
    }
    const PciDevice* port = pdev.pci_bus.self;
    while (port != nullptr && port->config.kind != PciKind::root_port) {
        if (!is_pcie(port->config.kind) || port->config.kind == PciKind::pcie_to_pci_bridge) return false;
        port = port->pci_bus.self;
    }
    if (port == nullptr) return true;
    return std::any_of(dmar_->structures.begin(), dmar_->structures.end(), [&](const acpi::DmarStructure& one) {
        const auto* const atsr = std::get_if<acpi::Atsr>(&one.body);
        return atsr != nullptr && atsr->segment == pdev.pci_bus.domain &&
               ((atsr->flags & kAllPorts) != 0 || names(atsr->scopes, atsr->segment, *port));
    });
}

}  // namespace xlate::kernel
