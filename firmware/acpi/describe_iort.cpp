#include "firmware/acpi/describe_table.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::size_t kMaxReservations = 4096;  ///< mappings times ranges: a table can ask for many
constexpr std::uint32_t kHttuOverride = 0x6;    // of an IORT SMMUv3's flags

/// A row's length in 32 bits; ids of PCI have 16.
std::uint32_t row_length(std::uint64_t ids) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(ids, 0xFFFFFFFF));
}

class IortDescriber final : public TableDescriber {
public:
    using TableDescriber::TableDescriber;

    void platform() override {
        const Iort& iort = *tables_.iort;
        unsigned automatic = 0;  // Linux numbers all platform devices that it makes of nodes in one row
        for (std::size_t i = 0; i < iort.nodes.size(); ++i) {
            const IortNode& node = iort.nodes[i];
            if (const auto* v3 = std::get_if<SmmuV3>(&node.body)) {
                const IommuKind& kind = *iommu_kind_of_table("IORT SMMUv3");
                Node one = machine_.at_address("smmuv3", v3->base, v3->span(), kind.compatible);
                one.linux_name = fmt::format("{}.{}.auto", kind.acpi_name, automatic++);
                one.iommu_cells = 1;
                one.dma_coherent = v3->coherent();
                machine_.interrupt(one, "eventq", v3->event_gsiv);
                machine_.interrupt(one, "priq", v3->pri_gsiv);
                machine_.interrupt(one, "gerror", v3->gerror_gsiv);
                machine_.interrupt(one, "cmdq-sync", v3->sync_gsiv);
                if ((v3->flags & kHttuOverride) != 0)
                    machine_.note("/" + one.name,
                                  "the IORT overrides what IDR0.HTTU says: not modelled, the register counts");
                of_iort_[i] = machine_.add(std::move(one));
            } else if (const auto* v2 = std::get_if<Smmu>(&node.body)) {
                const IommuKind* const kind = iommu_kind_of_table(fmt::format("IORT SMMU {}", v2->model));
                Node one = machine_.at_address("smmu", v2->base, v2->span, kind == nullptr ? "" : kind->compatible);
                one.linux_name = fmt::format("arm-smmu.{}.auto", automatic++);
                one.iommu_cells = 1;
                one.dma_coherent = v2->coherent();
                for (const IortInterrupt& line : v2->global_interrupts) machine_.interrupt(one, "global", line.gsiv);
                for (const IortInterrupt& line : v2->context_interrupts) machine_.interrupt(one, "context", line.gsiv);
                if (kind == nullptr) {
                    machine_.note(fmt::format("/{}", one.name), fmt::format("SMMU of model {}: not known", v2->model));
                }
                of_iort_[i] = machine_.add(std::move(one));
            } else if (const auto* group = std::get_if<Pmcg>(&node.body)) {
                Node one = machine_.at_address("pmcg", group->page0, kPageBytes, "arm,smmu-v3-pmcg");
                one.linux_name = fmt::format("arm-smmu-v3-pmcg.{}.auto", automatic++);
                if (group->page1) one.regs.push_back({*group->page1, kPageBytes, *group->page1, "", 0});
                machine_.interrupt(one, "overflow", group->overflow_gsiv);
                machine_.add(std::move(one));
            }
        }
        for (std::size_t i = 0; i < iort.nodes.size(); ++i) {
            if (const auto* component = std::get_if<NamedComponent>(&iort.nodes[i].body)) named(i, *component);
            if (const auto* rmr = std::get_if<Rmr>(&iort.nodes[i].body)) {
                for (const Rmr::Range& range : rmr->ranges)
                    machine_.out.reservations.push_back({range.base, range.length});
                reserved_ranges(iort, iort.nodes[i], *rmr);
            }
        }
    }
    std::set<unsigned> segments() const override {
        std::set<unsigned> all;
        for (const IortNode& node : tables_.iort->nodes) {
            if (const auto* complex = std::get_if<RootComplex>(&node.body)) all.insert(complex->segment);
        }
        return all;
    }
    void root(const PciRootNode& of) override {
        Node& node = machine_.at(of.node);
        const Iort& iort = *tables_.iort;
        const std::optional<std::size_t> found = iort.root_complex(of.segment);
        if (!found) return;
        const IortNode& complex = iort.nodes[*found];
        IommuMap map;
        map.last_id_is_tentative = true;
        for (const IdMapping& mapping : complex.mappings) {
            if (!mapping.target) continue;  // noted by the reader
            IommuMapRow row;
            row.base = mapping.single() ? 0 : mapping.input_base;
            row.length = mapping.single() ? kAllIds : row_length(mapping.ids());
            row.out = mapping.output_base;
            row.folded = mapping.single();
            const auto iommu = of_iort_.find(*mapping.target);
            row.past_iommus = iommu == of_iort_.end();
            if (!row.past_iommus) row.provider = iommu->second;
            map.rows.push_back(row);
        }
        if (!map.rows.empty()) node.iommu_map = std::move(map);
        const auto& body = std::get<RootComplex>(complex.body);
        node.dma_coherent = body.memory.cache_coherent != 0;
        limit(of.node, body.address_limit);
        if (body.ats_supported()) machine_.nodes.flag(of.node, "ats-supported");
    }
    bool acs_early() const override { return requests_acs(*tables_.iort); }

private:
    /// Each mapping of the node says who uses all of its ranges; from revision 5 of the table on.
    void reserved_ranges(const Iort& iort, const IortNode& node, const Rmr& rmr) {
        constexpr std::uint8_t kFirstRevision = 5;
        if (iort.revision < kFirstRevision) return;
        for (const IdMapping& mapping : node.mappings) {
            if (!mapping.target || !iort.nodes[*mapping.target].is_iommu()) {
                machine_.note(
                    "/", fmt::format("IORT node at {:#x}: a mapping of a reserved memory range that leads to no SMMU",
                                     node.offset));
                continue;
            }
            for (const Rmr::Range& range : rmr.ranges) {
                DeviceReservation one;
                // Linux goes on with whole pages where they are not multiples of 64 KiB.
                one.base = align_down(range.base, kPageBytes);
                one.size = align_up(range.length + (range.base - one.base), kPageBytes);
                one.memory = MemoryRange{one.base, one.size};
                one.relaxable = (rmr.flags & 1) != 0;
                one.where = fmt::format("IORT node at {:#x}", node.offset);
                one.provider = of_iort_[*mapping.target];
                one.first_id = mapping.output_base;
                one.last_id = static_cast<std::uint32_t>(
                    std::min<std::uint64_t>(mapping.output_base + mapping.ids() - 1, ~std::uint32_t{0}));
                if (machine_.out.device_reservations.size() == kMaxReservations) {
                    return machine_.note("/", "more reserved memory ranges than are followed here");
                }
                if (one.size != 0) machine_.out.device_reservations.push_back(std::move(one));
            }
        }
    }

