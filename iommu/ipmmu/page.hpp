// The page docs/ipmmu.md: what the model of Renesas's IPMMU does with each register, fault and word, made from the
// tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::ipmmu {

/// Markdown.
std::string ipmmu_page();

}  // namespace xlate::iommu::ipmmu
