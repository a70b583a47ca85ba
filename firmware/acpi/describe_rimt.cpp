#include "firmware/acpi/describe_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"

namespace xlate::firmware::acpi {
namespace {

class RimtDescriber final : public TableDescriber {
public:
    using TableDescriber::TableDescriber;

    /// IOMMUs of the platform are devices of the namespace as well; those without one Linux has no device for.
    void platform() override {
        unsigned number = 0;
        for (std::size_t i = 0; i < tables_.rimt->nodes.size(); ++i) {
            const auto* const one = std::get_if<RimtIommu>(&tables_.rimt->nodes[i].body);
            if (one == nullptr || one->is_pci()) continue;
            Node node =
                machine_.at_address("iommu", one->base, kPageBytes, iommu_kind_of_table("RIMT platform")->compatible);
            node.linux_name = fmt::format("{}:{:02x}", one->hardware_id, number++);
            node.iommu_cells = 1;
            const auto found = machine_.of_address.find(one->base);
            if (found != machine_.of_address.end()) {
                node.linux_name = machine_.linux_names[found->second];
            } else if (!tables_.devices.empty()) {
                machine_.note("/" + node.name,
                              "an IOMMU of the RIMT that the namespace has no device for: Linux has no driver "
                              "for it");
            }
            for (const RimtIommu::Wire& wire : one->wires) machine_.interrupt(node, "", wire.irq);
            of_rimt_[i] = machine_.add(std::move(node));
        }
    }
    std::set<unsigned> segments() const override {
        std::set<unsigned> all;
        for (const RimtNode& node : tables_.rimt->nodes) {
            if (const auto* complex = std::get_if<RimtRootComplex>(&node.body)) all.insert(complex->segment);
        }
        return all;
    }
    /// The IOMMUs that are PCI functions, below their root buses; then the platform's devices.
    void functions() override {
        const Rimt& rimt = *tables_.rimt;
        for (std::size_t i = 0; i < rimt.nodes.size(); ++i) {
            const auto* const one = std::get_if<RimtIommu>(&rimt.nodes[i].body);
            if (one == nullptr || !one->is_pci()) continue;
            Node node;
            node.name = fmt::format("iommu@{:x},{:x}", one->bdf >> 3 & 31, one->bdf & 7);
            node.linux_name =
                fmt::format("{:04x}:{:02x}:{:02x}.{:x}", one->segment, one->bdf >> 8, one->bdf >> 3 & 31, one->bdf & 7);
            node.compatible = {std::string(iommu_kind_of_table("RIMT PCI")->compatible)};
            node.iommu_cells = 1;
            node.parent = machine_.root_above(one->segment, one->bdf >> 8);
            of_rimt_[i] = machine_.add(std::move(node));
        }
        for (const RimtNode& one : rimt.nodes) {
            const auto* const of = std::get_if<RimtPlatformDevice>(&one.body);
            if (of == nullptr) continue;
            Node node = machine_.device(of->path);
            node.has_iommus = true;
            const auto found = machine_.of_path.find(whole_path(of->path));
            if (found != machine_.of_path.end())
                node.dma_coherent = tables_.devices[found->second].coherent.value_or(0) != 0;
            if (found == machine_.of_path.end() && !tables_.devices.empty())
                machine_.note(node.path,
                              "a device of the RIMT that the namespace does not have (or only under a condition)");
            for (const RimtMapping& mapping : of->mappings) {
                if (!mapping.target) break;  // Linux's walk over the mappings ends there
                IommuEntry entry;
                entry.provider = of_rimt_.at(*mapping.target);
                entry.args.assign(1, mapping.dest_base);
                node.iommus.push_back(std::move(entry));
            }
            if (node.iommus.empty())
                machine_.note(node.path, "a device of the RIMT that no ID mapping leads to an IOMMU");
            machine_.add(std::move(node));
        }
    }
    void root(const PciRootNode& of) override {
        const RimtRootComplex* const complex = tables_.rimt->root_complex(of.segment);
        if (complex == nullptr) return;
        IommuMap map;
        for (const RimtMapping& mapping : complex->mappings) {
            if (!mapping.target) continue;  // noted by the reader
            IommuMapRow row;
            row.base = mapping.source_base;
            row.length =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{mapping.ids} + 1, 0xFFFFFFFF));
            row.out = mapping.dest_base;
            row.provider = of_rimt_.at(*mapping.target);
            map.rows.push_back(row);
        }
        if (!map.rows.empty()) machine_.at(of.node).iommu_map = std::move(map);
        if (complex->ats_supported()) machine_.nodes.flag(of.node, "ats-supported");
    }
    bool acs_early() const override { return false; }

private:
    std::map<std::size_t, NodeIndex> of_rimt_;  ///< IOMMUs by the number of their node
};

}  // namespace

std::unique_ptr<TableDescriber> describe_rimt(Described& machine) {
    if (!machine.tables->rimt) return nullptr;
    return std::make_unique<RimtDescriber>(machine);
}

}  // namespace xlate::firmware::acpi
