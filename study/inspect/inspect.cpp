#include "study/inspect/inspect.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "firmware/iommu_families.hpp"
#include "firmware/pci_functions.hpp"
#include "firmware/property_roles.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/inspect/firmware_facts.hpp"
#include "study/inspect/inspect_groups.hpp"
#include "study/inspect/inspect_tables.hpp"
#include "study/inspect/kernel_groups.hpp"

namespace xlate::study {
namespace {

using firmware::Description;
using firmware::IommuEntry;
using firmware::IommuMapRow;
using firmware::Node;
using firmware::NodeIndex;
using firmware::Reg;
using nlohmann::ordered_json;

/// Texts of a blob may hold any bytes; JSON takes only UTF-8, terminals better no control characters.
std::string safe(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e) {
            result += fmt::format("\\x{:02x}", byte);
        } else {
            result += c;
        }
    }
    return result;
}

ordered_json path_of(const Description& description, std::optional<NodeIndex> at) {
    return at ? ordered_json(safe(description.node(*at).path)) : ordered_json(nullptr);
}

std::string status_of(const Node& node) { return safe(node.status.value_or("okay")); }

std::string_view origin_of(const Description& description) {
    return description.origin == Description::Origin::device_tree ? "devicetree" : "acpi";
}

ordered_json iommu_json(const Node& node) {
    ordered_json compatible = ordered_json::array();
    for (const std::string& one : node.compatible) compatible.push_back(safe(one));
    ordered_json regs = ordered_json::array();
    for (const Reg& reg : node.regs) {
        regs.push_back({{"address", reg.cpu_address ? ordered_json(*reg.cpu_address) : ordered_json(nullptr)},
                        {"size", reg.size}});
    }
    ordered_json interrupts = ordered_json::array();
    for (const firmware::Interrupt& interrupt : node.interrupts) {
        interrupts.push_back({{"name", safe(interrupt.name)}, {"cells", interrupt.cells}});
    }
    return {{"path", safe(node.path)},
            {"compatible", compatible},
            {"arch", firmware::iommu_kind(node).family},
            {"cells", *node.iommu_cells},
            {"status", status_of(node)},
            {"reachable", node.reachable},
            {"reg", regs},
            {"interrupts", interrupts},
            {"dma_coherent", node.dma_coherent},
            {"device", node.linux_name.empty() ? ordered_json(nullptr) : ordered_json(safe(node.linux_name))}};
}

/// A list of the document, as text: entries are written as they come, since a tree of all of them would cost more than
/// everything else.
class JsonList {
public:
    explicit JsonList(std::string& out, const char* key) : out_(out) { out_ += fmt::format(",\n \"{}\": [", key); }
    void push_back(const ordered_json& entry) {
        out_ += any_ ? ",\n" : "\n";
        any_ = true;
        const std::string text = entry.dump(1);
        for (std::size_t from = 0; from < text.size();) {
            const std::size_t stop = std::min(text.find('\n', from), text.size() - 1) + 1;
            out_ += "  ";
            out_.append(text, from, stop - from);
            from = stop;
        }
    }
    void close() { out_ += any_ ? "\n ]" : "]"; }

private:
    std::string& out_;
    bool any_ = false;
};

template <typename Each>
void write_list(std::string& out, const char* key, const Each& each) {
    JsonList list(out, key);
    each(list);
    list.close();
}

/// IORT's limit; a device tree has no such property.
std::optional<std::uint32_t> address_limit(const Description& description, const Node& node) {
    return description.origin == Description::Origin::acpi ? node.u32("memory-address-limit") : std::nullopt;
}

