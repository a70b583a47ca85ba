#include "study/run/dmar_scopes.hpp"

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "firmware/acpi/tables.hpp"
#include "firmware/iommu_families.hpp"
#include "study/config/pci_config.hpp"
#include "study/config/yaml/read.hpp"

namespace xlate::study {
namespace {

namespace acpi = firmware::acpi;

/// A function where Linux finds it, and the buses behind it, if it is a bridge.
struct Place {
    unsigned segment = 0, bus = 0, devfn = 0;
    std::optional<unsigned> secondary;
    unsigned last = 0;
};

class Places {
public:
    explicit Places(const std::vector<kernel::PciRoot>& roots) {
        for (const kernel::PciRoot& root : roots) {
            last_ = root.bus;
            scan(root.functions, root.domain, root.bus);
        }
    }
    const Place* find(unsigned segment, unsigned bus, unsigned devfn) const {
        for (const Place& one : places_) {
            if (one.segment == segment && one.bus == bus && one.devfn == devfn) return &one;
        }
        return nullptr;
    }
    /// The function at the end of a scope's path.
    const Place* find(const acpi::DeviceScope& scope, unsigned segment) const {
        unsigned bus = scope.start_bus;
        const Place* at = nullptr;
        for (const auto& [device, function] : scope.path) {
            if (at != nullptr) {
                if (!at->secondary) return nullptr;
                bus = *at->secondary;
            }
            at = find(segment, bus, (device & 31U) << 3 | (function & 7U));
            if (at == nullptr) return nullptr;
        }
        return at;
    }

private:
    void scan(const std::vector<kernel::PciFunction>& functions, unsigned segment, unsigned bus) {
        for (const kernel::PciFunction& function : functions) {
            places_.push_back({segment, bus, function.device << 3 | function.function, {}, 0});
        }
        for (const kernel::PciFunction& function : functions) {
            if (!kernel::is_bridge(function.kind)) continue;
            const unsigned behind = ++last_;
            scan(function.below, segment, behind);
            for (Place& one : places_) {
                if (one.segment != segment || one.bus != bus) continue;
                if (one.devfn != (function.device << 3 | function.function)) continue;
                one.secondary = behind;
                one.last = last_;
            }
        }
    }
    std::vector<Place> places_;
    unsigned last_ = 0;
};

/// Linux goes on without a word: it waits for a function that may be plugged in later.
void absent(firmware::Description& description, const std::string& path, const char* result,
            const acpi::DeviceScope& scope, unsigned segment) {
    std::string way = segment == 0 ? "" : fmt::format("{:04x}:", segment);
    way += fmt::format("{:02x}", scope.start_bus);
    for (const auto& [device, function] : scope.path) way += fmt::format(":{:02x}.{:x}", device & 31U, function & 7U);
    const acpi::Table* const table = description.tables->find("DMAR");
    description.oddities.push_back(
        {path, fmt::format("{}: a scope names {}, where soc.pci has no function: {}",
                           table != nullptr ? acpi::place(*table, scope.offset) : "DMAR", way, result)});
}

}  // namespace

void settle_dmar_scopes(const Config& config, firmware::Description& description) {
    if (!description.tables || !description.tables->dmar || config.soc.pci.empty()) return;
    yaml::Findings findings;  // what is wrong with the functions is said elsewhere
    const Places places(make_pci_roots(config, findings, nullptr));
    std::vector<firmware::NodeIndex> units;
    for (const firmware::NodeIndex node : description.providers()) {
        if (firmware::iommu_kind(description.node(node)).table == "DMAR DRHD") units.push_back(node);
    }
    std::size_t number = 0;
    const auto tables = description.tables;
    for (const acpi::DmarStructure& one : tables->dmar->structures) {
        if (const auto* const region = std::get_if<acpi::Rmrr>(&one.body)) {
            for (const acpi::DeviceScope& scope : region->scopes) {
                if (!scope.path.empty() && places.find(scope, region->segment) == nullptr)
                    absent(description, "/", "its reserved region is mapped for nothing", scope, region->segment);
            }
        }
        const auto* const unit = std::get_if<acpi::Drhd>(&one.body);
        if (unit == nullptr || number == units.size()) continue;
        const firmware::NodeIndex node = units[number++];
        std::vector<firmware::IommuMapRow> rows;
        for (const acpi::DeviceScope& scope : unit->scopes) {
            const auto type = static_cast<acpi::ScopeType>(scope.type);
            if (type != acpi::ScopeType::pci_endpoint && type != acpi::ScopeType::pci_bridge) continue;
            const Place* const place = places.find(scope, unit->segment);
            if (place == nullptr) {
                absent(description, description.node(node).path, "it covers nothing", scope, unit->segment);
                continue;
            }
            const auto row = [&](std::uint32_t first, std::uint32_t length) {
                rows.push_back({first, 0, node, first, length, false, false});
            };
            if (scope.path.size() > 1) row(place->bus << 8 | place->devfn, 1);
            if (place->secondary) row(*place->secondary << 8, (place->last - *place->secondary + 1) << 8);
        }
        for (const firmware::PciRootNode& root : description.pci_roots) {
            if (root.segment != unit->segment || rows.empty()) continue;
            std::optional<firmware::IommuMap>& map = description.nodes[firmware::index(root.node)].iommu_map;
            if (!map) map.emplace();
            map->rows.insert(map->rows.begin(), rows.begin(), rows.end());
        }
    }
}

}  // namespace xlate::study
