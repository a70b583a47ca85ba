#include "study/inspect/firmware_facts.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "firmware/id_limits.hpp"
#include "kernel-model/of/fw_devlink.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::DeviceReservation;
using firmware::NodeIndex;

std::string ids_of(const DeviceReservation& one) {
    if (one.first_id == one.last_id) return fmt::format("id {:#x}", one.first_id);
    return fmt::format("ids {:#x}-{:#x}", one.first_id, one.last_id);
}

/// Properties by supplier, of an IOMMU.
std::map<NodeIndex, std::string> awaited(const Description& description, NodeIndex iommu) {
    std::map<NodeIndex, std::string> properties;
    for (const kernel::Supplier& supplier : kernel::suppliers_of(description, iommu)) {
        if (supplier.optional) continue;
        std::string& text = properties[supplier.node];
        text += (text.empty() ? "" : ", ") + supplier.property;
    }
    return properties;
}

/// Some PCI function's id may be one of them.
bool of_pci(const Description& description, const DeviceReservation& one) {
    return std::any_of(description.nodes.begin(), description.nodes.end(), [&](const firmware::Node& node) {
        if (!node.iommu_map) return false;
        return std::any_of(node.iommu_map->rows.begin(), node.iommu_map->rows.end(), [&](const auto& row) {
            const std::uint64_t end = std::uint64_t{row.out} + row.length;
            return row.provider == one.provider && row.length != 0 && one.last_id >= row.out && one.first_id < end;
        });
    });
}

}  // namespace

std::vector<FirmwareFact> reservation_facts(const Description& description) {
    std::vector<FirmwareFact> facts;
    for (const DeviceReservation& one : description.device_reservations) {
        const bool direct = one.memory && one.memory->base == one.base && one.memory->size == one.size;
        FirmwareFact fact;
        fact.path = description.node(one.master ? *one.master : one.provider.value_or(NodeIndex{0})).path;
        fact.what = fmt::format(
            "{}{:#x}-{:#x}: {} ({})", one.master ? "" : ids_of(one) + ": ", one.base, one.base + one.size - 1,
            direct ? one.relaxable ? "memory since firmware, mapped one to one until it has a driver"
                                   : "memory since firmware, mapped one to one"
                   : "kept free of DMA addresses",
            one.where);
        facts.push_back(std::move(fact));
    }
    return facts;
}

std::vector<FirmwareFact> supplier_facts(const Description& description) {
    std::vector<FirmwareFact> facts;
    for (const NodeIndex iommu : description.providers()) {
        if (!description.node(iommu).reachable) continue;
        for (const auto& [supplier, properties] : awaited(description, iommu)) {
            facts.push_back({description.node(iommu).path, fmt::format("waits for the driver of {} ({})",
                                                                       description.node(supplier).path, properties)});
        }
    }
    return facts;
}

std::vector<std::string> firmware_warnings(const Description& description,
                                           const std::vector<kernel::ModuleLoad>& modules) {
    std::vector<std::string> warnings;
    for (const NodeIndex iommu : description.providers()) {
        if (!description.node(iommu).reachable) continue;
        for (const auto& [supplier, properties] : awaited(description, iommu)) {
            const std::string& path = description.node(supplier).path;
            const std::string name = firmware::linux_device_name(description, supplier);
            const bool known = std::any_of(modules.begin(), modules.end(), [&](const kernel::ModuleLoad& load) {
                return load.device == path || load.device == name;
            });
            if (known) continue;
            warnings.push_back(fmt::format(
                "{} waits for {} ({}): taken as there from the start; kernel.modules[] with device: {} says "
                "when its driver comes",
                description.node(iommu).path, path, properties, path));
        }
    }
    for (const firmware::IdBeyond& one : firmware::ids_beyond(description))
        warnings.push_back(fmt::format("{}: {}", description.node(one.iommu).path, one.what));
    const auto& reservations = description.device_reservations;
    const auto pci = std::find_if(reservations.begin(), reservations.end(), [&](const DeviceReservation& one) {
        return one.provider && of_pci(description, one);
    });
    if (pci != reservations.end()) {
        warnings.push_back(
            fmt::format("{}: reserved memory of PCI functions ({}) counts in Linux only where the host bridge's _DSM "
                        "keeps firmware's PCI "
                        "configuration: taken as given",
                        pci->where, ids_of(*pci)));
    }
    return warnings;
}

}  // namespace xlate::study
