// The data sheet of SMMUv1 and SMMUv2. Source: docs/spec/iommu-hardware.md section 2.
#pragma once

#include "iommu/instance.hpp"

namespace xlate::iommu::smmuv2 {

const InstanceSpec& sheet();

}  // namespace xlate::iommu::smmuv2
