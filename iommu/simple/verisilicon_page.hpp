// The page docs/verisilicon.md: what the model of Verisilicon's IOMMU does with each register and word, made from the
// tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::verisilicon {

/// Markdown.
std::string verisilicon_page();

}  // namespace xlate::iommu::verisilicon
