#include "firmware/acpi/describe.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "firmware/acpi/describe_table.hpp"
#include "firmware/acpi/madt.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

class Describer {
public:
    explicit Describer(Tables tables)
        : machine_(std::make_shared<const Tables>(std::move(tables))), tables_(*machine_.tables) {
        for (const auto part : {describe_iort, describe_dmar, describe_ivrs, describe_rimt, describe_viot}) {
            if (auto made = part(machine_)) parts_.push_back(std::move(made));
        }
    }

    Description run() {
        Description& out = machine_.out;
        out.origin = Description::Origin::acpi;
        out.tables = machine_.tables;
        out.oddities = tables_.oddities;
        for (const Table& table : tables_.tables) out.source += (out.source.empty() ? "" : ", ") + table.file;
        Node root;
        root.path = "/";
        root.name = "";
        out.nodes.push_back(root);
        processors();
        for (const auto& part : parts_) part->platform();
        find_roots();
        for (const auto& part : parts_) part->functions();
        map_roots();
        out.acs_early = std::any_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->acs_early(); });
        if (out.providers().empty()) machine_.note("/", "no table names an IOMMU (IORT, VIOT, DMAR, IVRS or RIMT)");
        machine_.nodes.finish();
        return std::move(out);
    }

private:
    void processors() {
        const Table* const madt = tables_.find("APIC");
        if (madt == nullptr) return;
        const Madt found = read_madt(*madt, machine_.out.oddities);
        for (const std::uint32_t id : found.processors) {
            Node cpu;
            cpu.name = fmt::format("cpu@{:x}", id);
            machine_.nodes.text(machine_.add(std::move(cpu)), "device_type", "cpu");
        }
        for (const Madt::Its& its : found.its) {
            Node node = machine_.at_address("its", its.base, 0x20000, "arm,gic-v3-its");
            machine_.add(std::move(node));
        }
        for (const Madt::MsiFrame& frame : found.msi_frames) {
            const NodeIndex node =
                machine_.add(machine_.at_address("v2m", frame.base, kPageBytes, "arm,gic-v2m-frame"));
            if (frame.spi_base) machine_.nodes.cell(node, "arm,msi-base-spi", *frame.spi_base);
        }
    }

    /// Root buses that the tables know of: segment and first bus, in the order of the scan.
    void find_roots() {
        std::set<std::pair<unsigned, unsigned>> roots;
        std::set<unsigned> scanned;
        for (const NamespaceDevice& one : tables_.devices) {
            if (!one.is_pci_root() || !one.present()) continue;
            const auto segment = static_cast<unsigned>(one.segment.value_or(0) & 0xFFFF);
            const std::size_t before = machine_.out.nodes.size();
            const NodeIndex added =
                machine_.nodes.append_root(segment, static_cast<unsigned>(one.bus.value_or(0) & 0xFF));
            scanned.insert(segment);
            if (machine_.out.nodes.size() == before) continue;
            machine_.at(added).dma_coherent = one.coherent.value_or(0) != 0;
            windows(added, one);
        }
        for (const McfgSegment& one : tables_.mcfg) {
            if (scanned.count(one.segment) == 0) roots.emplace(one.segment, one.bus_start);
        }
        const auto lacking = [&](unsigned segment) {
            return std::none_of(roots.begin(), roots.end(), [&](const auto& root) { return root.first == segment; });
        };
        std::set<unsigned> named;
        for (const auto& part : parts_) named.merge(part->segments());
        for (const unsigned segment : named) {
            if (!lacking(segment) || scanned.count(segment) != 0) continue;
            roots.emplace(segment, 0);
            if (!tables_.mcfg.empty())
                machine_.note("/", fmt::format("segment {} has no configuration space (MCFG)", segment));
        }
        for (const auto& [segment, bus] : roots) machine_.nodes.ensure_root(segment, bus);
    }

    /// The memory that the host bridge hands down, as a device tree's `ranges` has it.
    void windows(NodeIndex root, const NamespaceDevice& of) {
        constexpr std::uint32_t kMemory32 = 0x02000000;
        constexpr std::uint32_t kMemory64 = 0x03000000;
        const auto high = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
        const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
        std::vector<std::uint32_t> cells;
        for (const NamespaceDevice::Window& one : of.memory) {
            const std::uint64_t cpu = one.base + one.translation;
            cells.insert(cells.end(), {high(one.base) == 0 ? kMemory32 : kMemory64, high(one.base), low(one.base),
                                       high(cpu), low(cpu), high(one.size), low(one.size)});
        }
        if (!cells.empty()) machine_.nodes.cells(root, "ranges", cells);
    }

    void map_roots() {
        std::uint64_t rows = 0;
        for (const PciRootNode& root : machine_.out.pci_roots) {
            Node& node = machine_.at(root.node);
            const auto scoped_rows = machine_.segment_rows.find(root.segment);
            if (scoped_rows != machine_.segment_rows.end())
                node.iommu_map = IommuMap{scoped_rows->second, {}, false, false};
            const auto rest = machine_.rest_of_segment.find(root.segment);
            if (rest != machine_.rest_of_segment.end()) {
                if (!node.iommu_map) node.iommu_map.emplace();
                node.iommu_map->rows.push_back({0, 0, rest->second, 0, kAllIds, false, false});
            }
            for (const auto& part : parts_) part->root(root);
            rows +=
                (node.iommu_map ? node.iommu_map->rows.size() : 0) + (node.viot_map ? node.viot_map->rows.size() : 0);
            if (rows > kMaxDecodedEntries) {
                Diagnostic finding;
                finding.where.file = machine_.out.source;
                finding.what = "too many ID mappings for all PCI root buses";
                throw InputError(std::move(finding), ExitStatus::limit);
            }
        }
    }

    Described machine_;
    const Tables& tables_;
    std::vector<std::unique_ptr<TableDescriber>> parts_;
};

}  // namespace

Description describe(Tables tables) { return Describer(std::move(tables)).run(); }
Description read_acpi(const std::vector<NamedBytes>& files) { return describe(read_tables(files)); }

NodeIndex ensure_pci_root(Description& description, unsigned segment, unsigned bus) {
    for (const PciRootNode& root : description.pci_roots) {
        if (root.segment == segment && root.bus == bus) return root.node;
    }
    NodeWriter nodes(description);
    const NodeIndex node = nodes.ensure_root(segment, bus);
    nodes.finish();
    return node;
}

}  // namespace xlate::firmware::acpi
