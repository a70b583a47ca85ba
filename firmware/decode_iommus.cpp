// Who is behind which IOMMU, with which IDs: `iommus`, `iommu-map`, and the legacy `mmu-masters`.
// Source: the generic IOMMU and PCI IOMMU bindings; Linux's reading of broken ones: docs/spec/linux-findings.md 4.
#include <algorithm>

#include <fmt/format.h>

#include "firmware/decode.hpp"

namespace xlate::firmware {
namespace {

constexpr std::size_t kMapRowCells = 4;

void decode_consumer(Decoder& decoder, NodeIndex at) {
    const Cells cells = decoder.cells(at, Known::iommus);
    std::vector<IommuEntry> entries;
    for (std::size_t i = 0; i < cells.size();) {
        decoder.spend_entries(1);
        IommuEntry entry;
        entry.phandle = cells[i++];
        entry.provider = decoder.by_phandle(entry.phandle);
        if (entry.phandle == 0) {
            entry.result = EntryResult::hole;
        } else if (!entry.provider) {
            entry.result = EntryResult::missing_node;
        } else if (!decoder.u32(*entry.provider, Known::iommu_cells)) {
            entry.result = EntryResult::no_cells_property;
        } else {
            const std::size_t wanted = *decoder.u32(*entry.provider, Known::iommu_cells);
            const std::size_t present = std::min(wanted, cells.size() - i);
            for (std::size_t k = 0; k < present; ++k) entry.args.push_back(cells[i + k]);
            i += present;
            if (present < wanted) {
                entry.result = EntryResult::truncated;
            } else if (!decoder.node(*entry.provider).available) {
                entry.result = EntryResult::provider_disabled;
            }
        }
        const bool goes_on = entry.result == EntryResult::ok || entry.result == EntryResult::provider_disabled;
        entries.push_back(std::move(entry));
        if (!goes_on) break;
    }
    decoder.node(at).has_iommus = true;
    decoder.node(at).iommus = std::move(entries);
}

void decode_map(Decoder& decoder, NodeIndex at) {
    const Property* property = decoder.property(at, Known::iommu_map);
    if (property == nullptr) return;
    IommuMap map;
    map.mask = decoder.u32(at, Known::iommu_map_mask);
    map.malformed = property->bytes.empty() || property->bytes.size() % (4 * kMapRowCells) != 0;
    if (!map.malformed) {
        const Cells cells(property);
        decoder.spend_entries(cells.size() / kMapRowCells);
        for (std::size_t i = 0; i < cells.size(); i += kMapRowCells) {
            map.rows.push_back({cells[i], cells[i + 1], decoder.by_phandle(cells[i + 1]), cells[i + 2], cells[i + 3]});
        }
    }
    decoder.node(at).iommu_map = std::move(map);
}

void decode_masters(Decoder& decoder, NodeIndex at) {
    const Cells cells = decoder.cells(at, Known::mmu_masters);
    std::vector<LegacyMaster> masters;
    for (std::size_t i = 0; i < cells.size();) {
        decoder.spend_entries(1);
        LegacyMaster master;
        master.phandle = cells[i++];
        master.master = decoder.by_phandle(master.phandle);
        const std::optional<std::uint32_t> width =
            master.master ? decoder.u32(*master.master, Known::stream_id_cells) : std::nullopt;
        if (!width) {
            decoder.oddity(at, Known::mmu_masters,
                           fmt::format("phandle {:#x} ({}) has no #stream-id-cells; the list ends here", master.phandle,
                                       path_of(decoder.out(), master.master)));
            masters.push_back(std::move(master));
            break;
        }
        const std::size_t present = std::min<std::size_t>(*width, cells.size() - i);
        if (present < *width) {
            decoder.oddity(at, Known::mmu_masters,
                           fmt::format("phandle {:#x} ({}) takes {} cells, {} are left", master.phandle,
                                       path_of(decoder.out(), master.master), *width, present));
        }
        for (std::size_t k = 0; k < present; ++k) master.stream_ids.push_back(cells[i + k]);
        i += present;
        masters.push_back(std::move(master));
    }
    decoder.node(at).mmu_masters = std::move(masters);
}

}  // namespace

void decode_iommus(Decoder& decoder) {
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        decoder.node(at).iommu_cells = decoder.u32(at, Known::iommu_cells);
        if (decoder.property(at, Known::iommus) != nullptr) decode_consumer(decoder, at);
        decode_map(decoder, at);
        if (decoder.property(at, Known::mmu_masters) != nullptr) decode_masters(decoder, at);
    }
}

}  // namespace xlate::firmware
