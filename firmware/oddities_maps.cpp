// What is strange about maps of requester ids: rows, coverage, readings of older and newer kernels, maps that no driver
// asks.
#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/bits.hpp"

#include "firmware/decode.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_functions.hpp"
#include "firmware/pci_hosts.hpp"
#include "firmware/pci_iommus.hpp"

namespace xlate::firmware {
namespace {

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
        if (row.length != 0 && std::uint64_t{row.out} + (row.length - 1) > ~std::uint32_t{0}) {
            decoder.oddity(at, Known::iommu_map,
                           fmt::format("row {}: its ids pass 32 bits; Linux goes on with 0 behind 0xffffffff", i));
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
        }
        if (!provider.available && decoder.node(at).reachable) {
            decoder.oddity(
                at, Known::iommu_map,
                fmt::format("row {}: {} is disabled: devices that its rows name run untranslated", i, provider.path));
        }
    }
    if (several) decoder.oddity(at, Known::iommu_map, "rows name several IOMMUs");
}

std::string row_text(Decoder& decoder, const IommuMapRow& row, std::size_t cells) {
    std::string text =
        fmt::format("<{:#x} &{}", row.base, row.provider ? decoder.node(*row.provider).name : std::string("?"));
    for (std::size_t k = 0; k < cells; ++k)
        text += fmt::format(" {:#x}", k == 0 ? row.out : k - 1 < row.more.size() ? row.more[k - 1] : 0);
    return text + fmt::format(" {:#x}>", row.length);
}

/// Rows of providers that take other than one cell: older and newer kernels read them differently.
void note_map_readings(Decoder& decoder, NodeIndex at, const IommuMap& map) {
    if (!map.by_cells) return;
    const IommuMap::ByCells& newer = *map.by_cells;
    const auto known = [](const std::vector<IommuMapRow>& rows) {
        return !rows.empty() &&
               std::all_of(rows.begin(), rows.end(), [](const IommuMapRow& row) { return row.provider.has_value(); });
    };
    if (!newer.malformed && known(newer.rows) && (map.malformed || !known(map.rows))) {
        const IommuMapRow& row = newer.rows.front();
        decoder.oddity(
            at, Known::iommu_map,
            fmt::format("written for kernels from 7.2 on (ccb2fd725d41: rows of 3 + #iommu-cells cells); earlier ones "
                        "read rows of 4, so that row 0 would have to be {}",
                        row_text(decoder, row, 1)));
        return;
    }
    if (map.malformed || map.rows.empty()) return;
    const IommuMapRow& row = map.rows.front();
    const std::uint32_t takes = row.provider ? decoder.node(*row.provider).iommu_cells.value_or(1) : 1;
    constexpr std::uint32_t kMostCells = 16;  // more is damage, and no row that could be written
    if (takes > kMostCells) {
        decoder.oddity(at, Known::iommu_map, fmt::format("its IOMMU takes {} cells: no kernel gives it those", takes));
        return;
    }
    IommuMapRow rewritten = row;
    rewritten.length = takes > 1 ? 1 : row.length;
    if (newer.tolerated) {
        decoder.oddity(at, Known::iommu_map,
                       fmt::format("rows of four cells for an IOMMU that takes {}: every kernel gives its driver one; "
                                   "7.2 and later (ccb2fd725d41) warn and want {}",
                                   takes, row_text(decoder, rewritten, takes)));
    } else {
        decoder.oddity(
            at, Known::iommu_map,
            fmt::format("rows of four cells for an IOMMU that takes {}: earlier kernels give its driver one; "
                        "7.2 and later (ccb2fd725d41) misread them: row 0 would have to be {}{}",
                        takes, row_text(decoder, rewritten, takes),
                        takes > 1 && row.length > 1 ? ", a row for each id" : ""));
    }
}

