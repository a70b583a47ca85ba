// Rows of standalone_drivers() that need more than a function: units that a table of firmware names (VT-d, AMD-Vi), and
// families whose instances have nodes of firmware besides their own: Qualcomm's msm-iommu (context banks), MediaTek's
// first M4U (larbs and the SMI common).
#pragma once

#include "kernel-model/drivers/standalone_drivers.hpp"

namespace xlate::kernel {

/// Units have no devices: an initcall finds them in DMAR or IVRS. A scenario's IOMMU is a device; binding the first one
/// of a driver runs its initcall, which brings up all units, as on a machine.
StandaloneDriver make_standalone_intel(const StandaloneParts& parts);
StandaloneDriver make_standalone_amd(const StandaloneParts& parts);

inline constexpr std::uint64_t kQcomLocalBytes = 0x3000;
void describe_qcom(firmware::Node& node);
/// A child a context bank; they are numbered from 1.
void surround_qcom(firmware::Description& description, firmware::NodeIndex node);
StandaloneDriver make_standalone_qcom(const StandaloneParts& parts);

inline constexpr std::uint64_t kMtkV1Bytes = 0x1000;
void describe_mtk_v1(firmware::Node& node);
/// Larbs and the SMI common, as children. One M4U a scenario has them: a SoC has one.
void surround_mtk_v1(firmware::Description& description, firmware::NodeIndex node);
StandaloneDriver make_standalone_mtk_v1(const StandaloneParts& parts);

}  // namespace xlate::kernel
