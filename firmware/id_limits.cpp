#include "firmware/id_limits.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"
#include "firmware/iommu_needs.hpp"

namespace xlate::firmware {
namespace {

/// `compatible` empty: all others of the family.
struct Row {
    std::string_view family;
    std::string_view compatible;
    std::uint32_t ids;
};

constexpr Row kRows[] = {
    {"dart", "apple,t8103-dart", 16},
    {"dart", "apple,t6000-dart", 16},
    {"dart", "apple,t8110-dart", 256},
    {"sun50i", "", 6},
    {"ipmmu", "renesas,ipmmu-vmsa", 32},
    {"ipmmu", "renesas,ipmmu-r8a779a0", 64},
    {"ipmmu", "renesas,rcar-gen4-ipmmu-vmsa", 64},
    {"ipmmu", "", 48},
    {"riscv", "", 1U << 24},
    {"smmuv3", "", 1U << 25},
};
constexpr unsigned kIdBits = 15, kExtendedIdBits = 16;  // of SMMUv1 and v2

}  // namespace

std::optional<std::uint32_t> id_count(const Node& provider) {
    const IommuKind& kind = iommu_kind(provider);
    if (kind.compatible.empty()) return std::nullopt;
    for (const Row& row : kRows) {
        if (row.family == kind.family && (row.compatible.empty() || row.compatible == kind.compatible)) return row.ids;
    }
    return std::nullopt;
}

std::optional<std::string> refused_stream(const Node& provider, const StreamMatch& stream) {
    const IommuKind& kind = iommu_kind(provider);
    if (kind.family == "smmuv3") {
        const std::optional<std::uint32_t> count = id_count(provider);
        if (!count || stream.id < *count) return std::nullopt;
        return fmt::format("id {:#x} is beyond the {:#x} that Linux's stream table holds (-34)", stream.id, *count);
    }
    if (kind.cells != IdCells::id_and_mask) return std::nullopt;
    const unsigned bits = kind.compatible == "cavium,smmu-v2" ? kExtendedIdBits : kIdBits;
    const bool id = stream.id >> bits != 0;
    if (!id && stream.mask >> bits == 0) return std::nullopt;
    return fmt::format("{} {:#x} is beyond the {} bits of an SMMU with{} extended ids (-22)", id ? "id" : "mask",
                       id ? stream.id : stream.mask, bits, bits == kIdBits ? "out" : "");
}

std::optional<unsigned> context_banks(const Node& provider) {
    if (iommu_kind(provider).family != "smmuv2") return std::nullopt;
    const std::size_t global = provider.u32("#global-interrupts").value_or(0);
    if (provider.interrupts.size() <= global) return std::nullopt;
    return static_cast<unsigned>(provider.interrupts.size() - global);
}

unsigned stream_matches(const Description& description, NodeIndex provider) {
    const Node& smmu = description.node(provider);
    if (iommu_kind(smmu).cells != IdCells::id_and_mask) return 0;
    std::vector<StreamMatch> kept;
    for (const Node& node : description.nodes) {
        if (!node.reachable || !node.available) continue;
        for (const IommuEntry& entry : node.iommus) {
            if (entry.provider != provider) continue;
            const std::optional<StreamMatch> match = stream_of(smmu, entry.args);
            if (!match) continue;
            const auto covers = [&](const StreamMatch& other) { return other.covers(*match); };
            if (std::any_of(kept.begin(), kept.end(), covers)) continue;
            const auto covered = [&](const StreamMatch& other) { return match->covers(other); };
            kept.erase(std::remove_if(kept.begin(), kept.end(), covered), kept.end());
            kept.push_back(*match);
        }
    }
    return static_cast<unsigned>(kept.size());
}

std::vector<IdBeyond> ids_beyond(const Description& description) {
    std::vector<IdBeyond> all;
    bool any = false;
    for (const NodeIndex at : description.providers()) any = any || id_count(description.node(at)).has_value();
    if (!any) return all;
    for (const auto& [at, needs] : iommu_needs(description)) {
        const Node& node = description.node(at);
        const std::optional<std::uint32_t> count = id_count(node);
        if (!node.reachable || !count || needs.id_bits == 0 || needs.highest_id < *count) continue;
        const bool linux_alone = iommu_kind(node).family == "smmuv3";
        all.push_back({at, fmt::format("id {:#x} ({}) is none that {}: 0x0 to {:#x}", needs.highest_id, needs.id_where,
                                       linux_alone ? "Linux's stream table holds (-34)" : "it has", *count - 1)});
    }
    return all;
}

}  // namespace xlate::firmware
