// Rows of the Rockchip IOMMU's data sheet, by index.
#pragma once

#include <cstddef>

#include "iommu/engine.hpp"

namespace xlate::iommu::rockchip {

struct Purpose {
    static constexpr AccessPurpose directory{0}, table{1};
};
inline constexpr std::size_t kStructureTlb = 0, kStructureDirectory = 1;
/// Of directory words, as configs and accounts count levels: 3 is the last before the page.
inline constexpr std::uint8_t kDirectoryLevel = 2;

}  // namespace xlate::iommu::rockchip
