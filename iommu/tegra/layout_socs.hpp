// The SoC that a compatible names.
#pragma once

#include "iommu/tegra/layout_t114.hpp"
#include "iommu/tegra/layout_t124.hpp"
#include "iommu/tegra/layout_t210.hpp"
#include "iommu/tegra/layout_t30.hpp"

namespace xlate::iommu::tegra {

/// nullptr: none of these. Tegra132's controller is Tegra124's.
inline const Soc* soc_of(std::string_view compatible) {
    if (compatible == "nvidia,tegra30-mc") return &t30::kSoc;
    if (compatible == "nvidia,tegra114-mc") return &t114::kSoc;
    if (compatible == "nvidia,tegra124-mc" || compatible == "nvidia,tegra132-mc") return &t124::kSoc;
    if (compatible == "nvidia,tegra210-mc") return &t210::kSoc;
    return nullptr;
}

/// nullptr: the SoC has no such swgroup.
inline const Swgroup* find_swgroup(const Soc& soc, std::uint32_t swgroup) {
    for (const Swgroup& one : soc.swgroups) {
        if (one.swgroup == swgroup) return &one;
    }
    return nullptr;
}

}  // namespace xlate::iommu::tegra
