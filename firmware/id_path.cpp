#include "firmware/id_path.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/acpi/tables.hpp"
#include "firmware/default_bus.hpp"
#include "firmware/device_name.hpp"
#include "firmware/pci_hosts.hpp"

namespace xlate::firmware {
namespace {

std::string status_of(const Node& node) { return node.status.value_or("okay"); }

std::string words(const std::vector<std::uint32_t>& cells) {
    std::string text;
    for (const std::uint32_t cell : cells) text += fmt::format("{}{:#x}", text.empty() ? "" : " ", cell);
    return text.empty() ? "no cell" : text;
}

std::string id_text(const StreamMatch& match) {
    return match.mask == 0 ? fmt::format("id {:#x}", match.id)
                           : fmt::format("id {:#x} with mask {:#x}", match.id, match.mask);
}

class Tracer {
public:
    explicit Tracer(const Description& description) : in_(description) {}

    IdPath platform(NodeIndex master) {
        const Node& node = in_.node(master);
        if (!is_there(master)) return std::move(path_);
        if (node.compatible.empty() && in_.origin == Description::Origin::device_tree) {
            return end(PathEnd::no_device, "Linux makes no device of a node without compatible");
        }
        step(fmt::format("Linux's device: {}{}", linux_device_name(in_, master), bus_remark(node)));
        if (node.iommus.empty() && node.viot) {
            step(fmt::format("its endpoint in the VIOT: {}", words(node.viot->args)));
            return entries({&*node.viot});
        }
        if (!node.has_iommus) return without_iommus(master);
        if (node.iommus.empty()) {
            if (in_.origin == Description::Origin::acpi) return end(PathEnd::no_iommu, no_mapping());
            return end(PathEnd::list_broken, "its iommus is empty");
        }
        std::vector<const IommuEntry*> all;
        for (const IommuEntry& entry : node.iommus) all.push_back(&entry);
        return entries(all);
    }

    IdPath function(NodeIndex host, Span<std::uint32_t> requesters) {
        const Node& node = in_.node(host);
        if (!is_there(host)) return std::move(path_);
        if (!node.iommu_map && !node.viot_map) {
            if (node.has_iommus) {
                return end(PathEnd::no_iommu,
                           fmt::format("{} has iommus but no iommu-map: iommus is for the bridge's own device and does "
                                       "not reach its functions",
                                       node.path));
            }
            return end(PathEnd::no_iommu, in_.origin == Description::Origin::acpi
                                              ? fmt::format("no table puts an IOMMU before {}", node.path)
                                              : fmt::format("{} has no iommu-map", node.path));
        }
        for (std::size_t i = 0; i < requesters.size(); ++i) {
            step(fmt::format("requester id {:#x}{}: {}", requesters[i], i == 0 ? "" : " (an alias of it)", node.path));
            const bool found = node.iommu_map ? of_map(node, host, requesters[i]) : of_viot(node, requesters[i]);
            if (!found) return std::move(path_);
        }
        return provider_state();
    }

private:
    /// Of a node of its own in a table: Linux iort_nc_iommu_map() takes single mappings alone,
    /// rimt_iommu_configure_id() those up to the first that leads nowhere.
    std::string no_mapping() const {
        const bool rimt = in_.tables != nullptr && !in_.tables->iort && in_.tables->rimt;
        return rimt ? "no ID mapping of its node in the RIMT leads to an IOMMU"
                    : "its node in the IORT has no single ID mapping that leads to an SMMU: Linux asks for no other "
                      "kind";
    }

    void step(std::string text) { path_.steps.push_back(std::move(text)); }
    IdPath end(PathEnd where, std::string why) {
        stop(where, std::move(why));
        return std::move(path_);
    }
    void stop(PathEnd where, std::string why) {
        path_.end = where;
        path_.why = why;
        step(std::move(why));
    }

    bool is_there(NodeIndex at) {
        for (std::optional<NodeIndex> up = at; up; up = in_.node(*up).parent) {
            const Node& node = in_.node(*up);
            if (node.available) continue;
            stop(PathEnd::not_there,
                 fmt::format("{}{} has status {}: Linux makes no device of it",
                             *up == at ? "" : "it is below a node that is off: ", node.path, status_of(node)));
            return false;
        }
        step(fmt::format("{} is there (status {})", in_.node(at).path, status_of(in_.node(at))));
        return true;
    }

