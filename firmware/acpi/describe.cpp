#include "firmware/acpi/describe.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/acpi/madt.hpp"
#include "firmware/acpi/node_writer.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware::acpi {
namespace {

constexpr std::uint32_t kAllIds = 0x10000;
constexpr std::uint64_t kPageBytes = 0x1000;
constexpr std::size_t kMaxReservations = 4096;  ///< mappings times ranges: a table can ask for many
constexpr std::uint32_t kHttuOverride = 0x6;    // of an IORT SMMUv3's flags

/// A row's length in 32 bits; ids of PCI have 16.
std::uint32_t row_length(std::uint64_t ids) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(ids, 0xFFFFFFFF));
}

class Describer {
public:
    explicit Describer(Tables tables) : tables_(std::make_shared<const Tables>(std::move(tables))), nodes_(out_) {}

    Description run() {
        out_.origin = Description::Origin::acpi;
        out_.tables = tables_;
        out_.oddities = tables_->oddities;
        for (const Table& table : tables_->tables) out_.source += (out_.source.empty() ? "" : ", ") + table.file;
        Node root;
        root.path = "/";
        root.name = "";
        out_.nodes.push_back(root);
        name_devices();
        processors();
        if (tables_->iort) iort();
        if (tables_->dmar) dmar();
        if (tables_->ivrs) ivrs();
        if (tables_->rimt) rimt_platform();
        find_roots();
        if (tables_->rimt) rimt_pci();
        if (tables_->viot) viot();
        map_roots();
        out_.acs_early =
            (tables_->iort && requests_acs(*tables_->iort)) || tables_->viot || tables_->dmar || tables_->ivrs;
        if (out_.providers().empty()) note("/", "no table names an IOMMU (IORT, VIOT, DMAR, IVRS or RIMT)");
        nodes_.finish();
        return std::move(out_);
    }

private:
    void note(const std::string& path, std::string what) { out_.oddities.push_back({path, std::move(what)}); }

    NodeIndex add(Node node) { return nodes_.add(std::move(node)); }
    Node& at(NodeIndex node) { return out_.nodes[index(node)]; }

    static Node at_address(const std::string& name, std::uint64_t base, std::uint64_t size,
                           std::string_view compatible) {
        Node node;
        node.name = fmt::format("{}@{:x}", name, base);
        node.compatible = {std::string(compatible)};
        node.regs.push_back({base, size, base, "", 0});
        return node;
    }

    static void interrupt(Node& node, const std::string& name, std::uint32_t gsiv) {
        if (gsiv == 0) return;
        Interrupt one;
        one.name = name;
        one.cells = {gsiv};
        node.interrupts.push_back(std::move(one));
    }

    void processors() {
        const Table* const madt = tables_->find("APIC");
        if (madt == nullptr) return;
        const Madt found = read_madt(*madt, out_.oddities);
        for (const std::uint32_t id : found.processors) {
            Node cpu;
            cpu.name = fmt::format("cpu@{:x}", id);
            nodes_.text(add(std::move(cpu)), "device_type", "cpu");
        }
        for (const Madt::Its& its : found.its) {
            Node node = at_address("its", its.base, 0x20000, "arm,gic-v3-its");
            add(std::move(node));
        }
        for (const Madt::MsiFrame& frame : found.msi_frames) {
            const NodeIndex node = add(at_address("v2m", frame.base, kPageBytes, "arm,gic-v2m-frame"));
            if (frame.spi_base) nodes_.cell(node, "arm,msi-base-spi", *frame.spi_base);
        }
    }

