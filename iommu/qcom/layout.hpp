// Qualcomm's msm-iommu, versions 1 and 2, what a driver and the hardware share beside the registers of a context bank,
// which are an SMMUv2's (iommu/smmuv2/layout_bank.hpp). Firmware has one node for the whole and a child for each bank.
// Source: docs/spec/iommu-hardware.md section 16.5; docs/spec/linux-findings.md 31a and 37.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace xlate::iommu::qcom {

/// Of the registers that the node itself names, if it does: which contexts raise non-secure interrupts.
inline constexpr std::uint32_t SMMU_INTR_SEL_NS = 0x2000;

/// Banks are this far apart; a bank's number is its place.
inline constexpr std::uint32_t kBankBytes = 0x1000;
inline constexpr unsigned kMostBanks = 128;  ///< of this model

/// A bank's number and ASID: its offset in the IOMMU says it, unless the property qcom,ctx-asid does.
constexpr std::uint32_t asid_of(std::uint64_t offset, std::optional<std::uint32_t> given) {
    return given ? *given : static_cast<std::uint32_t>(offset / kBankBytes);
}
/// A bank of version 2 that the secure world alone programs.
constexpr bool is_secured(std::string_view compatible) { return compatible == "qcom,msm-iommu-v2-sec"; }

}  // namespace xlate::iommu::qcom
