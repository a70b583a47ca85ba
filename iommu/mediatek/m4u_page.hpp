// The page docs/mediatek.md: what this M4U does with each register and word, made from the tables here and from the
// data sheet.
#pragma once

#include <string>

namespace xlate::iommu::mediatek {

/// Markdown.
std::string m4u_page();

}  // namespace xlate::iommu::mediatek