/// Ids [base, end) are those of an IOMMU that is a function of this host: its own accesses are not translated, so the
/// binding leaves them out of the map.
bool is_the_iommus_own(Decoder& decoder, NodeIndex host, std::uint64_t base, std::uint64_t end) {
    if (end - base != 1) return false;
    const std::vector<Node>& nodes = decoder.out().nodes;
    return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) {
        return node.parent == host && is_pci_iommu(node) && !node.regs.empty() &&
               kPciFunction.get(node.regs.front().high) == base;
    });
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
        const bool gap = base > covered && !is_the_iommus_own(decoder, at, covered, base);
        if (gap && ++count <= 4) gaps += fmt::format("{}{:#x}-{:#x}", gaps.empty() ? "" : ", ", covered, base - 1);
        covered = std::max(covered, end);
    }
    if (count > 4) gaps += fmt::format(" and {} more", count - 4);
    if (overlap) decoder.oddity(at, Known::iommu_map, "rows overlap; the first row that matches counts");
    if (count != 0) {
        decoder.oddity(at, Known::iommu_map, fmt::format("gaps: ids {} are in no row and run untranslated", gaps));
    }
    // Ids above the mask, or of buses that the host does not have, can't occur.
    const std::uint64_t last = last_requester(decoder.node(at));
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

/// Rows whose ids an SMMUv1 or v2 does not have.
void note_wide_rows(Decoder& decoder, NodeIndex at, const IommuMap& map) {
    constexpr std::uint64_t kSmmuIds = 0x10000;
    const std::uint64_t last_id = last_requester(decoder.node(at));
    for (std::size_t i = 0; i < map.rows.size(); ++i) {
        const IommuMapRow& row = map.rows[i];
        if (!row.provider || row.length == 0 || row.base > last_id) continue;
        if (iommu_kind(decoder.node(*row.provider)).cells != IdCells::id_and_mask) continue;
        const std::uint64_t last = std::uint64_t{row.out} + std::min<std::uint64_t>(row.length - 1, last_id - row.base);
        if (last < kSmmuIds) continue;
        decoder.oddity(at, Known::iommu_map,
                       fmt::format("row {}: ids up to {:#x} are wider than 16 bits; {} keeps the low 16", i, last,
                                   decoder.node(*row.provider).path));
    }
}

/// The map of messages beside that of ids: the two should fold alike.
void note_msi_map(Decoder& decoder, NodeIndex at) {
    if (!decoder.first_text_is(at, Known::device_type, "pci")) return;
    const Node& node = decoder.node(at);
    const Property* const rows = node.property("msi-map");
    const bool masked = node.has("msi-map-mask");
    if (rows == nullptr) {
        if (masked) decoder.oddity(at, "msi-map-mask without a msi-map: it means nothing");
        return;
    }
    if (rows->bytes.empty() || rows->bytes.size() % (4 * std::size_t{4}) != 0)
        decoder.oddity(at, fmt::format("msi-map: {} bytes are not a whole number of rows of 16", rows->bytes.size()));
    if (!masked && node.iommu_map && node.iommu_map->mask)
        decoder.oddity(at,
                       fmt::format("msi-map without msi-map-mask, beside an iommu-map with mask {:#x}: messages are "
                                   "looked up by the whole requester id",
                                   *node.iommu_map->mask));
}

}  // namespace

void note_map(Decoder& decoder, NodeIndex at) {
    note_msi_map(decoder, at);
    const Node& node = decoder.node(at);
    if (!node.iommu_map) {
        if (decoder.property(at, Known::iommu_map_mask) != nullptr)
            decoder.oddity(at, Known::iommu_map_mask, "without an iommu-map: it means nothing");
        return;
    }
    if (!is_map_consulted(decoder.out(), at)) {
        decoder.oddity(at, Known::iommu_map,
                       "no driver of Linux looks ids up here: neither a PCI host bridge nor a bus whose devices have "
                       "ids");
    }
    const IommuMap& map = *node.iommu_map;
    note_map_readings(decoder, at, map);
    if (map.malformed) {
        decoder.oddity(at, Known::iommu_map,
                       fmt::format("{} bytes are not a whole number of rows of 16: every look-up is an error",
                                   decoder.property(at, Known::iommu_map)->bytes.size()));
        return;
    }
    note_map_rows(decoder, at, map);
    note_wide_rows(decoder, at, map);
    note_map_coverage(decoder, at, map);
}

}  // namespace xlate::firmware
