#include "study/inspect/inspect_tables.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace xlate::study {
namespace {

using nlohmann::ordered_json;
using namespace firmware::acpi;

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

/// Printable ASCII: JSON takes only UTF-8.
std::string plain(const std::string& text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte > 0x7e ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
    }
    return result;
}

std::string bdf(unsigned id) { return fmt::format("{:02x}:{:02x}.{:x}", id >> 8, id >> 3 & 31, id & 7); }

ordered_json interrupts(const std::vector<IortInterrupt>& list) {
    ordered_json all = ordered_json::array();
    for (const IortInterrupt& one : list) all.push_back({{"gsiv", one.gsiv}, {"flags", one.flags}});
    return all;
}

void add(ordered_json& to, const IortMemory& memory) {
    to["cache_coherent"] = memory.cache_coherent;
    to["memory_flags"] = memory.flags;
}

struct IortBody {
    ordered_json& to;
    void operator()(const std::monostate&) const {}
    void operator()(const ItsGroup& its) const { to["its_ids"] = its.ids; }
    void operator()(const NamedComponent& component) const {
        to["name"] = plain(component.path);
        to["flags"] = hex(component.flags);
        add(to, component.memory);
        to["address_limit"] = component.address_limit;
    }
    void operator()(const RootComplex& complex) const {
        add(to, complex.memory);
        to["ats"] = complex.ats;
        to["segment"] = complex.segment;
        to["address_limit"] = complex.address_limit;
    }
    void operator()(const Smmu& smmu) const {
        to["base"] = hex(smmu.base);
        to["span"] = hex(smmu.span);
        to["model"] = smmu.model;
        to["flags"] = hex(smmu.flags);
        to["global_interrupts"] = interrupts(smmu.global_interrupts);
        to["context_interrupts"] = interrupts(smmu.context_interrupts);
        to["pmu_interrupts"] = interrupts(smmu.pmu_interrupts);
    }
    void operator()(const SmmuV3& smmu) const {
        to["base"] = hex(smmu.base);
        to["flags"] = hex(smmu.flags);
        to["vatos"] = hex(smmu.vatos);
        to["model"] = smmu.model;
        to["event_gsiv"] = smmu.event_gsiv;
        to["pri_gsiv"] = smmu.pri_gsiv;
        to["gerror_gsiv"] = smmu.gerror_gsiv;
        to["sync_gsiv"] = smmu.sync_gsiv;
    }
    void operator()(const Pmcg& group) const {
        to["base"] = hex(group.page0);
        to["page1"] = group.page1 ? ordered_json(hex(*group.page1)) : ordered_json(nullptr);
        to["overflow_gsiv"] = group.overflow_gsiv;
        to["node_reference"] = hex(group.node_reference);
    }
    void operator()(const Rmr& rmr) const {
        to["flags"] = hex(rmr.flags);
        to["ranges"] = ordered_json::array();
        for (const Rmr::Range& range : rmr.ranges)
            to["ranges"].push_back({{"base", hex(range.base)}, {"length", hex(range.length)}});
    }
};

void add_iort(ordered_json& to, const Iort& iort) {
    to["node_count"] = iort.node_count;
    to["nodes"] = ordered_json::array();
    for (const IortNode& node : iort.nodes) {
        ordered_json one = {{"offset", hex(node.offset)},
                            {"type", iort_type_name(node.type)},
                            {"length", node.length},
                            {"revision", node.revision},
                            {"identifier", node.identifier}};
        std::visit(IortBody{one}, node.body);
        one["mappings"] = ordered_json::array();
        for (const IdMapping& mapping : node.mappings) {
            one["mappings"].push_back({{"input_base", hex(mapping.input_base)},
                                       {"id_count", hex(mapping.ids())},
                                       {"output_base", hex(mapping.output_base)},
                                       {"output_reference", hex(mapping.output_reference)},
                                       {"single", mapping.single()}});
        }
        to["nodes"].push_back(std::move(one));
    }
}

