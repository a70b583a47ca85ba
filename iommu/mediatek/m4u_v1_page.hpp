// The page docs/mediatek-v1.md: what the model of MediaTek's first M4U does with each register and word, made from the
// tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::mediatek_v1 {

/// Markdown.
std::string m4u_v1_page();

}  // namespace xlate::iommu::mediatek_v1
