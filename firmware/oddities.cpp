// What is strange about a tree although each part of it could be read: what an architect should look at first.
// Facts already noted where they were decoded (lists cut short, dangling interrupt parents) are not repeated here.
#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/bits.hpp"

#include "firmware/decode.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware {
namespace {

constexpr std::uint32_t kPciIds = 0x10000;
constexpr std::uint64_t kPciIdsOfABus = 256;  // a requester ID has 16 bits

/// What one `iommus` entry that does not count means, in words.
std::string explain(Decoder& decoder, const IommuEntry& entry, std::size_t position) {
    const std::string provider = path_of(decoder.out(), entry.provider);
    switch (entry.result) {
        case EntryResult::ok:
            break;
        case EntryResult::hole:
            return fmt::format("entry {} is a hole (phandle 0); the list ends here", position);
        case EntryResult::missing_node:
            return fmt::format("entry {}: no node has phandle {:#x}; the list ends here", position, entry.phandle);
        case EntryResult::no_cells_property:
            return fmt::format("entry {}: phandle {:#x} ({}) has no #iommu-cells; the list ends here", position,
                               entry.phandle, provider);
        case EntryResult::truncated: {
            const std::uint32_t wanted = *decoder.node(*entry.provider).iommu_cells;
            return fmt::format("phandle {:#x} ({}) takes {} cell{}, {} {} left; the list ends here", entry.phandle,
                               provider, wanted, wanted == 1 ? "" : "s", entry.args.size(),
                               entry.args.size() == 1 ? "is" : "are");
        }
        case EntryResult::provider_disabled:
            return fmt::format("{} is disabled: the device runs untranslated, whatever else stands here", provider);
    }
    return {};
}

void note_consumer(Decoder& decoder, NodeIndex at) {
    const Node& node = decoder.node(at);
    if (!node.has_iommus) return;
    if (node.iommus.empty()) decoder.oddity(at, Known::iommus, "empty: the device runs untranslated");
    bool disabled_noted = false;
    bool several = false;
    std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> seen;
    for (std::size_t i = 0; i < node.iommus.size(); ++i) {
        const IommuEntry& entry = node.iommus[i];
        const bool disabled = entry.result == EntryResult::provider_disabled;
        if (entry.result != EntryResult::ok && (!disabled || (node.reachable && !disabled_noted))) {
            decoder.oddity(at, Known::iommus, explain(decoder, entry, i));
        }
        disabled_noted = disabled_noted || disabled;
        if (!entry.provider) continue;
        several = several || (i != 0 && entry.provider != node.iommus[0].provider);
        if (entry.args.size() == 1 && entry.args[0] > 0xffff &&
            iommu_kind(decoder.node(*entry.provider)).cells == IdCells::id_and_mask) {
            decoder.oddity(at, Known::iommus,
                           fmt::format("id {:#x} is wider than 16 bits; this SMMU keeps {:#x}", entry.args[0],
                                       entry.args[0] & 0xffff));
        }
        seen.emplace_back(static_cast<std::uint32_t>(index(*entry.provider)), entry.args);
    }
    if (several) {
        decoder.oddity(at, Known::iommus, "entries name several IOMMUs; which of them counts depends on the driver");
    }
    std::sort(seen.begin(), seen.end());
    if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) {
        decoder.oddity(at, Known::iommus, "the same entry stands here more than once");
    }
    if (node.compatible.empty()) decoder.oddity(at, "has iommus but no compatible: no driver binds to it by itself");
    if (node.iommu_map)
        decoder.oddity(at, "has both iommus and iommu-map: the one for itself, the other for what is behind it");
}

void note_map_rows(Decoder& decoder, NodeIndex at, const IommuMap& map) {
    const std::uint32_t mask = map.mask.value_or(~std::uint32_t{0});
    std::optional<NodeIndex> first;
    std::set<NodeIndex> noted;
    bool several = false;
    for (std::size_t i = 0; i < map.rows.size(); ++i) {
        const IommuMapRow& row = map.rows[i];
        if ((row.base & ~mask) != 0) {
            decoder.oddity(at, Known::iommu_map,
                           fmt::format("row {}: base {:#x} has bits outside iommu-map-mask {:#x}; look-ups that reach "
                                       "this row are errors",
                                       i, row.base, mask));
        }
        if (row.length == 0)
            decoder.oddity(at, Known::iommu_map, fmt::format("row {} has length 0 and maps nothing", i));
        if (std::uint64_t{row.base} + row.length > ~std::uint32_t{0}) {
            decoder.oddity(at, Known::iommu_map,
                           fmt::format("row {} ends past the 32-bit ids; Linux matches nothing with it", i));
        }
        if (!row.provider) {
            decoder.oddity(at, Known::iommu_map, fmt::format("row {}: no node has phandle {:#x}", i, row.phandle));
            continue;
        }
        several = several || (first && *first != *row.provider);
        if (!first) first = row.provider;
        // What is true of a provider is said once a map, not once a row.
        if (!noted.insert(*row.provider).second) continue;
        const Node& provider = decoder.node(*row.provider);
        if (!provider.iommu_cells) {
            decoder.oddity(at, Known::iommu_map, fmt::format("row {}: {} has no #iommu-cells", i, provider.path));
        } else if (*provider.iommu_cells != 1) {
            decoder.oddity(
                at, Known::iommu_map,
                fmt::format("row {}: {} takes {} cells, but a map gives one", i, provider.path, *provider.iommu_cells));
        }
        if (!provider.available && decoder.node(at).reachable) {
            decoder.oddity(
                at, Known::iommu_map,
                fmt::format("row {}: {} is disabled: devices that its rows name run untranslated", i, provider.path));
        }
    }
    if (several) decoder.oddity(at, Known::iommu_map, "rows name several IOMMUs");
}