void add_rimt(ordered_json& to, const Rimt& rimt) {
    const auto add_mappings = [](ordered_json& one, const std::vector<RimtMapping>& mappings) {
        one["mappings"] = ordered_json::array();
        for (const RimtMapping& mapping : mappings) {
            one["mappings"].push_back({{"source_base", hex(mapping.source_base)},
                                       {"ids", hex(mapping.ids)},
                                       {"dest_base", hex(mapping.dest_base)},
                                       {"dest_offset", hex(mapping.dest_offset)},
                                       {"flags", hex(mapping.flags)}});
        }
    };
    to["node_count"] = rimt.node_count;
    to["nodes"] = ordered_json::array();
    for (const RimtNode& node : rimt.nodes) {
        ordered_json one = {{"offset", hex(node.offset)},
                            {"type", rimt_type_name(node.type)},
                            {"length", node.length},
                            {"revision", node.revision},
                            {"id", node.id}};
        if (const auto* iommu = std::get_if<RimtIommu>(&node.body)) {
            one["hardware_id"] = plain(iommu->hardware_id);
            one["base"] = hex(iommu->base);
            one["flags"] = hex(iommu->flags);
            one["proximity"] = iommu->proximity;
            one["segment"] = iommu->segment;
            one["bdf"] = hex(iommu->bdf);
            one["wires"] = ordered_json::array();
            for (const RimtIommu::Wire& wire : iommu->wires)
                one["wires"].push_back({{"irq", wire.irq}, {"flags", hex(wire.flags)}});
        } else if (const auto* complex = std::get_if<RimtRootComplex>(&node.body)) {
            one["flags"] = hex(complex->flags);
            one["segment"] = complex->segment;
            add_mappings(one, complex->mappings);
        } else if (const auto* device = std::get_if<RimtPlatformDevice>(&node.body)) {
            one["path"] = plain(device->path);
            add_mappings(one, device->mappings);
        }
        to["nodes"].push_back(std::move(one));
    }
}

void add_viot(ordered_json& to, const Viot& viot) {
    to["node_count"] = viot.node_count;
    to["nodes"] = ordered_json::array();
    for (const ViotNode& node : viot.nodes) {
        ordered_json one = {{"offset", hex(node.offset)}, {"type", viot_type_name(node.type)}, {"length", node.length}};
        if (const auto* range = std::get_if<ViotPciRange>(&node.body)) {
            one["endpoint_start"] = hex(range->endpoint_start);
            one["segment_start"] = range->segment_start;
            one["segment_end"] = range->segment_end;
            one["bdf_start"] = hex(range->bdf_start);
            one["bdf_end"] = hex(range->bdf_end);
            one["output_node"] = hex(range->output);
        } else if (const auto* endpoint = std::get_if<ViotMmioEndpoint>(&node.body)) {
            one["endpoint"] = hex(endpoint->endpoint);
            one["base"] = hex(endpoint->base);
            one["output_node"] = hex(endpoint->output);
        } else if (const auto* pci = std::get_if<ViotVirtioPci>(&node.body)) {
            one["segment"] = pci->segment;
            one["bdf"] = hex(pci->bdf);
        } else if (const auto* mmio = std::get_if<ViotVirtioMmio>(&node.body)) {
            one["base"] = hex(mmio->base);
        }
        to["nodes"].push_back(std::move(one));
    }
}

void add_dmar(ordered_json& to, const Dmar& dmar) {
    to["host_address_width"] = dmar.host_address_width;
    to["flags"] = hex(dmar.flags);
    to["structures"] = ordered_json::array();
    for (const DmarStructure& structure : dmar.structures) {
        ordered_json one = {
            {"offset", hex(structure.offset)}, {"type", dmar_type_name(structure.type)}, {"length", structure.length}};
        if (const auto* unit = std::get_if<Drhd>(&structure.body)) {
            one["flags"] = unit->flags;
            one["include_pci_all"] = unit->include_all();
            one["segment"] = unit->segment;
            one["base"] = hex(unit->base);
        } else if (const auto* region = std::get_if<Rmrr>(&structure.body)) {
            one["segment"] = region->segment;
            one["base"] = hex(region->base);
            one["end"] = hex(region->end);
        } else if (const auto* ports = std::get_if<Atsr>(&structure.body)) {
            one["flags"] = ports->flags;
            one["segment"] = ports->segment;
        } else if (const auto* affinity = std::get_if<Rhsa>(&structure.body)) {
            one["base"] = hex(affinity->base);
            one["proximity_domain"] = affinity->proximity_domain;
        } else if (const auto* device = std::get_if<Andd>(&structure.body)) {
            one["device_number"] = device->device_number;
            one["name"] = plain(device->name);
        } else if (const auto* caches = std::get_if<Satc>(&structure.body)) {
            one["flags"] = caches->flags;
            one["segment"] = caches->segment;
        } else if (const auto* properties = std::get_if<Sidp>(&structure.body)) {
            one["segment"] = properties->segment;
        }
        if (const auto* scopes = structure.scopes()) {
            one["scopes"] = ordered_json::array();
            for (const DeviceScope& scope : *scopes) {
                ordered_json path = ordered_json::array();
                for (const auto& [device, function] : scope.path) path.push_back({device, function});
                one["scopes"].push_back({{"type", scope_type_name(scope.type)},
                                         {"enumeration_id", scope.enumeration_id},
                                         {"start_bus", scope.start_bus},
                                         {"path", std::move(path)}});
            }
        }
        to["structures"].push_back(std::move(one));
    }
}