void add_masters(const Description& description, NodeIndex at, JsonList& masters) {
    const Node& node = description.node(at);
    const bool translated = description.effective_iommus(at).translated;
    const auto add = [&](const IommuEntry& entry) {
        masters.push_back({{"path", safe(node.path)},
                           {"status", status_of(node)},
                           {"iommu", path_of(description, entry.provider)},
                           {"specifier", entry.args},
                           {"phandle", entry.phandle},
                           {"result", name(entry.result)},
                           {"reachable", node.reachable},
                           {"expect", translated ? "translated" : "no-iommu"},
                           {"dma_coherent", node.dma_coherent},
                           {"dma_ranges", path_of(description, node.dma_ranges_node)}});
    };
    for (const IommuEntry& entry : node.iommus) add(entry);
    if (node.viot) add(*node.viot);
}

/// ACPI's tables speak of segments: of the root buses of one, which have the same map, the lowest shows it.
bool shows_map(const Description& description, const Node& node) {
    const firmware::PciRootNode* own = nullptr;
    for (const firmware::PciRootNode& root : description.pci_roots) {
        if (&description.node(root.node) == &node) own = &root;
    }
    if (own == nullptr) return true;
    return std::none_of(
        description.pci_roots.begin(), description.pci_roots.end(),
        [&](const firmware::PciRootNode& root) { return root.segment == own->segment && root.bus < own->bus; });
}

void add_map(const Description& description, const Node& node, const std::optional<firmware::IommuMap>& map,
             JsonList& maps) {
    if (!map) return;
    for (const IommuMapRow& row : map->rows) {
        if (row.past_iommus) continue;
        maps.push_back({{"path", safe(node.path)},
                        {"base", row.base},
                        {"iommu", path_of(description, row.provider)},
                        {"out_base", row.out},
                        {"length", row.length},
                        {"mask", map->mask ? ordered_json(*map->mask) : ordered_json(nullptr)},
                        {"phandle", row.phandle},
                        {"reachable", node.reachable},
                        {"dma_coherent", node.dma_coherent},
                        {"dma_ranges", path_of(description, node.bus_dma_ranges_node)}});
    }
}

void add_legacy(const Description& description, const Node& node, JsonList& legacy) {
    for (const firmware::LegacyMaster& master : node.mmu_masters) {
        legacy.push_back({{"path", path_of(description, master.master)},
                          {"iommu", safe(node.path)},
                          {"stream_ids", master.stream_ids}});
    }
}

std::string size_text(std::uint64_t bytes) {
    static constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
        {std::uint64_t{1} << 40, "TiB"}, {std::uint64_t{1} << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}};
    for (const auto& [unit, text] : kUnits) {
        if (bytes != 0 && bytes % unit == 0) return fmt::format("{} {}", bytes / unit, text);
    }
    return fmt::format("{} B", bytes);
}

std::string list(const std::vector<std::uint32_t>& words) {
    if (words.empty()) return "no id";
    std::string text;
    for (const std::uint32_t word : words) text += fmt::format("{}{:#x}", text.empty() ? "" : " ", word);
    return text;
}

/// " (ESPI 4: INTID 4100)" for each interrupt of an extended range: the kernel and its logs count from 4096 there.
/// Source: Linux Documentation/devicetree/bindings/interrupt-controller/arm,gic-v3.yaml.
std::string extended_interrupts(const Description& description, const Node& node) {
    constexpr std::uint32_t kEspi = 2, kEppi = 3;
    std::string text;
    for (const firmware::Interrupt& one : node.interrupts) {
        if (!one.controller || one.cells.size() < 2) continue;
        if (!description.node(*one.controller).is_compatible("arm,gic-v3")) continue;
        const std::uint32_t number = one.cells[1];
        if (one.cells[0] == kEspi)
            text += fmt::format("{}ESPI {}: INTID {}", text.empty() ? "" : ", ", number, 4096 + number);
        if (one.cells[0] == kEppi)
            text += fmt::format("{}EPPI {}: INTID {}", text.empty() ? "" : ", ", number, 1056 + number);
    }
    return text.empty() ? text : " (" + text + ")";
}