    void iort() {
        const Iort& iort = *tables_->iort;
        unsigned automatic = 0;  // Linux numbers all platform devices that it makes of nodes in one row
        for (std::size_t i = 0; i < iort.nodes.size(); ++i) {
            const IortNode& node = iort.nodes[i];
            if (const auto* v3 = std::get_if<SmmuV3>(&node.body)) {
                const IommuKind& kind = *iommu_kind_of_table("IORT SMMUv3");
                Node one = at_address("smmuv3", v3->base, v3->span(), kind.compatible);
                one.linux_name = fmt::format("{}.{}.auto", kind.acpi_name, automatic++);
                one.iommu_cells = 1;
                one.dma_coherent = v3->coherent();
                interrupt(one, "eventq", v3->event_gsiv);
                interrupt(one, "priq", v3->pri_gsiv);
                interrupt(one, "gerror", v3->gerror_gsiv);
                interrupt(one, "cmdq-sync", v3->sync_gsiv);
                if ((v3->flags & kHttuOverride) != 0)
                    note("/" + one.name, "the IORT overrides what IDR0.HTTU says: not modelled, the register counts");
                of_iort_[i] = add(std::move(one));
            } else if (const auto* v2 = std::get_if<Smmu>(&node.body)) {
                const IommuKind* const kind = iommu_kind_of_table(fmt::format("IORT SMMU {}", v2->model));
                Node one = at_address("smmu", v2->base, v2->span, kind == nullptr ? "" : kind->compatible);
                one.linux_name = fmt::format("arm-smmu.{}.auto", automatic++);
                one.iommu_cells = 1;
                one.dma_coherent = v2->coherent();
                for (const IortInterrupt& line : v2->global_interrupts) interrupt(one, "global", line.gsiv);
                for (const IortInterrupt& line : v2->context_interrupts) interrupt(one, "context", line.gsiv);
                if (kind == nullptr) {
                    note(fmt::format("/{}", one.name), fmt::format("SMMU of model {}: not known", v2->model));
                }
                of_iort_[i] = add(std::move(one));
            } else if (const auto* complex = std::get_if<RootComplex>(&node.body)) {
                note_limit(fmt::format("root complex of segment {}", complex->segment), complex->address_limit);
            } else if (const auto* group = std::get_if<Pmcg>(&node.body)) {
                Node one = at_address("pmcg", group->page0, kPageBytes, "arm,smmu-v3-pmcg");
                one.linux_name = fmt::format("arm-smmu-v3-pmcg.{}.auto", automatic++);
                if (group->page1) one.regs.push_back({*group->page1, kPageBytes, *group->page1, "", 0});
                interrupt(one, "overflow", group->overflow_gsiv);
                add(std::move(one));
            }
        }
        for (std::size_t i = 0; i < iort.nodes.size(); ++i) {
            if (const auto* component = std::get_if<NamedComponent>(&iort.nodes[i].body)) named(i, *component);
            if (const auto* rmr = std::get_if<Rmr>(&iort.nodes[i].body)) {
                for (const Rmr::Range& range : rmr->ranges) out_.reservations.push_back({range.base, range.length});
                reserved_ranges(iort, iort.nodes[i], *rmr);
            }
        }
    }

