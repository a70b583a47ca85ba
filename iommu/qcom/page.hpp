// The page docs/msm-iommu.md: what the model of Qualcomm's msm-iommu does with each register and bank, made from the
// tables here and from the data sheet.
#pragma once

#include <string>

namespace xlate::iommu::qcom {

/// Markdown.
std::string qcom_page();

}  // namespace xlate::iommu::qcom
