// SMMUv3's data sheet. Source: docs/spec/iommu-hardware.md section 1.
#pragma once

#include "iommu/instance.hpp"

namespace xlate::iommu::smmuv3 {

const InstanceSpec& sheet();

}  // namespace xlate::iommu::smmuv3
