// The page docs/rockchip.md: what this Rockchip IOMMU does with each register, command, interrupt and word, made from
// the tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::rockchip {

/// Markdown.
std::string rockchip_page();

}  // namespace xlate::iommu::rockchip