ordered_json entry_json(const IvhdEntry& entry) {
    using Kind = IvhdEntry::Kind;
    ordered_json one = {{"type", hex(entry.type)},
                        {"kind", name(entry.kind)},
                        {"devid", hex(entry.devid)},
                        {"device", bdf(entry.devid)}};
    if (entry.last != entry.devid) one["last"] = hex(entry.last);
    one["settings"] = hex(entry.settings);
    if (entry.kind == Kind::alias_select || entry.kind == Kind::alias_range) one["alias"] = hex(entry.alias);
    if (entry.kind == Kind::extended_select || entry.kind == Kind::extended_range)
        one["extended"] = hex(entry.extended);
    if (entry.kind == Kind::special) {
        one["handle"] = entry.handle;
        one["variety"] = entry.variety == 1   ? ordered_json("ioapic")
                         : entry.variety == 2 ? ordered_json("hpet")
                                              : ordered_json(entry.variety);
    }
    if (entry.kind == Kind::acpi_hid) {
        one["hid"] = plain(entry.hid);
        one["cid"] = plain(entry.cid);
        one["uid"] = plain(entry.uid);
    }
    return one;
}

void add_ivrs(ordered_json& to, const Ivrs& ivrs) {
    to["info"] = hex(ivrs.info);
    to["used_type"] = hex(ivrs.used_type());
    to["blocks"] = ordered_json::array();
    for (const IvrsBlock& block : ivrs.blocks) {
        ordered_json one = {
            {"offset", hex(block.offset)}, {"type", ivrs_type_name(block.type)}, {"length", block.length}};
        if (const auto* unit = std::get_if<Ivhd>(&block.body)) {
            one["flags"] = hex(unit->flags);
            one["devid"] = hex(unit->devid);
            one["capability"] = hex(unit->capability);
            one["base"] = hex(unit->base);
            one["segment"] = unit->segment;
            one["info"] = hex(unit->info);
            one["features"] = hex(unit->features);
            if (unit->type != 0x10) {
                one["extended_features"] = hex(unit->extended_features);
                one["extended_features2"] = hex(unit->extended_features2);
            }
            one["entries"] = ordered_json::array();
            for (const IvhdEntry& entry : unit->entries) one["entries"].push_back(entry_json(entry));
        } else if (const auto* memory = std::get_if<Ivmd>(&block.body)) {
            one["flags"] = hex(memory->flags);
            one["devid"] = hex(memory->devid);
            one["last"] = hex(memory->last);
            one["base"] = hex(memory->base);
            one["memory_length"] = hex(memory->length);
        }
        to["blocks"].push_back(std::move(one));
    }
}

void add_mcfg(ordered_json& to, const std::vector<McfgSegment>& segments) {
    to["segments"] = ordered_json::array();
    for (const McfgSegment& one : segments) {
        to["segments"].push_back({{"base", hex(one.base)},
                                  {"segment", one.segment},
                                  {"bus_start", one.bus_start},
                                  {"bus_end", one.bus_end}});
    }
}

}  // namespace

void write_tables_json(const Tables& tables, std::string& out) {
    ordered_json all = ordered_json::object();
    for (const Table& table : tables.tables) {
        ordered_json one = {{"signature", plain(table.signature)}, {"length", table.length},
                            {"revision", table.revision},          {"checksum_ok", table.checksum_ok},
                            {"file_size", table.file_size},        {"file", plain(table.file)}};
        const bool counts = tables.find(table.signature) == &table;  // of several with one signature the first does
        if (counts && table.signature == "IORT") add_iort(one, *tables.iort);
        if (counts && table.signature == "VIOT") add_viot(one, *tables.viot);
        if (counts && table.signature == "DMAR") add_dmar(one, *tables.dmar);
        if (counts && table.signature == "IVRS") add_ivrs(one, *tables.ivrs);
        if (counts && table.signature == "RIMT") add_rimt(one, *tables.rimt);
        if (counts && table.signature == "MCFG") add_mcfg(one, tables.mcfg);
        std::string key = plain(table.signature);
        for (unsigned n = 2; all.contains(key); ++n) key = fmt::format("{}{}", plain(table.signature), n);
        all[key] = std::move(one);
    }
    const std::string text = all.dump(1);
    out += ",\n \"tables\": ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += ' ';
    }
}

std::string tables_text(const Tables& tables) {
    std::string out = "ACPI tables\n";
    for (const Table& table : tables.tables) {
        const std::string_view title = table_title(table.signature);
        out += fmt::format("  {}  {}{}, revision {}, {} bytes ({}){}\n", plain(table.signature),
                           title.empty() ? "not known, passed over" : title,
                           table.oem_id.empty() ? "" : ", by " + plain(table.oem_id), table.revision, table.length,
                           plain(table.file), table.checksum_ok ? "" : ", wrong checksum");
    }
    return out;
}

}  // namespace xlate::study
