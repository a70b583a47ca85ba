// Families whose instances have nodes of firmware besides their own: Qualcomm's msm-iommu (context banks), MediaTek's
// first M4U (larbs and the SMI common). For real_families.cpp.
#pragma once

#include "explore/scenario/real_families.hpp"

namespace xlate::explore {

inline constexpr std::uint64_t kQcomLocalBytes = 0x3000;
void describe_qcom(firmware::Node& node);
/// A child a context bank; they are numbered from 1.
void surround_qcom(firmware::Description& description, firmware::NodeIndex node);
RealDriver make_qcom_driver(const RealDriverParts& parts);
std::unique_ptr<iommu::Instance> make_qcom(const Scenario& scenario, const IommuSpec& spec);

inline constexpr std::uint64_t kMtkV1Bytes = 0x1000;
void describe_mtk_v1(firmware::Node& node);
/// Larbs and the SMI common, as children. One M4U a scenario has them: a SoC has one.
void surround_mtk_v1(firmware::Description& description, firmware::NodeIndex node);
RealDriver make_mtk_v1_driver(const RealDriverParts& parts);
std::unique_ptr<iommu::Instance> make_mtk_v1(const Scenario& scenario, const IommuSpec& spec);

}  // namespace xlate::explore
