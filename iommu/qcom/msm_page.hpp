// The page docs/msm-v0.md: what the model of Qualcomm's first IOMMU does with each register, made from the tables here
// and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::msm {

/// Markdown.
std::string msm_page();

}  // namespace xlate::iommu::msm
