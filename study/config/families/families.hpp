// What is special to a family of IOMMUs in the config: a block each, in a file of its own.
#pragma once

#include "study/config/config.hpp"

namespace xlate::study {

void visit_smmuv3(ParameterVisitor& visitor, IommuConfig& iommu);  ///< `features`
void visit_smmuv2(ParameterVisitor& visitor, IommuConfig& iommu);  ///< `smmuv2`
void visit_dart(ParameterVisitor& visitor, IommuConfig& iommu);    ///< `dart`

inline void visit_families(ParameterVisitor& visitor, IommuConfig& iommu) {
    visit_smmuv3(visitor, iommu);
    visit_smmuv2(visitor, iommu);
    visit_dart(visitor, iommu);
}

/// After a preset has replaced the parameters.
void restart_families(IommuConfig& iommu);

}  // namespace xlate::study