    /// IORT's memory address size limit, which narrows what Linux gives the device.
    void limit(NodeIndex node, unsigned bits) {
        if (bits != 0 && bits < 64) machine_.nodes.cell(node, "memory-address-limit", bits);
    }

    void named(std::size_t number, const NamedComponent& component) {
        const Iort& iort = *tables_.iort;
        Node node = machine_.device(component.path);
        node.has_iommus = true;
        node.dma_coherent = component.memory.cache_coherent != 0;
        if (!tables_.devices.empty() && machine_.of_path.find(whole_path(component.path)) == machine_.of_path.end()) {
            machine_.note(node.path, "a named component that the namespace does not have (or only under a condition)");
        }
        for (std::size_t i = 0;; ++i) {
            const auto found = component_to_smmu(iort, number, i);
            if (!found) break;
            IommuEntry entry;
            entry.provider = of_iort_[found->node];
            entry.args = {found->id};
            node.iommus.push_back(std::move(entry));
        }
        if (node.iommus.empty())
            machine_.note(node.path, "a named component that no single ID mapping leads to an SMMU");
        const NodeIndex added = machine_.add(std::move(node));
        limit(added, component.address_limit);
        if (component.pasid_bits() != 0) machine_.nodes.cell(added, "pasid-num-bits", component.pasid_bits());
        if (component.can_stall()) machine_.nodes.flag(added, "dma-can-stall");
    }

    std::map<std::size_t, NodeIndex> of_iort_;  ///< IOMMUs by the number of their node
};

}  // namespace

std::unique_ptr<TableDescriber> describe_iort(Described& machine) {
    if (!machine.tables->iort) return nullptr;
    return std::make_unique<IortDescriber>(machine);
}

}  // namespace xlate::firmware::acpi
