// What drivers of IOMMUs print of their hardware when they find it, as a config spells it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/init/machine/log_smmuv2.hpp"
#include "study/init/machine/log_smmuv3.hpp"

namespace xlate::study {

/// What a log says of one IOMMU.
struct LogIommu {
    std::optional<LogSmmuV2> smmuv2{};
    std::optional<LogSmmuV3> smmuv3{};

    /// What its entry in `soc.iommus` holds: "features: { oas: 44, ats: false }".
    std::string entry() const;
    /// A sentence for each thing that the log says and that no key takes, or not as it is.
    std::vector<std::string> notes() const;
};

/// By Linux's name of the IOMMU: "9050000.iommu", "arm-smmu-v3.0.auto".
using LogIommus = std::map<std::string, LogIommu>;

/// Adds what `line` (without its time) says; lines of others are passed by.
void take_iommu_line(std::string_view line, LogIommus& iommus);

}  // namespace xlate::study
