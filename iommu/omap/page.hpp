// The page docs/omap.md: what this OMAP IOMMU does with each register, interrupt and word, made from the tables here
// and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::omap {

/// Markdown.
std::string omap_page();

}  // namespace xlate::iommu::omap