void write_iommus(const Description& description, std::string& out) {
    out += "\nIOMMUs\n";
    const std::vector<NodeIndex> providers = description.providers();
    if (providers.empty()) out += "  none\n";
    for (const NodeIndex at : providers) {
        const Node& node = description.node(at);
        out += fmt::format("  {}  {} ({})", safe(node.path), firmware::iommu_kind(node).family,
                           node.compatible.empty() ? "no compatible" : safe(node.compatible.front()));
        if (!node.regs.empty() && node.regs.front().cpu_address) {
            out += fmt::format(", registers {} at {:#x}", size_text(node.regs.front().size),
                               *node.regs.front().cpu_address);
        }
        out += fmt::format(", {} cell{}", *node.iommu_cells, *node.iommu_cells == 1 ? "" : "s");
        out += fmt::format(", {} interrupt{}", node.interrupts.size(), node.interrupts.size() == 1 ? "" : "s");
        out += extended_interrupts(description, node);
        if (node.dma_coherent) out += ", coherent";
        if (!node.linux_name.empty()) out += ", Linux: " + safe(node.linux_name);
        if (!node.reachable) out += node.available ? ", below a disabled node" : ", " + status_of(node);
        out += '\n';
    }
}

void write_masters(const Description& description, std::string& out) {
    out += "\nMasters\n";
    bool any = false;
    for (std::uint32_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (!node.has_iommus) continue;
        any = true;
        const Description::Effective effective = description.effective_iommus(NodeIndex{i});
        out += fmt::format("  {}  ", safe(node.path));
        if (!node.reachable) out += "(not there: " + (node.available ? "parent disabled" : status_of(node)) + ") ";
        if (!effective.translated) {
            const bool acpi = description.origin == Description::Origin::acpi;
            out += fmt::format("untranslated: {}", effective.stop ? name(*effective.stop)
                                                   : acpi         ? "no ID mapping that counts"
                                                                  : "empty list");
        }
        for (std::size_t k = 0; k < effective.entries.size(); ++k) {
            const IommuEntry& entry = *effective.entries[k];
            const bool same = k != 0 && entry.provider == effective.entries[k - 1]->provider;
            out +=
                same ? ", " : fmt::format("{}{}: ", k == 0 ? "" : "; ", safe(description.node(*entry.provider).path));
            out += list(entry.args);
        }
        if (effective.translated && effective.stop) out += fmt::format(" (list ends early: {})", name(*effective.stop));
        if (node.dma_coherent) out += ", coherent";
        if (const auto bits = address_limit(description, node)) out += fmt::format(", addresses of {} bits", *bits);
        out += '\n';
    }
    for (const Node& node : description.nodes) {
        for (const firmware::LegacyMaster& master : node.mmu_masters) {
            any = true;
            out += fmt::format("  {}  {}: {} (legacy mmu-masters)\n",
                               master.master ? safe(description.node(*master.master).path)
                                             : fmt::format("phandle {:#x}, no node", master.phandle),
                               safe(node.path), list(master.stream_ids));
        }
    }
    if (!any) out += "  none with a node of their own\n";
}

void write_map(const Description& description, const Node& node, const firmware::IommuMap& map, std::string& out) {
    out += fmt::format("  {}{}", safe(node.path), node.reachable ? "" : "  (not there)");
    if (map.mask) out += fmt::format("  mask {:#x}", *map.mask);
    if (const auto bits = address_limit(description, node)) out += fmt::format("  addresses of {} bits", *bits);
    if (map.malformed) out += "  malformed: every look-up is an error";
    out += '\n';
    for (const IommuMapRow& row : map.rows) {
        const std::string target = row.provider ? safe(description.node(*row.provider).path)
                                                : fmt::format("phandle {:#x}, no node", row.phandle);
        if (row.length == 0) {
            out += fmt::format("    nothing (length 0 at {:#x}) -> {}\n", row.base, target);
            continue;
        }
        const std::uint64_t last = std::uint64_t{row.base} + row.length - 1;
        if (row.past_iommus) {
            out += fmt::format("    {:#x}-{:#x} -> past the IOMMUs\n", row.base, last);
        } else if (row.folded) {
            out += fmt::format("    {:#x}-{:#x} -> {} {:#x}\n", row.base, last, target, row.out);
        } else {
            // Linux computes with 32 bits.
            out += fmt::format("    {:#x}-{:#x} -> {} {:#x}-{:#x}\n", row.base, last, target, row.out,
                               row.out + (row.length - 1));
        }
    }
}

