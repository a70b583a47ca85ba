#include "firmware/acpi/describe_table.hpp"

#include <utility>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"

namespace xlate::firmware::acpi {
namespace {

class DmarDescriber final : public TableDescriber {
public:
    using TableDescriber::TableDescriber;

    void platform() override {
        unsigned number = 0;
        for (const DmarStructure& one : tables_.dmar->structures) {
            if (const auto* name = std::get_if<Andd>(&one.body)) andd_.emplace(name->device_number, name->name);
        }
        for (const Drhd* const unit : tables_.dmar->units()) {
            const IommuKind& kind = *iommu_kind_of_table("DMAR DRHD");
            Node node = machine_.at_address("dmar", unit->base, unit->register_bytes(), kind.compatible);
            node.linux_name = fmt::format("{}{}", kind.acpi_name, number++);
            node.iommu_cells = 1;
            const NodeIndex added = machine_.add(std::move(node));
            segments_.insert(unit->segment);
            for (const DeviceScope& scope : unit->scopes) scoped(*unit, scope, added);
            if (unit->include_all()) machine_.rest_of_segment.emplace(unit->segment, added);
        }
        for (const DmarStructure& one : tables_.dmar->structures) {
            const auto* const region = std::get_if<Rmrr>(&one.body);
            if (region == nullptr || region->end < region->base) continue;
            machine_.out.reservations.push_back({region->base, region->end - region->base + 1});
        }
    }
    std::set<unsigned> segments() const override { return segments_; }

private:
    void scoped(const Drhd& unit, const DeviceScope& scope, NodeIndex iommu) {
        if (scope.path.empty()) return;
        const auto type = static_cast<ScopeType>(scope.type);
        const auto& [slot, function] = scope.path.front();
        const auto id = static_cast<std::uint32_t>(scope.start_bus << 8 | (slot & 31) << 3 | (function & 7));
        if (type == ScopeType::acpi_device) {
            const auto found = andd_.find(scope.enumeration_id);
            if (found != andd_.end()) machine_.behind(machine_.device(found->second), iommu, id);
            return;
        }
        if (type != ScopeType::pci_endpoint && type != ScopeType::pci_bridge) return;
        if (scope.path.size() > 1 || type == ScopeType::pci_bridge) {
            machine_.note(machine_.at(iommu).path,
                          fmt::format("a scope begins at {}{:02x}:{:02x}.{:x} and goes through a bridge: which ids are "
                                      "behind it is known only once its buses have numbers",
                                      unit.segment == 0 ? "" : fmt::format("{:04x}:", unit.segment), scope.start_bus,
                                      slot, function));
        }
        if (scope.path.size() == 1) machine_.segment_rows[unit.segment].push_back({id, 0, iommu, id, 1, false, false});
    }

    std::set<unsigned> segments_;
    std::map<unsigned, std::string> andd_;
};

}  // namespace

std::unique_ptr<TableDescriber> describe_dmar(Described& machine) {
    if (!machine.tables->dmar) return nullptr;
    return std::make_unique<DmarDescriber>(machine);
}

}  // namespace xlate::firmware::acpi
