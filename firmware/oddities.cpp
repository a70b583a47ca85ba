// What is strange about a tree although each part of it could be read: what an architect should look at first.
// Facts already noted where they were decoded (lists cut short, dangling interrupt parents) are not repeated here.
#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>

#include <fmt/format.h>

#include "base/bits.hpp"

#include "firmware/decode.hpp"
#include "firmware/id_limits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"

namespace xlate::firmware {
namespace {

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
    if (!node.has_iommus && decoder.property(at, Known::iommus) != nullptr) {
        decoder.oddity(at, Known::iommus,
                       "of a PCI function: no driver of Linux reads it here; the iommu-map of the host bridge alone "
                       "puts functions behind an IOMMU");
    }
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
        if (iommu_kind(decoder.node(*entry.provider)).cells == IdCells::id_and_mask) {
            constexpr const char* kWhat[] = {"id", "mask"};
            for (std::size_t k = 0; k < std::min(entry.args.size(), std::size(kWhat)); ++k) {
                if (entry.args[k] <= 0xffff) continue;
                decoder.oddity(at, Known::iommus,
                               fmt::format("{} {:#x} is wider than 16 bits; this SMMU keeps {:#x}", kWhat[k],
                                           entry.args[k], entry.args[k] & 0xffff));
            }
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
    if (decoder.first_text_is(at, Known::device_type, "pci") && !node.iommu_map) {
        decoder.oddity(
            at, Known::iommus,
            "iommus of a PCI host bridge without iommu-map: for the bridge's own device alone; its functions "
            "run untranslated");
    }
    if (node.compatible.empty()) decoder.oddity(at, "has iommus but no compatible: no driver binds to it by itself");
    if (node.iommu_map)
        decoder.oddity(at, "has both iommus and iommu-map: the one for itself, the other for what is behind it");
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
    // A PCI function's registers are where its BARs are.
    const bool function = node.parent && decoder.first_text_is(*node.parent, Known::device_type, "pci");
    if (!function && node.regs.empty()) {
        decoder.oddity(at, "is an IOMMU without reg");
    } else if (!function && !node.regs.front().cpu_address) {
        decoder.oddity(at, Known::reg, "is an IOMMU's, but no chain of ranges leads from it to the CPU");
    }
    if (node.available && !node.reachable) decoder.oddity(at, "is an IOMMU below a disabled node: it never appears");
}

/// Windows that are smaller than what the node says stands in them.
void note_windows(Decoder& decoder, NodeIndex at) {
    constexpr std::uint64_t kSmmuV3Bytes = 0x20000;
    const Node& node = decoder.node(at);
    const bool host = decoder.first_text_is(at, Known::device_type, "pci");
    if (const auto buses = host ? ecam_buses(node) : std::nullopt) {
        const Property* const range = node.property("bus-range");
        const std::uint64_t named = range != nullptr && range->bytes.size() == 8
                                        ? load_be(&range->bytes[4], 4) - load_be(range->bytes.data(), 4) + 1
                                        : 256;
        if (*buses < named && range != nullptr)
            decoder.oddity(at, Known::reg,
                           fmt::format("configuration space of {} bus{} where bus-range names {}: Linux uses the first "
                                       "{} alone",
                                       *buses, *buses == 1 ? "" : "es", named, *buses));
    }
    if (!is_iommu(node)) return;
    const IommuKind& kind = iommu_kind(node);
    if (kind.family == "smmuv3" && !node.regs.empty() && node.regs.front().size < kSmmuV3Bytes &&
        !node.has("cavium,cn9900-broken-page1-regspace"))
        decoder.oddity(at, Known::reg,
                       fmt::format("{:#x} bytes do not hold an SMMUv3's two register pages ({:#x}): its driver's probe "
                                   "fails (-22), and its masters wait for the deferred-probe timeout",
                                   node.regs.front().size, kSmmuV3Bytes));
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

/// Host bridges that claim one domain.
void note_domains(Decoder& decoder) {
    std::map<unsigned, NodeIndex> first;
    for (const PciHost& host : pci_hosts(decoder.out())) {
        const auto [other, fresh] = first.emplace(host.domain, host.node);
        if (fresh) continue;
        decoder.oddity(host.node,
                       fmt::format("linux,pci-domain {} is that of {}, too: Linux from 6.2 on does not probe "
                                   "this one; before, not if their root buses have one number",
                                   host.domain, decoder.node(other->second).path));
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
        note_windows(decoder, at);
    }
    note_domains(decoder);
    for (IdBeyond& one : ids_beyond(decoder.out())) decoder.oddity(one.iommu, std::move(one.what));
}

}  // namespace xlate::firmware
