// What is special to a family of IOMMUs in the config.
#pragma once

#include "study/config/config.hpp"

namespace xlate::study {

void visit_smmuv3(ParameterVisitor& visitor, IommuConfig& iommu);          ///< `features`
void visit_family_options(ParameterVisitor& visitor, IommuConfig& iommu);  ///< `dart`, `smmuv2`, ...: as sheets say

inline void visit_families(ParameterVisitor& visitor, IommuConfig& iommu) {
    visit_smmuv3(visitor, iommu);
    visit_family_options(visitor, iommu);
}

/// After a preset has replaced the parameters.
void restart_families(IommuConfig& iommu);

}  // namespace xlate::study