void write_maps(const Description& description, std::string& out) {
    out += "\nMaps of requester ids\n";
    bool any = false;
    for (const Node& node : description.nodes) {
        for (const auto* map : {&node.iommu_map, &node.viot_map}) {
            if (!*map || !shows_map(description, node)) continue;
            any = true;
            write_map(description, node, **map, out);
        }
    }
    if (!any) out += "  none\n";
}

/// Who is behind the map of `node`, and what decides on their groups.
std::string behind_map(const Node& node) {
    const std::string path = safe(node.path);
    if (firmware::is_host1x(node))
        return fmt::format("context devices of {}: one a row of its map, each with a group; not modelled", path);
    if (firmware::is_management_complex(node))
        return fmt::format("DPAA2 objects of {}: one group for each container; not modelled", path);
    return fmt::format("functions behind {}: by topology, isolation (ACS) and probe order", path);
}

void write_groups(const Description& description, std::string& out) {
    out += "\nGroups to expect\n";
    const ExpectedGroups expected = expected_groups(description);
    bool any = false;
    for (const ExpectedGroup& group : expected.groups) {
        any = true;
        out += "  ";
        for (std::size_t i = 0; i < group.members.size(); ++i) {
            out += (i == 0 ? "" : ", ") + safe(description.node(group.members[i]).path);
        }
        out += fmt::format("  behind {}{}\n", safe(description.node(group.iommu).path),
                           group.may_share ? ", or with others: a table of the driver decides" : "");
    }
    for (const Refusal& refusal : expected.refusals) {
        any = true;
        out += fmt::format("  no group: {}: {}\n", safe(description.node(refusal.master).path), safe(refusal.why));
    }
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (!node.reachable || (!node.iommu_map && !node.viot_map)) continue;
        if (node.iommu_map && node.iommu_map->malformed) continue;
        if (!firmware::is_map_consulted(description, static_cast<NodeIndex>(i))) continue;
        any = true;
        out += fmt::format("  {}\n", behind_map(node));
    }
    if (!any) out += "  none\n";
}

std::optional<unsigned> release_of(const KernelGroups* kernel) {
    return kernel == nullptr ? std::nullopt : std::optional(kernel::find_variant(kernel->variant).release);
}

/// Facts of the firmware that no model acts on.
void write_unmodelled(const Description& description, std::string& out) {
    const std::vector<firmware::UnmodelledProperty> all = firmware::unmodelled_properties(description);
    if (all.empty()) return;
    out += "\nNot modelled\n";
    for (const firmware::UnmodelledProperty& one : all) {
        out +=
            fmt::format("  {} of {}{}: {}\n", safe(one.name), safe(description.node(one.nodes.front()).path),
                        one.nodes.size() == 1 ? "" : fmt::format(" and {} more", one.nodes.size() - 1), safe(one.what));
    }
}

}  // namespace

