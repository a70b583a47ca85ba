#include "firmware/decode.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/huge_pages.hpp"
#include "firmware/limits.hpp"

namespace xlate::firmware {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Known::count)> kKnownNames{"#address-cells",
                                                                                           "compatible",
                                                                                           "device_type",
                                                                                           "dma-coherent",
                                                                                           "dma-noncoherent",
                                                                                           "dma-ranges",
                                                                                           "ibm,phandle",
                                                                                           "#interconnect-cells",
                                                                                           "interconnect-names",
                                                                                           "interconnects",
                                                                                           "#interrupt-cells",
                                                                                           "interrupt-names",
                                                                                           "interrupt-parent",
                                                                                           "interrupts",
                                                                                           "interrupts-extended",
                                                                                           "iommu-addresses",
                                                                                           "#iommu-cells",
                                                                                           "iommu-map",
                                                                                           "iommu-map-mask",
                                                                                           "iommus",
                                                                                           "linux,phandle",
                                                                                           "memory-region",
                                                                                           "mmu-masters",
                                                                                           "phandle",
                                                                                           "ranges",
                                                                                           "reg",
                                                                                           "reg-names",
                                                                                           "#size-cells",
                                                                                           "status",
                                                                                           "#stream-id-cells"};

std::string_view text(Known known) { return kKnownNames[static_cast<std::size_t>(known)]; }

/// Shorter names first: most comparisons end at the length.
bool before(std::string_view a, std::string_view b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

/// Order for a binary search: kKnownNames by before().
std::array<Known, kKnownNames.size()> sorted_names() {
    std::array<Known, kKnownNames.size()> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Known>(i);
    std::sort(order.begin(), order.end(), [](Known a, Known b) { return before(text(a), text(b)); });
    return order;
}

}  // namespace

Decoder::Decoder(Description& out) : out_(out) {
    const auto order = sorted_names();
    known_.reserve(out.nodes.size());
    prefer_huge_pages(known_.data(), known_.capacity() * sizeof known_[0]);
    known_.resize(out.nodes.size());
    for (std::size_t n = 0; n < out.nodes.size(); ++n) {
        auto& row = known_[n];
        row.fill(-1);
        const Span<Property> properties = out.nodes[n].properties;
        for (std::size_t p = 0; p < properties.size(); ++p) {
            const std::string_view wanted = properties[p].name;
            const auto* found = std::lower_bound(order.begin(), order.end(), wanted,
                                                 [](Known a, std::string_view b) { return before(text(a), b); });
            if (found == order.end() || text(*found) != wanted) continue;
            std::int32_t& slot = row[static_cast<std::size_t>(*found)];
            if (slot >= 0) {
                oddity(NodeIndex{static_cast<std::uint32_t>(n)}, *found, "stands here twice; the first one counts");
            } else {
                slot = static_cast<std::int32_t>(p);
            }
        }
    }
}

const Property* Decoder::property(NodeIndex at, Known known) const {
    const std::int32_t slot = known_[index(at)][static_cast<std::size_t>(known)];
    return slot < 0 ? nullptr : &out_.nodes[index(at)].properties[static_cast<std::size_t>(slot)];
}

std::optional<std::uint32_t> Decoder::u32(NodeIndex at, Known known) const {
    const Cells value = cells(at, known);
    if (value.size() == 0) return std::nullopt;
    return value[0];
}

