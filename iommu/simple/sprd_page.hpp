// The page docs/sprd.md: what the model of Spreadtrum's IOMMU does with each register and word, made from the tables
// here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::sprd {

/// Markdown.
std::string sprd_page();

}  // namespace xlate::iommu::sprd
