// `iommu-addresses` of reserved memory that a device names in `memory-region`.
// Source: reserved-memory binding; Linux drivers/iommu/of_iommu.c, of_iommu_get_resv_regions().
#include <algorithm>

#include <fmt/format.h>

#include "firmware/decode.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

/// The address on the other side of the device's `dma-ranges`; none if no row has it.
std::optional<std::uint64_t> towards_cpu(Decoder& decoder, const Node& device, std::uint64_t address) {
    if (!device.dma_ranges_node) return address;
    const std::optional<DmaRanges>& ranges = decoder.node(*device.dma_ranges_node).dma_ranges;
    if (!ranges || ranges->kind != DmaRanges::Kind::list) return address;
    for (const DmaWindow& window : ranges->windows) {
        if (address >= window.bus && address - window.bus < window.size) return address - window.bus + window.cpu;
    }
    return std::nullopt;
}

/// The rows of `region` for `device`: a phandle, an address and a size in the cells of the device's bus. Linux steps
/// over a row of another device cell by cell, until a cell is this device's phandle.
bool read_rows(Decoder& decoder, NodeIndex at, NodeIndex region) {
    const Node& device = decoder.node(at);
    const Node& bus = decoder.node(device.parent.value_or(NodeIndex{0}));
    const std::size_t address_cells = bus.address_cells;
    const std::size_t size_cells = bus.size_cells;
    if (address_cells > kMaxAddressCells || size_cells > kMaxAddressCells) return false;
    const Cells cells = decoder.cells(region, Known::iommu_addresses);
    decoder.spend_entries(cells.size());
    bool any = false;
    for (std::size_t i = 0; i < cells.size();) {
        if (decoder.by_phandle(cells[i++]) != at) continue;
        any = true;
        if (cells.size() - i < address_cells + size_cells) {
            decoder.oddity(region, Known::iommu_addresses,
                           fmt::format("the row of {} takes {} cells, {} are left", device.path,
                                       address_cells + size_cells, cells.size() - i));
            return any;
        }
        DeviceReservation one;
        const std::uint64_t sent = cells.number(i, address_cells);
        one.size = cells.number(i + address_cells, size_cells);
        i += address_cells + size_cells;
        one.where = decoder.node(region).path;
        one.master = at;
        if (one.size == 0) {
            decoder.oddity(region, Known::iommu_addresses, fmt::format("the row of {} has size 0", device.path));
            one.base = sent;
            decoder.out().device_reservations.push_back(std::move(one));  // Linux has a word on it
            continue;
        }
        const std::optional<std::uint64_t> address = towards_cpu(decoder, device, sent);
        if (!address) {
            decoder.oddity(region, Known::iommu_addresses,
                           fmt::format("{:#x} is outside of the dma-ranges of {}", sent, device.path));
            continue;
        }
        one.base = *address;
        const std::vector<Reg>& regs = decoder.node(region).regs;
        if (!regs.empty() && regs.front().size != 0) {
            one.memory = MemoryRange{regs.front().cpu_address.value_or(regs.front().address), regs.front().size};
        }
        decoder.out().device_reservations.push_back(std::move(one));
    }
    return any;
}

}  // namespace

void decode_reservations(Decoder& decoder) {
    std::vector<std::pair<NodeIndex, NodeIndex>> used;  // region, device
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        if (decoder.property(at, Known::memory_region) == nullptr) continue;
        const Cells regions = decoder.cells(at, Known::memory_region);
        decoder.spend_entries(regions.size());
        for (std::size_t k = 0; k < regions.size(); ++k) {
            const std::optional<NodeIndex> region = decoder.by_phandle(regions[k]);
            if (!region) {
                decoder.oddity(at, Known::memory_region, fmt::format("no node has phandle {:#x}", regions[k]));
                continue;
            }
            if (decoder.property(*region, Known::iommu_addresses) == nullptr) continue;
            if (std::find(used.begin(), used.end(), std::pair(*region, at)) != used.end()) continue;
            if (read_rows(decoder, at, *region)) used.emplace_back(*region, at);
        }
    }
    std::sort(used.begin(), used.end());
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex region{i};
        if (decoder.property(region, Known::iommu_addresses) == nullptr) continue;
        const auto first = std::lower_bound(used.begin(), used.end(), std::pair(region, NodeIndex{0}));
        if (first == used.end() || first->first != region) {
            decoder.oddity(region, Known::iommu_addresses,
                           "no device that it names lists this region in memory-region: nothing is reserved");
        }
    }
}

}  // namespace xlate::firmware
