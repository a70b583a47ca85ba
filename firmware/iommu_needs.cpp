#include "firmware/iommu_needs.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"

namespace xlate::firmware {
namespace {

unsigned bits_of(std::uint64_t value) { return value == 0 ? 1 : log2_floor(value) + 1; }

void take(IommuNeeds& needs, std::uint32_t id, const std::string& where) {
    if (needs.id_bits != 0 && id <= needs.highest_id) return;
    needs.highest_id = id;
    needs.id_bits = bits_of(id);
    needs.id_where = where;
}

using Needs = std::map<NodeIndex, IommuNeeds>;

void take_rows(Needs& needs, const Node& node, const IommuMap& map, std::string_view what) {
    const std::uint32_t mask = map.mask.value_or(~std::uint32_t{0});
    const std::uint32_t last_id = last_requester(node);
    for (std::size_t i = 0; i < map.rows.size(); ++i) {
        const IommuMapRow& row = map.rows[i];
        if (!row.provider || row.length == 0 || row.base > last_id || (row.base & ~mask) != 0) continue;
        const std::uint32_t last = std::min<std::uint32_t>(last_id - row.base, row.length - 1);
        // An id that passes 32 bits begins at 0 again: on the way there it has been the highest.
        const std::uint64_t highest = std::min<std::uint64_t>(std::uint64_t{row.out} + last, ~std::uint32_t{0});
        take(needs[*row.provider], row.folded ? row.out : static_cast<std::uint32_t>(highest),
             fmt::format("{}: {} row {}", node.path, what, i));
    }
}

}  // namespace

Needs iommu_needs(const Description& description) {
    Needs needs;
    for (const NodeIndex at : description.providers()) needs[at];
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const Node& node = description.nodes[i];
        if (!node.reachable) continue;
        if (node.has_iommus || node.viot) {
            for (const IommuEntry* entry : description.effective_iommus(static_cast<NodeIndex>(i)).entries) {
                const auto id = stream_of(description.node(*entry->provider), entry->args);
                if (id) take(needs[*entry->provider], id->id, node.path + ": iommus");
            }
        }
        if (node.iommu_map && !node.iommu_map->malformed) take_rows(needs, node, *node.iommu_map, "iommu-map");
        if (node.viot_map) take_rows(needs, node, *node.viot_map, "VIOT");
    }
    std::uint64_t highest = 0;
    for (const MemoryRange& range : description.memory) {
        if (range.size != 0) highest = std::max(highest, range.base + (range.size - 1));
    }
    for (auto& [at, one] : needs) {
        one.highest_address = highest;
        one.address_bits = description.memory.empty() ? 0 : bits_of(highest);
        one.address_where = fmt::format("memory up to {:#x}", highest);
    }
    return needs;
}

}  // namespace xlate::firmware
