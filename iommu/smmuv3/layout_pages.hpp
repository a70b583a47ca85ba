// The page tables of SMMUv3: VMSAv8-64, under this architecture's names too.
#pragma once

#include "iommu/tables/layout_vmsa8_64.hpp"

namespace xlate::iommu::smmuv3 {

using namespace vmsa8_64;

}  // namespace xlate::iommu::smmuv3