    std::string bus_remark(const Node& node) const {
        if (!node.parent || index(*node.parent) == 0 || in_.origin == Description::Origin::acpi) return {};
        const Node& parent = in_.node(*node.parent);
        if (is_default_bus(parent)) return {};
        return fmt::format(", if the driver of {} makes devices of its children", parent.path);
    }

    IdPath without_iommus(NodeIndex master) {
        for (const Node& provider : in_.nodes) {
            for (const LegacyMaster& row : provider.mmu_masters) {
                if (row.master != master) continue;
                step(fmt::format("mmu-masters of {} lists it: {}", provider.path, words(row.stream_ids)));
                return end(PathEnd::legacy,
                           fmt::format("only mmu-masters of {} names it: the legacy binding, which Linux reads only if "
                                       "built with CONFIG_ARM_SMMU_LEGACY_DT_BINDINGS",
                                       provider.path));
            }
        }
        if (in_.node(master).iommu_map) {
            return end(PathEnd::no_iommu,
                       "it has an iommu-map for what is behind it, and no iommus: itself it is untranslated");
        }
        return end(PathEnd::no_iommu, "firmware puts no IOMMU in front of it (no iommus)");
    }

    IdPath entries(const std::vector<const IommuEntry*>& list) {
        std::vector<const IommuEntry*> good;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const IommuEntry& entry = *list[i];
            const std::string target =
                entry.provider ? in_.node(*entry.provider).path : fmt::format("phandle {:#x}", entry.phandle);
            if (entry.result == EntryResult::provider_disabled) {
                const Node& provider = in_.node(*entry.provider);
                path_.provider = entry.provider;
                return end(PathEnd::provider_disabled,
                           fmt::format("entry {} names {}, whose status is {}: the device runs untranslated, whatever "
                                       "else stands there",
                                       i, target, status_of(provider)));
            }
            if (entry.result != EntryResult::ok) {
                const std::string why = broken(entry, i, target);
                if (good.empty()) return end(PathEnd::list_broken, why);
                step(why + "; what came before counts");
                break;
            }
            step(fmt::format("entry {}: {} ({}, {}): {}", i, target, iommu_kind(in_.node(*entry.provider)).title,
                             status_of(in_.node(*entry.provider)), words(entry.args)));
            good.push_back(&entry);
        }
        const bool last = iommu_kind(in_.node(*good.front()->provider)).last_provider_wins;
        path_.provider = last ? good.back()->provider : good.front()->provider;
        const Node& provider = in_.node(*path_.provider);
        bool others = false;
        for (const IommuEntry* entry : good) {
            others = others || entry->provider != path_.provider;
            if (const auto id = stream_of(in_.node(*entry->provider), entry->args)) take(*id);
        }
        if (others) {
            const IommuKind& kind = iommu_kind(provider);
            step(fmt::format("several IOMMUs are named: {}'s driver {}", kind.title,
                             kind.uses_all_providers ? "programs all of them alike"
                             : last                  ? "goes by the last"
                                                     : "goes by the first"));
        }
        return provider_state();
    }

    static std::string broken(const IommuEntry& entry, std::size_t i, const std::string& target) {
        switch (entry.result) {
            case EntryResult::hole:
                return fmt::format("entry {} is a hole (phandle 0), where the list ends", i);
            case EntryResult::missing_node:
                return fmt::format("entry {}: no node has {}, where the list ends", i, target);
            case EntryResult::no_cells_property:
                return fmt::format("entry {}: {} has no #iommu-cells, where the list ends", i, target);
            case EntryResult::truncated:
                return fmt::format("entry {}: fewer cells than {} takes, where the list ends", i, target);
            case EntryResult::ok:
            case EntryResult::provider_disabled:
                break;
        }
        return {};
    }

    bool of_map(const Node& node, NodeIndex host, std::uint32_t requester) {
        const IommuMap& map = *node.iommu_map;
        std::string asked = fmt::format("{:#x}", requester);
        if (map.mask && (requester & *map.mask) != requester) {
            asked = fmt::format("{:#x}", requester & *map.mask);
            step(fmt::format("iommu-map-mask {:#x} makes {} of it", *map.mask, asked));
        }
        const MapLookup found = in_.map_id(host, requester);
        if (found.provider) path_.provider = found.provider;
        switch (found.result) {
            case MapResult::ok:
                break;
            case MapResult::provider_disabled:
                stop(PathEnd::provider_disabled,
                     fmt::format("its row of {}'s iommu-map leads to {}, whose status is {}: the function runs "
                                 "untranslated",
                                 node.path, in_.node(*found.provider).path, status_of(in_.node(*found.provider))));
                return false;
            case MapResult::bypass:
                stop(PathEnd::no_row, in_.origin == Description::Origin::acpi
                                          ? fmt::format("no ID mapping of {} has {}", node.path, asked)
                                          : fmt::format("no row of {}'s iommu-map has id {}", node.path, asked));
                return false;
            case MapResult::missing_node:
                stop(PathEnd::map_broken, fmt::format("the row for {} names a phandle that no node has", asked));
                return false;
            case MapResult::error_base_outside_mask:
                stop(PathEnd::map_broken, fmt::format("a row before that of {} has a base outside of the mask {:#x}: "
                                                      "the look-up is an error (-14)",
                                                      asked, map.mask.value_or(0)));
                return false;
            case MapResult::error_malformed:
                stop(PathEnd::map_broken, "the iommu-map is no whole number of rows: the look-up is an error (-22)");
                return false;
        }
        row(requester, map, in_.node(*found.provider), found.id);
        return true;
    }

