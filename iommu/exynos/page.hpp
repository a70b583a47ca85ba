// docs/exynos.md, from the tables of this folder.
#pragma once

#include <string>

namespace xlate::iommu::exynos {

std::string exynos_page();

}  // namespace xlate::iommu::exynos
