#include "firmware/description.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace xlate::firmware {

std::string_view name(EntryResult result) {
    switch (result) {
        case EntryResult::ok:
            return "ok";
        case EntryResult::provider_disabled:
            return "provider-disabled";
        case EntryResult::hole:
            return "hole";
        case EntryResult::missing_node:
            return "missing-node";
        case EntryResult::no_cells_property:
            return "no-cells-property";
        case EntryResult::truncated:
            return "truncated";
    }
    return "?";
}

std::string_view name(MapResult result) {
    switch (result) {
        case MapResult::ok:
            return "ok";
        case MapResult::provider_disabled:
            return "provider-disabled";
        case MapResult::bypass:
            return "bypass";
        case MapResult::missing_node:
            return "missing-node";
        case MapResult::error_base_outside_mask:
            return "error-base-outside-mask";
        case MapResult::error_malformed:
            return "error-malformed";
    }
    return "?";
}

const Property* Node::property(std::string_view wanted) const {
    for (const Property& candidate : properties) {
        if (candidate.name == wanted) return &candidate;
    }
    return nullptr;
}

std::optional<std::uint32_t> Node::u32(std::string_view wanted) const {
    const Property* found = property(wanted);
    if (found == nullptr || found->bytes.size() < 4) return std::nullopt;
    return static_cast<std::uint32_t>(load_be(found->bytes.data(), 4));
}

bool Node::is_compatible(std::string_view with) const {
    return std::find(compatible.begin(), compatible.end(), with) != compatible.end();
}

std::optional<NodeIndex> Description::find_path(std::string_view path) const {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i].path == path) return NodeIndex{static_cast<std::uint32_t>(i)};
    }
    return std::nullopt;
}

std::optional<NodeIndex> Description::find_phandle(std::uint32_t phandle) const {
    if (phandle == 0) return std::nullopt;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i].phandle == phandle) return NodeIndex{static_cast<std::uint32_t>(i)};
    }
    return std::nullopt;
}

std::vector<NodeIndex> Description::providers() const {
    std::vector<NodeIndex> all;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i].iommu_cells) all.push_back(NodeIndex{static_cast<std::uint32_t>(i)});
    }
    return all;
}

MapLookup Description::map_id(NodeIndex host, std::uint32_t id, MapReading reading) const {
    const Node& node_of_host = node(host);
    XLATE_CHECK(node_of_host.iommu_map.has_value(), node_of_host.path + " has no iommu-map");
    const IommuMap& map = *node_of_host.iommu_map;
    const bool by_cells = reading == MapReading::by_cells && map.by_cells && !map.by_cells->tolerated;
    if (by_cells ? map.by_cells->malformed : map.malformed) return {MapResult::error_malformed, std::nullopt, id};
    const std::vector<IommuMapRow>& rows = by_cells ? map.by_cells->rows : map.rows;
    const std::uint32_t mask = map.mask.value_or(~std::uint32_t{0});
    if (map.last_id_is_tentative) {
        const IommuMapRow* const row = map.find(id);
        if (row == nullptr || !row->provider) return {MapResult::bypass, std::nullopt, id};
        return {MapResult::ok, row->provider, row->folded ? row->out : id - row->base + row->out};
    }
    const std::uint32_t masked = id & mask;
    for (const IommuMapRow& row : rows) {
        // The check stands before the match, as in Linux: a bad row behind the matching one does no harm.
        if ((row.base & ~mask) != 0) return {MapResult::error_base_outside_mask, std::nullopt, id};
        // 32-bit arithmetic as in Linux: a row that reaches the end of the id space matches nothing.
        if (masked < row.base || masked >= row.base + row.length) continue;
        if (!row.provider) return {row.past_iommus ? MapResult::bypass : MapResult::missing_node, std::nullopt, id};
        const MapResult result = node(*row.provider).available ? MapResult::ok : MapResult::provider_disabled;
        return {result, row.provider, row.folded ? row.out : masked - row.base + row.out, row.more};
    }
    return {MapResult::bypass, std::nullopt, id};
}

const IommuMapRow* IommuMap::find(std::uint32_t id) const {
    const IommuMapRow* found = nullptr;
    for (const IommuMapRow& row : rows) {
        if (row.length == 0 || id < row.base || id - row.base >= row.length) continue;
        if (!last_id_is_tentative) return &row;
        if (found != nullptr && !row.folded && id != row.base) continue;
        found = &row;
        const bool tentative = row.length > 1 && !row.folded && id - row.base == row.length - 1;
        if (!tentative) return found;
    }
    return found;
}

Description::Effective Description::effective_iommus(NodeIndex master) const {
    Effective effective;
    const Node& node_of_master = node(master);
    if (node_of_master.iommus.empty() && node_of_master.viot) {
        const IommuEntry& entry = *node_of_master.viot;
        effective.translated = entry.result == EntryResult::ok;
        if (effective.translated) {
            effective.entries.push_back(&entry);
        } else {
            effective.stop = entry.result;
        }
        return effective;
    }
    for (const IommuEntry& entry : node_of_master.iommus) {
        if (entry.result != EntryResult::ok) {
            effective.stop = entry.result;
            if (entry.result == EntryResult::provider_disabled) effective.entries.clear();
            break;
        }
        effective.entries.push_back(&entry);
    }
    effective.translated = !effective.entries.empty();
    return effective;
}

}  // namespace xlate::firmware