    /// Each mapping of the node says who uses all of its ranges; from revision 5 of the table on.
    void reserved_ranges(const Iort& iort, const IortNode& node, const Rmr& rmr) {
        constexpr std::uint8_t kFirstRevision = 5;
        if (iort.revision < kFirstRevision) return;
        for (const IdMapping& mapping : node.mappings) {
            if (!mapping.target || !iort.nodes[*mapping.target].is_iommu()) {
                note("/", fmt::format("IORT node at {:#x}: a mapping of a reserved memory range that leads to no SMMU",
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
                if (out_.device_reservations.size() == kMaxReservations) {
                    return note("/", "more reserved memory ranges than are followed here");
                }
                if (one.size != 0) out_.device_reservations.push_back(std::move(one));
            }
        }
    }

    /// IORT's memory address size limit: Linux narrows the device's DMA mask to it.
    void note_limit(const std::string& path, unsigned bits) {
        if (bits == 0 || bits >= 64) return;
        note(path, fmt::format("the IORT limits its addresses to {} bits: not modelled, its masters take any", bits));
    }

    void named(std::size_t number, const NamedComponent& component) {
        const Iort& iort = *tables_->iort;
        Node node = device(component.path);
        node.has_iommus = true;
        node.dma_coherent = component.memory.cache_coherent != 0;
        if (!tables_->devices.empty() && of_path_.find(whole_path(component.path)) == of_path_.end()) {
            note(node.path, "a named component that the namespace does not have (or only under a condition)");
        }
        for (std::size_t i = 0;; ++i) {
            const auto found = component_to_smmu(iort, number, i);
            if (!found) break;
            IommuEntry entry;
            entry.provider = of_iort_[found->node];
            entry.args = {found->id};
            node.iommus.push_back(std::move(entry));
        }
        if (node.iommus.empty()) note(node.path, "a named component that no single ID mapping leads to an SMMU");
        const NodeIndex added = add(std::move(node));
        note_limit(at(added).path, component.address_limit);
        if (component.pasid_bits() != 0) nodes_.cell(added, "pasid-num-bits", component.pasid_bits());
        if (component.can_stall()) nodes_.flag(added, "dma-can-stall");
    }

    /// Linux numbers the devices of one hardware id in the order of the namespace: "ARMH0011:00".
    void name_devices() {
        std::map<std::string, unsigned> instances;
        for (std::size_t i = 0; i < tables_->devices.size(); ++i) {
            const NamespaceDevice& one = tables_->devices[i];
            const std::string& id = one.hid.empty() ? one.cid : one.hid;
            linux_names_.push_back(id.empty() ? one.path : fmt::format("{}:{:02x}", id, instances[id]++));
            of_path_[one.path] = i;
            if (!one.memory.empty()) of_address_.emplace(one.memory.front().base, i);
        }
    }

    /// A device of the namespace; without one nobody says what it is.
    Node device(const std::string& path) const {
        Node node;
        node.path = path;
        node.name = path.substr(path.find_last_of("\\.") + 1);
        node.linux_name = path;
        node.compatible = {"acpi-device"};
        const auto found = of_path_.find(whole_path(path));
        if (found != of_path_.end()) describe_as(node, found->second);
        return node;
    }

    void describe_as(Node& node, std::size_t number) const {
        const NamespaceDevice& known = tables_->devices[number];
        node.linux_name = linux_names_[number];
        if (!known.hid.empty()) node.compatible.insert(node.compatible.begin(), known.hid);
        for (const std::uint32_t gsi : known.interrupts) interrupt(node, "", gsi);
        if (!node.regs.empty()) return;
        for (const NamespaceDevice::Window& window : known.memory) {
            const std::uint64_t base = window.base + window.translation;
            node.regs.push_back({window.base, window.size, base, "", 0});
        }
    }

    void dmar() {
        unsigned number = 0;
        for (const DmarStructure& one : tables_->dmar->structures) {
            if (const auto* name = std::get_if<Andd>(&one.body)) andd_.emplace(name->device_number, name->name);
        }
        for (const DmarStructure& one : tables_->dmar->structures) {
            const auto* const unit = std::get_if<Drhd>(&one.body);
            if (unit == nullptr) continue;
            const IommuKind& kind = *iommu_kind_of_table("DMAR DRHD");
            Node node = at_address("dmar", unit->base, kPageBytes << (unit->size & 0xF), kind.compatible);
            node.linux_name = fmt::format("{}{}", kind.acpi_name, number++);
            node.iommu_cells = 1;
            const NodeIndex added = add(std::move(node));
            segments_.insert(unit->segment);
            for (const DeviceScope& scope : unit->scopes) scoped(*unit, scope, added);
            if (unit->include_all()) rest_of_segment_.emplace(unit->segment, added);
        }
        for (const DmarStructure& one : tables_->dmar->structures) {
            const auto* const region = std::get_if<Rmrr>(&one.body);
            if (region == nullptr || region->end < region->base) continue;
            out_.reservations.push_back({region->base, region->end - region->base + 1});
        }
    }

    void scoped(const Drhd& unit, const DeviceScope& scope, NodeIndex iommu) {
        if (scope.path.empty()) return;
        const auto type = static_cast<ScopeType>(scope.type);
        const auto& [slot, function] = scope.path.front();
        const auto id = static_cast<std::uint32_t>(scope.start_bus << 8 | (slot & 31) << 3 | (function & 7));
        if (type == ScopeType::acpi_device) {
            const auto found = andd_.find(scope.enumeration_id);
            if (found != andd_.end()) behind(device(found->second), iommu, id);
            return;
        }
        if (type != ScopeType::pci_endpoint && type != ScopeType::pci_bridge) return;
        if (scope.path.size() > 1 || type == ScopeType::pci_bridge) {
            note(at(iommu).path,
                 fmt::format("a scope begins at {:02x}:{:02x}.{:x} and goes through a bridge: which ids are "
                             "behind it is known only once its buses have numbers",
                             scope.start_bus, slot, function));
        }
        if (scope.path.size() == 1) segment_rows_[unit.segment].push_back({id, 0, iommu, id, 1, false, false});
    }

    void behind(Node node, NodeIndex iommu, std::uint32_t id) {
        node.has_iommus = true;
        IommuEntry entry;
        entry.provider = iommu;
        entry.args = {id};
        node.iommus.push_back(std::move(entry));
        add(std::move(node));
    }

    void ivrs() {
        const std::uint8_t used = tables_->ivrs->used_type();
        unsigned number = 0;
        for (const IvrsBlock& block : tables_->ivrs->blocks) {
            const auto* const unit = std::get_if<Ivhd>(&block.body);
            if (unit == nullptr || unit->type != used) continue;
            const IommuKind& kind = *iommu_kind_of_table("IVRS IVHD");
            Node node = at_address("ivhd", unit->base, 0x80000, kind.compatible);
            node.linux_name = fmt::format("{}{}", kind.acpi_name, number++);
            node.iommu_cells = 1;
            // The message of its own PCI function, which no table numbers.
            node.interrupts.emplace_back();
            node.interrupts.back().name = "msi";
            const NodeIndex added = add(std::move(node));
            segments_.insert(unit->segment);
            auto& rows = segment_rows_[unit->segment];
            for (const IvhdEntry& entry : unit->entries) entry_rows(entry, added, rows);
        }
        // Of two entries for one device the later one counts; of two rows the first.
        for (auto& [segment, rows] : segment_rows_) std::reverse(rows.begin(), rows.end());
        for (const IvrsBlock& block : tables_->ivrs->blocks) {
            const auto* const memory = std::get_if<Ivmd>(&block.body);
            if (memory != nullptr) out_.reservations.push_back({memory->base, memory->length});
        }
    }

    void entry_rows(const IvhdEntry& entry, NodeIndex iommu, std::vector<IommuMapRow>& rows) {
        using Kind = IvhdEntry::Kind;
        const std::uint32_t length = entry.last < entry.devid ? 0 : entry.last - entry.devid + 1U;
        switch (entry.kind) {
            case Kind::all:
                rows.push_back({0, 0, iommu, 0, kAllIds, false, false});
                break;
            case Kind::select:
            case Kind::range:
            case Kind::extended_select:
            case Kind::extended_range:
                rows.push_back({entry.devid, 0, iommu, entry.devid, length, false, false});
                break;
            case Kind::alias_select:
            case Kind::alias_range:
                rows.push_back({entry.devid, 0, iommu, entry.alias, length, false, true});
                break;
            case Kind::acpi_hid: {
                Node node = ivrs_device(entry);
                behind(std::move(node), iommu, entry.devid);
                break;
            }
            case Kind::padding:
            case Kind::special:
            case Kind::unknown:
                break;
        }
    }

    /// By hardware and unique id; firmware that puts a path where the unique id belongs means that one.
    Node ivrs_device(const IvhdEntry& entry) const {
        for (const NamespaceDevice& one : tables_->devices) {
            if (!entry.uid.empty() && one.hid == entry.hid && one.uid == entry.uid) return device(one.path);
        }
        Node node = device(entry.uid.empty() ? entry.hid : entry.uid);
        if (node.path.front() != '\\') node.path = "/" + node.path;
        node.compatible = {entry.hid};
        return node;
    }

    /// Root buses that the tables know of: segment and first bus, in the order of the scan.
    void find_roots() {
        std::set<std::pair<unsigned, unsigned>> roots;
        std::set<unsigned> scanned;
        for (const NamespaceDevice& one : tables_->devices) {
            if (!one.is_pci_root() || !one.present()) continue;
            const auto segment = static_cast<unsigned>(one.segment.value_or(0) & 0xFFFF);
            const std::size_t before = out_.nodes.size();
            const NodeIndex added = nodes_.append_root(segment, static_cast<unsigned>(one.bus.value_or(0) & 0xFF));
            scanned.insert(segment);
            if (out_.nodes.size() == before) continue;
            at(added).dma_coherent = one.coherent.value_or(0) != 0;
            windows(added, one);
        }
        for (const McfgSegment& one : tables_->mcfg) {
            if (scanned.count(one.segment) == 0) roots.emplace(one.segment, one.bus_start);
        }
        const auto lacking = [&](unsigned segment) {
            return std::none_of(roots.begin(), roots.end(), [&](const auto& root) { return root.first == segment; });
        };
        std::set<unsigned> named = segments_;
        if (tables_->iort) {
            for (const IortNode& node : tables_->iort->nodes) {
                if (const auto* complex = std::get_if<RootComplex>(&node.body)) named.insert(complex->segment);
            }
        }
        if (tables_->viot) {
            for (const ViotNode& node : tables_->viot->nodes) {
                if (const auto* range = std::get_if<ViotPciRange>(&node.body)) named.insert(range->segment_start);
            }
        }
        if (tables_->rimt) {
            for (const RimtNode& node : tables_->rimt->nodes) {
                if (const auto* complex = std::get_if<RimtRootComplex>(&node.body)) named.insert(complex->segment);
            }
        }
        for (const unsigned segment : named) {
            if (!lacking(segment) || scanned.count(segment) != 0) continue;
            roots.emplace(segment, 0);
            if (!tables_->mcfg.empty()) note("/", fmt::format("segment {} has no configuration space (MCFG)", segment));
        }
        for (const auto& [segment, bus] : roots) nodes_.ensure_root(segment, bus);
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
        if (!cells.empty()) nodes_.cells(root, "ranges", cells);
    }

    void viot() {
        const Viot& viot = *tables_->viot;
        std::map<std::size_t, NodeIndex> iommus;
        for (std::size_t i = 0; i < viot.nodes.size(); ++i) {
            if (const auto* pci = std::get_if<ViotVirtioPci>(&viot.nodes[i].body)) {
                Node node;
                node.name = fmt::format("virtio-iommu@{:x},{:x}", pci->bdf >> 3 & 31, pci->bdf & 7);
                node.linux_name = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", pci->segment, pci->bdf >> 8,
                                              pci->bdf >> 3 & 31, pci->bdf & 7);
                node.compatible = {std::string(iommu_kind_of_table("VIOT PCI")->compatible)};
                node.iommu_cells = 1;
                node.parent = root_above(pci->segment, pci->bdf >> 8);
                iommus[i] = add(std::move(node));
            } else if (const auto* mmio = std::get_if<ViotVirtioMmio>(&viot.nodes[i].body)) {
                Node node = at_address("virtio-iommu", mmio->base, 0x200, iommu_kind_of_table("VIOT MMIO")->compatible);
                node.iommu_cells = 1;
                node.linux_name = fmt::format("{:x}.virtio_mmio", mmio->base);
                if (const auto found = of_address_.find(mmio->base); found != of_address_.end())
                    describe_as(node, found->second);
                iommus[i] = add(std::move(node));
            }
        }
        for (const ViotNode& one : viot.nodes) {
            if (const auto* range = std::get_if<ViotPciRange>(&one.body)) {
                if (range->bdf_end < range->bdf_start) continue;
                IommuMapRow row;
                row.base = range->bdf_start;
                row.length = range->bdf_end - range->bdf_start + 1U;
                if (range->target) row.provider = iommus.at(*range->target);
                ranges_.push_back({range->segment_start, range->segment_end, range->endpoint_start, row});
            } else if (const auto* endpoint = std::get_if<ViotMmioEndpoint>(&one.body)) {
                Node node = at_address("device", endpoint->base, kPageBytes, "acpi-device");
                node.linux_name = fmt::format("{:x}.device", endpoint->base);
                if (const auto found = of_address_.find(endpoint->base); found != of_address_.end())
                    describe_as(node, found->second);
                node.has_iommus = true;
                IommuEntry entry;
                entry.args = {endpoint->endpoint};
                entry.result = endpoint->target ? EntryResult::ok : EntryResult::missing_node;
                if (endpoint->target) entry.provider = iommus.at(*endpoint->target);
                node.viot = std::move(entry);
                add(std::move(node));
            }
        }
    }

    /// IOMMUs of the platform are devices of the namespace as well; those without one Linux has no device for.
    void rimt_platform() {
        unsigned number = 0;
        for (std::size_t i = 0; i < tables_->rimt->nodes.size(); ++i) {
            const auto* const one = std::get_if<RimtIommu>(&tables_->rimt->nodes[i].body);
            if (one == nullptr || one->is_pci()) continue;
            Node node = at_address("iommu", one->base, kPageBytes, iommu_kind_of_table("RIMT platform")->compatible);
            node.linux_name = fmt::format("{}:{:02x}", one->hardware_id, number++);
            node.iommu_cells = 1;
            const auto found = of_address_.find(one->base);
            if (found != of_address_.end()) {
                node.linux_name = linux_names_[found->second];
            } else if (!tables_->devices.empty()) {
                note("/" + node.name,
                     "an IOMMU of the RIMT that the namespace has no device for: Linux has no driver "
                     "for it");
            }
            for (const RimtIommu::Wire& wire : one->wires) interrupt(node, "", wire.irq);
            of_rimt_[i] = add(std::move(node));
        }
    }

    /// The IOMMUs that are PCI functions, below their root buses; then the platform's devices.
    void rimt_pci() {
        const Rimt& rimt = *tables_->rimt;
        for (std::size_t i = 0; i < rimt.nodes.size(); ++i) {
            const auto* const one = std::get_if<RimtIommu>(&rimt.nodes[i].body);
            if (one == nullptr || !one->is_pci()) continue;
            Node node;
            node.name = fmt::format("iommu@{:x},{:x}", one->bdf >> 3 & 31, one->bdf & 7);
            node.linux_name =
                fmt::format("{:04x}:{:02x}:{:02x}.{:x}", one->segment, one->bdf >> 8, one->bdf >> 3 & 31, one->bdf & 7);
            node.compatible = {std::string(iommu_kind_of_table("RIMT PCI")->compatible)};
            node.iommu_cells = 1;
            node.parent = root_above(one->segment, one->bdf >> 8);
            of_rimt_[i] = add(std::move(node));
        }
        for (const RimtNode& one : rimt.nodes) {
            const auto* const of = std::get_if<RimtPlatformDevice>(&one.body);
            if (of == nullptr) continue;
            Node node = device(of->path);
            node.has_iommus = true;
            const auto found = of_path_.find(whole_path(of->path));
            if (found != of_path_.end()) node.dma_coherent = tables_->devices[found->second].coherent.value_or(0) != 0;
            if (found == of_path_.end() && !tables_->devices.empty())
                note(node.path, "a device of the RIMT that the namespace does not have (or only under a condition)");
            for (const RimtMapping& mapping : of->mappings) {
                if (!mapping.target) break;  // Linux's walk over the mappings ends there
                IommuEntry entry;
                entry.provider = of_rimt_.at(*mapping.target);
                entry.args.assign(1, mapping.dest_base);
                node.iommus.push_back(std::move(entry));
            }
            if (node.iommus.empty()) note(node.path, "a device of the RIMT that no ID mapping leads to an IOMMU");
            add(std::move(node));
        }
    }

    void rimt_root(Node& node, NodeIndex at_node, unsigned segment) {
        const RimtRootComplex* const complex = tables_->rimt->root_complex(segment);
        if (complex == nullptr) return;
        IommuMap map;
        for (const RimtMapping& mapping : complex->mappings) {
            if (!mapping.target) continue;  // noted by the reader
            IommuMapRow row;
            row.base = mapping.source_base;
            row.length = row_length(std::uint64_t{mapping.ids} + 1);
            row.out = mapping.dest_base;
            row.provider = of_rimt_.at(*mapping.target);
            map.rows.push_back(row);
        }
        if (!map.rows.empty()) node.iommu_map = std::move(map);
        if (complex->ats_supported()) nodes_.flag(at_node, "ats-supported");
    }

    NodeIndex root_above(unsigned segment, unsigned bus) {
        const PciRootNode* best = nullptr;
        for (const PciRootNode& root : out_.pci_roots) {
            if (root.segment == segment && root.bus <= bus && (best == nullptr || root.bus > best->bus)) best = &root;
        }
        return best != nullptr ? best->node : nodes_.ensure_root(segment, 0);
    }

    void map_roots() {
        std::uint64_t rows = 0;
        for (const PciRootNode& root : out_.pci_roots) {
            Node& node = at(root.node);
            if (tables_->iort) map_root(node, root.node, root.segment);
            if (tables_->rimt) rimt_root(node, root.node, root.segment);
            const auto scoped_rows = segment_rows_.find(root.segment);
            if (scoped_rows != segment_rows_.end()) node.iommu_map = IommuMap{scoped_rows->second, {}, false, false};
            const auto rest = rest_of_segment_.find(root.segment);
            if (rest != rest_of_segment_.end()) {
                if (!node.iommu_map) node.iommu_map.emplace();
                node.iommu_map->rows.push_back({0, 0, rest->second, 0, kAllIds, false, false});
            }
            for (const Range& range : ranges_) {
                if (root.segment < range.first || root.segment > range.last) continue;
                if (!node.viot_map) node.viot_map.emplace();
                IommuMapRow row = range.row;
                row.out = range.endpoint + ((root.segment - range.first) << 16);
                node.viot_map->rows.push_back(row);
            }
            rows +=
                (node.iommu_map ? node.iommu_map->rows.size() : 0) + (node.viot_map ? node.viot_map->rows.size() : 0);
            if (rows > kMaxDecodedEntries) {
                Diagnostic finding;
                finding.where.file = out_.source;
                finding.what = "too many ID mappings for all PCI root buses";
                throw InputError(std::move(finding), ExitStatus::limit);
            }
        }
    }

    void map_root(Node& node, NodeIndex at_node, unsigned segment) {
        const Iort& iort = *tables_->iort;
        const std::optional<std::size_t> found = iort.root_complex(segment);
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
        if (body.ats_supported()) nodes_.flag(at_node, "ats-supported");
    }

    struct Range {
        unsigned first = 0;
        unsigned last = 0;
        std::uint32_t endpoint = 0;
        IommuMapRow row;
    };

    std::shared_ptr<const Tables> tables_;
    Description out_;
    NodeWriter nodes_;
    std::map<std::size_t, NodeIndex> of_iort_;  ///< IOMMUs by the number of their node
    std::map<std::size_t, NodeIndex> of_rimt_;  ///< the same, of the RIMT
    std::set<unsigned> segments_;
    std::map<unsigned, std::string> andd_;
    std::vector<std::string> linux_names_;  ///< of the namespace's devices
    std::map<std::string, std::size_t> of_path_;
    std::map<std::uint64_t, std::size_t> of_address_;  ///< of the first memory resource
    std::map<unsigned, std::vector<IommuMapRow>> segment_rows_;
    std::map<unsigned, NodeIndex> rest_of_segment_;
    std::vector<Range> ranges_;
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
