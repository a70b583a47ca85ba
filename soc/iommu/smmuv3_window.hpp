// Whether firmware gives an SMMUv3 the registers that the config lets it have: command queue control pages (ECMDQ) lie
// behind the two pages that every SMMUv3 has. Source: IHI 0070, chapter 6; docs/spec/iommu-hardware.md.
#pragma once

#include <vector>

#include "base/error.hpp"
#include "firmware/description.hpp"
#include "soc/config.hpp"

namespace xlate::soc {

/// A finding for each SMMUv3 whose register range is too small; names the parameter as the YAML does.
std::vector<Diagnostic> check_smmuv3_windows(const SocConfig& config, const firmware::Description& description);

}  // namespace xlate::soc
