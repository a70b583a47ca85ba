// What drivers of IOMMUs print of their hardware when they find it, as a config spells it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace xlate::study {

/// By Linux's name of the IOMMU ("9050000.iommu", "arm-smmu-v3.0.auto"), what its entry in `soc.iommus` holds:
/// "features: { oas: 44, ats: false }".
using LogIommus = std::map<std::string, std::string>;

/// Adds what `line` (without its time) says; lines of others are passed by. Read are:
///   arm-smmu-v3: "ias 44-bit, oas 44-bit (features 0x00008305)": ARM_SMMU_FEAT_* of Linux's arm-smmu-v3.h
///   arm-smmu: "stream matching with 16 register groups", "8 context banks (0 stage-2 only)"
void take_iommu_line(std::string_view line, LogIommus& iommus);

}  // namespace xlate::study
