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

MapLookup Description::map_id(NodeIndex host, std::uint32_t id) const {
    const Node& node_of_host = node(host);
    XLATE_CHECK(node_of_host.iommu_map.has_value(), node_of_host.path + " has no iommu-map");
    const IommuMap& map = *node_of_host.iommu_map;
    if (map.malformed) return {MapResult::error_malformed, std::nullopt, id};
    const std::uint32_t mask = map.mask.value_or(~std::uint32_t{0});
    const std::uint32_t masked = id & mask;
    for (const IommuMapRow& row : map.rows) {
        // The check stands before the match, as in Linux: a bad row behind the matching one does no harm.
        if ((row.base & ~mask) != 0) return {MapResult::error_base_outside_mask, std::nullopt, id};
        // 32-bit arithmetic as in Linux: a row that reaches the end of the id space matches nothing.
        if (masked < row.base || masked >= row.base + row.length) continue;
        if (!row.provider) return {MapResult::missing_node, std::nullopt, id};
        const MapResult result = node(*row.provider).available ? MapResult::ok : MapResult::provider_disabled;
        return {result, row.provider, masked - row.base + row.out};
    }
    return {MapResult::bypass, std::nullopt, id};
}

Description::Effective Description::effective_iommus(NodeIndex master) const {
    Effective effective;
    for (const IommuEntry& entry : node(master).iommus) {
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