std::string inspect_json(const Description& description, const KernelGroups* kernel) {
    std::string out = fmt::format("{{\n \"schema\": \"xlate.inspect/1\",\n \"source\": {},\n \"origin\": \"{}\"",
                                  ordered_json(safe(description.source)).dump(), origin_of(description));
    write_list(out, "iommus", [&](JsonList& list) {
        for (const NodeIndex at : description.providers()) list.push_back(iommu_json(description.node(at)));
    });
    write_list(out, "masters", [&](JsonList& list) {
        for (std::uint32_t i = 0; i < description.nodes.size(); ++i) add_masters(description, NodeIndex{i}, list);
    });
    write_list(out, "maps", [&](JsonList& list) {
        for (const Node& node : description.nodes) {
            if (!shows_map(description, node)) continue;
            add_map(description, node, node.iommu_map, list);
            add_map(description, node, node.viot_map, list);
        }
    });
    write_list(out, "legacy_masters", [&](JsonList& list) {
        for (const Node& node : description.nodes) add_legacy(description, node, list);
    });
    const ExpectedGroups expected = expected_groups(description);
    write_list(out, "groups", [&](JsonList& list) {
        for (const ExpectedGroup& group : expected.groups) {
            ordered_json members = ordered_json::array();
            for (const NodeIndex member : group.members) members.push_back(path_of(description, member));
            ordered_json one = {{"iommu", path_of(description, group.iommu)}, {"members", members}};
            if (group.may_share) one["may_share"] = true;
            list.push_back(std::move(one));
        }
    });
    write_list(out, "refused", [&](JsonList& list) {
        for (const Refusal& refusal : expected.refusals)
            list.push_back({{"path", path_of(description, refusal.master)}, {"why", safe(refusal.why)}});
    });
    write_list(out, "memory", [&](JsonList& list) {
        for (const firmware::MemoryRange& range : description.memory)
            list.push_back({{"base", range.base}, {"size", range.size}});
    });
    const auto facts = [&](const char* key, const std::vector<FirmwareFact>& all) {
        if (all.empty()) return;
        write_list(out, key, [&](JsonList& list) {
            for (const FirmwareFact& fact : all) list.push_back({{"path", safe(fact.path)}, {"what", safe(fact.what)}});
        });
    };
    facts("boot_arguments", boot_argument_facts(description));
    facts("reservations", reservation_facts(description, release_of(kernel)));
    facts("suppliers", supplier_facts(description));
    if (description.tables) write_tables_json(*description.tables, out);
    write_list(out, "not_modelled", [&](JsonList& list) {
        for (const firmware::UnmodelledProperty& one : firmware::unmodelled_properties(description)) {
            ordered_json nodes = ordered_json::array();
            for (const NodeIndex at : one.nodes) nodes.push_back(path_of(description, at));
            list.push_back({{"property", safe(one.name)}, {"what", safe(one.what)}, {"nodes", nodes}});
        }
    });
    write_list(out, "oddities", [&](JsonList& list) {
        for (const firmware::Oddity& oddity : description.oddities)
            list.push_back({{"path", safe(oddity.path)}, {"what", safe(oddity.what)}});
    });
    if (kernel != nullptr) out += ",\n \"kernel_groups\": " + kernel_groups_json(*kernel).dump();
    return out + "\n}\n";
}

std::string inspect_text(const Description& description, const KernelGroups* kernel) {
    std::uint64_t memory = 0;
    for (const firmware::MemoryRange& range : description.memory) memory += range.size;
    std::string out;
    if (description.tables) {
        out = tables_text(*description.tables);
    } else {
        out = fmt::format("{}: {}, {} nodes, {} of memory\n", safe(description.source), origin_of(description),
                          description.nodes.size(), size_text(memory));
    }
    write_iommus(description, out);
    write_masters(description, out);
    write_maps(description, out);
    if (kernel != nullptr)
        out += kernel_groups_text(*kernel);
    else
        write_groups(description, out);
    const auto facts = [&](const char* heading, const std::vector<FirmwareFact>& all) {
        if (all.empty()) return;
        out += fmt::format("\n{}\n", heading);
        for (const FirmwareFact& fact : all) out += fmt::format("  {}: {}\n", safe(fact.path), safe(fact.what));
    };
    facts("Kernel parameters (bootargs)", boot_argument_facts(description));
    facts("Reserved for devices", reservation_facts(description, release_of(kernel)));
    facts("Suppliers of IOMMUs", supplier_facts(description));
    write_unmodelled(description, out);
    out += "\nOddities\n";
    if (description.oddities.empty()) out += "  none\n";
    for (const firmware::Oddity& oddity : description.oddities) {
        out += fmt::format("  {}: {}\n", safe(oddity.path), safe(oddity.what));
    }
    return out;
}

}  // namespace xlate::study
