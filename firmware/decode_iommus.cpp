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

/// The property as rows of 3 + #iommu-cells cells; none if every provider takes one.
std::optional<IommuMap::ByCells> read_by_cells(Decoder& decoder, const Cells& cells, const IommuMap& map) {
    const auto takes = [&](std::uint32_t phandle) -> std::optional<std::uint32_t> {
        const auto provider = decoder.by_phandle(phandle);
        return provider ? decoder.u32(*provider, Known::iommu_cells) : std::nullopt;
    };
    IommuMap::ByCells read;
    bool differs = false;
    bool four_of_one = !map.malformed;
    for (std::size_t i = 0; i < cells.size();) {
        decoder.spend_entries(1);
        const std::optional<std::uint32_t> wanted = i + 1 < cells.size() ? takes(cells[i + 1]) : std::nullopt;
        const std::size_t width = std::size_t{3} + wanted.value_or(1);  // an unknown phandle: as before
        differs = differs || width != kMapRowCells;
        if (i + width > cells.size()) {
            read.malformed = true;
            break;
        }
        IommuMapRow row;
        row.base = cells[i];
        row.phandle = cells[i + 1];
        row.provider = decoder.by_phandle(row.phandle);
        if (width > 3) row.out = cells[i + 2];
        for (std::size_t k = 3; k + 1 < width; ++k) row.more.push_back(cells[i + k]);
        row.length = cells[i + width - 1];
        if (!row.more.empty() && row.length > 1) read.malformed = true;
        read.rows.push_back(std::move(row));
        i += width;
    }
    if (!differs) return std::nullopt;
    for (const IommuMapRow& row : map.rows) four_of_one = four_of_one && row.provider && row.length == 1;
    read.tolerated = four_of_one;
    return read;
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
            IommuMapRow row;
            row.base = cells[i];
            row.phandle = cells[i + 1];
            row.provider = decoder.by_phandle(cells[i + 1]);
            row.out = cells[i + 2];
            row.length = cells[i + 3];
            map.rows.push_back(std::move(row));
        }
    }
    map.by_cells = read_by_cells(decoder, Cells(property), map);
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

/// As is_pci_function(), by the index of properties. Linux asks its host bridge's map alone (of_iommu_configure()), so
/// that its own `iommus` puts it behind nothing.
bool stands_on_pci(Decoder& decoder, NodeIndex at) {
    const Node& node = decoder.node(at);
    constexpr std::uint32_t kPciAddressCells = 3;
    return node.parent && !node.regs.empty() && decoder.node(*node.parent).address_cells == kPciAddressCells &&
           decoder.first_text_is(*node.parent, Known::device_type, "pci");
}

}  // namespace

void decode_iommus(Decoder& decoder) {
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        decoder.node(at).iommu_cells = decoder.u32(at, Known::iommu_cells);
        if (decoder.property(at, Known::iommus) != nullptr && !stands_on_pci(decoder, at)) decode_consumer(decoder, at);
        decode_map(decoder, at);
        if (decoder.property(at, Known::mmu_masters) != nullptr) decode_masters(decoder, at);
    }
}

}  // namespace xlate::firmware