void note_map_coverage(Decoder& decoder, NodeIndex at, const IommuMap& map) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;  // [base, end)
    for (const IommuMapRow& row : map.rows) {
        if (row.length != 0) spans.emplace_back(row.base, std::uint64_t{row.base} + row.length);
    }
    std::sort(spans.begin(), spans.end());
    std::uint64_t covered = 0;
    bool overlap = false;
    std::string gaps;
    std::size_t count = 0;
    for (const auto& [base, end] : spans) {
        overlap = overlap || base < covered;
        if (base > covered && ++count <= 4)
            gaps += fmt::format("{}{:#x}-{:#x}", gaps.empty() ? "" : ", ", covered, base - 1);
        covered = std::max(covered, end);
    }
    if (count > 4) gaps += fmt::format(" and {} more", count - 4);
    if (overlap) decoder.oddity(at, Known::iommu_map, "rows overlap; the first row that matches counts");
    if (count != 0) {
        decoder.oddity(at, Known::iommu_map, fmt::format("gaps: ids {} are in no row and run untranslated", gaps));
    }
    // Ids above the mask, or of buses that the host does not have, can't occur.
    std::uint64_t last = map.mask ? std::min<std::uint64_t>(*map.mask, kPciIds - 1) : kPciIds - 1;
    if (const Property* buses = decoder.node(at).property("bus-range"); buses != nullptr && buses->bytes.size() == 8) {
        last = std::min(last, (load_be(&buses->bytes[4], 4) + 1) * kPciIdsOfABus - 1);
    }
    if (!spans.empty() && covered <= last) {
        decoder.oddity(at, Known::iommu_map,
                       fmt::format("ids from {:#x} on are in no row and run untranslated", covered));
    }
    if (map.mask && (*map.mask & 0xffff) != 0xffff) {
        decoder.oddity(at, Known::iommu_map_mask,
                       fmt::format("{:#x} folds ids together: devices that differ only in bits {:#x} share an id",
                                   *map.mask, ~*map.mask & 0xffff));
    }
}

void note_map(Decoder& decoder, NodeIndex at) {
    const Node& node = decoder.node(at);
    if (!node.iommu_map) return;
    const IommuMap& map = *node.iommu_map;
    if (map.malformed) {
        decoder.oddity(at, Known::iommu_map,
                       fmt::format("{} bytes are not a whole number of rows of 16: every look-up is an error",
                                   decoder.property(at, Known::iommu_map)->bytes.size()));
        return;
    }
    note_map_rows(decoder, at, map);
    note_map_coverage(decoder, at, map);
}

void note_provider(Decoder& decoder, NodeIndex at) {
    const Node& node = decoder.node(at);
    if (!node.mmu_masters.empty()) {
        decoder.oddity(at, Known::mmu_masters,
                       "the legacy binding: masters are listed at the SMMU, not the other way round");
    }
    if (!node.iommu_cells) {
        if (decoder.property(at, Known::iommu_cells) != nullptr) {
            decoder.oddity(at, Known::iommu_cells, "shorter than a cell");
        }
        return;
    }
    if (node.regs.empty()) {
        decoder.oddity(at, "is an IOMMU without reg");
    } else if (!node.regs.front().cpu_address) {
        decoder.oddity(at, Known::reg, "is an IOMMU's, but no chain of ranges leads from it to the CPU");
    }
    if (node.available && !node.reachable) decoder.oddity(at, "is an IOMMU below a disabled node: it never appears");
}

void note_names(Decoder& decoder, NodeIndex at) {
    const Node& node = decoder.node(at);
    if (node.parent && (node.name.empty() || std::any_of(node.name.begin(), node.name.end(),
                                                         [](char c) { return c <= ' ' || c > '~' || c == '/'; }))) {
        decoder.oddity(at, "its name holds characters that node names must not have");
    }
    std::unordered_set<std::string_view> names(node.children.size());  // asked, never walked: its order shows nowhere
    for (const NodeIndex child : node.children) {
        if (names.insert(decoder.node(child).name).second) continue;
        decoder.oddity(at, fmt::format("several children are called {}", decoder.node(child).name));
        break;
    }
}

}  // namespace

void note_oddities(Decoder& decoder) {
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        note_names(decoder, at);
        note_provider(decoder, at);
        note_consumer(decoder, at);
        note_map(decoder, at);
    }
}

}  // namespace xlate::firmware
