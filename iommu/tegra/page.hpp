// docs/tegra.md, made from the layout, the data sheet and the tables of SoCs.
#pragma once

#include <string>

namespace xlate::iommu::tegra {

std::string tegra_page();

}  // namespace xlate::iommu::tegra
