#include "firmware/id_limits.hpp"

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
};

}  // namespace

std::optional<std::uint32_t> id_count(const Node& provider) {
    const IommuKind& kind = iommu_kind(provider);
    if (kind.compatible.empty()) return std::nullopt;
    for (const Row& row : kRows) {
        if (row.family == kind.family && (row.compatible.empty() || row.compatible == kind.compatible)) return row.ids;
    }
    return std::nullopt;
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
        all.push_back({at, fmt::format("id {:#x} ({}) is none that it has: 0x0 to {:#x}", needs.highest_id,
                                       needs.id_where, *count - 1)});
    }
    return all;
}

}  // namespace xlate::firmware
