// The page docs/sun50i.md: what the model of Allwinner's IOMMU does with each register, interrupt and word, made from
// the tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::sun50i {

/// Markdown.
std::string sun50i_page();

}  // namespace xlate::iommu::sun50i
