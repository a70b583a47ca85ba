// The way of a device's DMA towards memory: its DMA parent, the `dma-ranges` that limit it, coherence.
// Source: Devicetree Specification v0.4, section 2.3.9; interconnect binding ("dma-mem"); Linux drivers/of/address.c,
// of_dma_get_range(), of_dma_is_coherent().
#include <algorithm>

#include <fmt/format.h>

#include "firmware/decode.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

/// DMA parents are not a tree ("dma-mem" may point anywhere): a longer way than this is a loop.
constexpr std::size_t kMaxDmaSteps = 2 * kMaxDepth;

std::optional<NodeIndex> dma_parent_of(Decoder& decoder, NodeIndex at) {
    const std::optional<NodeIndex> parent = decoder.node(at).parent;
    if (decoder.property(at, Known::interconnect_names) == nullptr) return parent;
    const std::vector<std::string_view> names = decoder.texts(at, Known::interconnect_names);
    const auto named = std::find(names.begin(), names.end(), "dma-mem");
    if (named == names.end()) return parent;
    const auto wanted = static_cast<std::size_t>(named - names.begin());
    const Cells cells = decoder.cells(at, Known::interconnects);
    std::size_t position = 0;
    for (std::size_t i = 0; i < cells.size(); ++position) {
        const std::optional<NodeIndex> target = decoder.by_phandle(cells[i]);
        if (!target) {
            decoder.oddity(at, Known::interconnects, fmt::format("no node has phandle {:#x}", cells[i]));
            return parent;
        }
        const std::size_t width = decoder.u32(*target, Known::interconnect_cells).value_or(0);
        if (cells.size() - i - 1 < width) break;
        if (position == wanted) return target;
        i += 1 + width;
    }
    decoder.oddity(at, Known::interconnects, "too short to hold the entry that interconnect-names calls dma-mem");
    return parent;
}

void decode_ranges(Decoder& decoder, NodeIndex at) {
    if (decoder.property(at, Known::dma_ranges) == nullptr) return;
    Node& node = decoder.node(at);
    DmaRanges ranges;
    const Cells cells = decoder.cells(at, Known::dma_ranges);
    const std::size_t child = node.address_cells;
    const std::size_t parent = node.parent ? decoder.node(*node.parent).address_cells : node.address_cells;
    const std::size_t size = node.size_cells;
    const bool readable = child <= kMaxAddressCells && parent <= kMaxAddressCells && size <= kMaxAddressCells &&
                          child + parent + size != 0;
    const std::size_t row = child + parent + size;
    if (decoder.property(at, Known::dma_ranges)->bytes.empty()) {
        ranges.kind = DmaRanges::Kind::empty;
    } else if (!readable || decoder.property(at, Known::dma_ranges)->bytes.size() % (4 * row) != 0) {
        ranges.kind = DmaRanges::Kind::bad_length;
        decoder.oddity(at, Known::dma_ranges,
                       fmt::format("{} bytes are not a whole number of rows of {} + {} + {} cells",
                                   decoder.property(at, Known::dma_ranges)->bytes.size(), child, parent, size));
    } else {
        ranges.kind = DmaRanges::Kind::list;
        decoder.spend_entries(cells.size() / row);
        for (std::size_t i = 0; i < cells.size(); i += row) {
            DmaWindow window;
            if (child >= 3) window.pci_flags = cells[i];
            window.bus = cells.number(i, child);
            window.cpu = cells.number(i + child, parent);
            window.size = cells.number(i + child + parent, size);
            ranges.windows.push_back(window);
        }
    }
    node.dma_ranges = std::move(ranges);
}

/// Up from `at`: empty `dma-ranges` mean "no change" and are passed; one node without may stand at the start, the next
/// one without ends the search (Linux: then there is no limit).
std::optional<NodeIndex> limiting_node(Decoder& decoder, std::optional<NodeIndex> at) {
    for (std::size_t steps = 0; at && steps <= kMaxDmaSteps; ++steps) {
        const Node& node = decoder.node(*at);
        if (node.dma_ranges && node.dma_ranges->kind != DmaRanges::Kind::empty) return at;
        if (steps != 0 && !node.dma_ranges) return std::nullopt;
        at = node.dma_parent;
    }
    return std::nullopt;
}

bool is_coherent(Decoder& decoder, NodeIndex start) {
    std::optional<NodeIndex> at = start;
    for (std::size_t steps = 0; at && steps <= kMaxDmaSteps; ++steps) {
        if (decoder.property(*at, Known::dma_coherent) != nullptr) return true;
        if (decoder.property(*at, Known::dma_noncoherent) != nullptr) return false;
        at = decoder.node(*at).dma_parent;
    }
    if (at) decoder.oddity(start, "its DMA parents form a loop");
    return false;
}

}  // namespace

void decode_dma(Decoder& decoder) {
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        decoder.node(at).dma_parent = dma_parent_of(decoder, at);
        decode_ranges(decoder, at);
    }
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        Node& node = decoder.node(at);
        node.dma_ranges_node = limiting_node(decoder, node.dma_parent);
        node.bus_dma_ranges_node = limiting_node(decoder, at);
        node.dma_coherent = is_coherent(decoder, at);
    }
}

}  // namespace xlate::firmware
