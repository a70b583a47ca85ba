// docs/bcm2712.md, from the code's tables.
#pragma once

#include <string>

namespace xlate::iommu::bcm2712 {

std::string bcm2712_page();

}  // namespace xlate::iommu::bcm2712