    void row(std::uint32_t requester, const IommuMap& map, const Node& provider, std::uint32_t id) {
        const std::uint32_t asked = requester & map.mask.value_or(~std::uint32_t{0});
        for (std::size_t i = 0; i < map.rows.size(); ++i) {
            const IommuMapRow& one = map.rows[i];
            if (asked < one.base || asked - one.base >= one.length || one.provider == std::nullopt) continue;
            step(fmt::format("row {} ({:#x}, {} ids) leads to {} ({}): id {:#x}", i, one.base, one.length,
                             provider.path, iommu_kind(provider).title, id));
            break;
        }
        take(stream_of(provider, {id}).value_or(StreamMatch{id, 0}));
    }

    bool of_viot(const Node& node, std::uint32_t requester) {
        const IommuMapRow* const row = node.viot_map->find(requester);
        if (row == nullptr || !row->provider) {
            stop(PathEnd::no_row, fmt::format("no PCI range of the VIOT has {:#x}", requester));
            return false;
        }
        path_.provider = row->provider;
        const StreamMatch id{requester - row->base + row->out, 0};
        step(fmt::format("the VIOT's range from {:#x} on leads to {}: id {:#x}", row->base,
                         in_.node(*row->provider).path, id.id));
        take(id);
        return true;
    }

    void take(const StreamMatch& id) {
        if (std::find(path_.ids.begin(), path_.ids.end(), id) == path_.ids.end()) path_.ids.push_back(id);
    }

    IdPath provider_state() {
        const Node& provider = in_.node(*path_.provider);
        const IommuKind& kind = iommu_kind(provider);
        if (!provider.reachable) {
            return end(PathEnd::provider_absent,
                       fmt::format("{} is below a disabled node and never appears: its masters wait until the "
                                   "deferred-probe timeout and then run untranslated",
                                   provider.path));
        }
        if (kind.driver.empty() || (kind.compatible.empty() && in_.origin == Description::Origin::device_tree)) {
            return end(PathEnd::no_driver,
                       fmt::format("no driver of Linux names {} ({})", provider.path,
                                   provider.compatible.empty() ? "no compatible" : provider.compatible.front()));
        }
        std::string ids;
        for (const StreamMatch& id : path_.ids) ids += (ids.empty() ? "" : ", ") + id_text(id);
        step(
            fmt::format("Linux's driver {} gets {}", kind.driver, ids.empty() ? "no id: the instance is enough" : ids));
        path_.end = PathEnd::behind;
        return std::move(path_);
    }

    const Description& in_;
    IdPath path_;
};

}  // namespace

std::string_view name(PathEnd end) {
    switch (end) {
        case PathEnd::behind:
            return "behind";
        case PathEnd::not_there:
            return "not-there";
        case PathEnd::no_device:
            return "no-device";
        case PathEnd::no_iommu:
            return "no-iommu";
        case PathEnd::list_broken:
            return "list-broken";
        case PathEnd::provider_disabled:
            return "provider-disabled";
        case PathEnd::provider_absent:
            return "provider-absent";
        case PathEnd::no_row:
            return "no-map-row";
        case PathEnd::map_broken:
            return "map-broken";
        case PathEnd::no_driver:
            return "no-iommu-driver";
        case PathEnd::legacy:
            return "legacy-binding";
    }
    return "?";
}

IdPath id_path(const Description& description, NodeIndex master) { return Tracer(description).platform(master); }

IdPath id_path_of_function(const Description& description, NodeIndex host, Span<std::uint32_t> requesters) {
    return Tracer(description).function(host, requesters);
}

}  // namespace xlate::firmware