std::vector<std::string_view> Decoder::texts(NodeIndex at, Known known) {
    std::vector<std::string_view> list;
    const Property* found = property(at, known);
    if (found == nullptr) return list;
    const std::string_view all(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
    for (std::size_t from = 0; from < all.size();) {
        const std::size_t stop = std::min(all.find('\0', from), all.size());
        spend_entries(1);
        list.push_back(all.substr(from, stop - from));
        from = stop + 1;
    }
    return list;
}

bool Decoder::first_text_is(NodeIndex at, Known known, std::string_view wanted) const {
    const Property* found = property(at, known);
    if (found == nullptr || found->bytes.size() < wanted.size()) return false;
    const std::string_view all(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
    return all.substr(0, wanted.size()) == wanted && (all.size() == wanted.size() || all[wanted.size()] == '\0');
}

std::optional<NodeIndex> Decoder::by_phandle(std::uint32_t phandle) const {
    if (phandle == 0) return std::nullopt;
    const auto found = std::lower_bound(phandles_.begin(), phandles_.end(), phandle,
                                        [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
    if (found == phandles_.end() || found->first != phandle) return std::nullopt;
    return found->second;
}

void Decoder::index_phandles() {
    for (std::size_t i = 0; i < size(); ++i) {
        if (out_.nodes[i].phandle != 0)
            phandles_.emplace_back(out_.nodes[i].phandle, NodeIndex{static_cast<std::uint32_t>(i)});
    }
    std::sort(phandles_.begin(), phandles_.end());
    for (std::size_t i = 1; i < phandles_.size(); ++i) {
        const auto& [phandle, again] = phandles_[i];
        if (phandles_[i - 1].first != phandle) continue;
        const NodeIndex first = *by_phandle(phandle);
        oddity(again, fmt::format("phandle {:#x} is also that of {}, which is the one that references find", phandle,
                                  node(first).path));
    }
}

void Decoder::oddity(NodeIndex at, std::string what) {
    if (out_.oddities.size() == kMaxOddities) out_.oddities.push_back({"/", "more oddities than are listed here"});
    if (out_.oddities.size() > kMaxOddities) return;
    out_.oddities.push_back({node(at).path, std::move(what)});
}

void Decoder::oddity(NodeIndex at, Known known, std::string what) {
    const Property* found = property(at, known);
    if (found == nullptr) return oddity(at, fmt::format("{}: {}", text(known), what));
    oddity(at, fmt::format("{}: {} (offset {:#x})", text(known), what, found->offset));
}

void Decoder::spend_entries(std::uint64_t count) {
    entries_ += count;
    if (entries_ > kMaxDecodedEntries) {
        throw InputError(Diagnostic{{out_.source, {}, {}, {}}, {}, "the properties hold too many entries", {}, {}},
                         ExitStatus::limit);
    }
}

void Decoder::spend_steps(std::uint64_t count) {
    steps_ += count;
    if (steps_ > kMaxDecodeSteps) {
        throw InputError(
            Diagnostic{{out_.source, {}, {}, {}}, {}, "the address ranges take too long to follow", {}, {}},
            ExitStatus::limit);
    }
}

std::string path_of(const Description& description, std::optional<NodeIndex> at) {
    return at ? description.node(*at).path : "nothing";
}

void decode_identity(Decoder& decoder) {
    for (std::uint32_t i = 0; i < decoder.size(); ++i) {
        const NodeIndex at{i};
        Node& node = decoder.node(at);
        for (const Known known : {Known::phandle, Known::linux_phandle, Known::ibm_phandle}) {
            const std::uint32_t phandle = decoder.u32(at, known).value_or(0);
            if (node.phandle == 0 && phandle != ~std::uint32_t{0}) node.phandle = phandle;
        }
        const std::vector<std::string_view> compatible = decoder.texts(at, Known::compatible);
        node.compatible.assign(compatible.begin(), compatible.end());
        if (decoder.property(at, Known::status) != nullptr) {
            const std::vector<std::string_view> status = decoder.texts(at, Known::status);
            node.status = status.empty() ? std::string() : std::string(status.front());
            node.available = *node.status == "okay" || *node.status == "ok";
        }
        node.reachable = node.available && (!node.parent || decoder.node(*node.parent).reachable);
        node.address_cells = decoder.u32(at, Known::address_cells).value_or(node.address_cells);
        node.size_cells = decoder.u32(at, Known::size_cells).value_or(node.size_cells);
        node.has_ranges = decoder.property(at, Known::ranges) != nullptr;
    }
    decoder.index_phandles();
}

}  // namespace xlate::firmware
