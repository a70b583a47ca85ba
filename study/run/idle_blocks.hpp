// Keys of an IOMMU family's block (`soc.iommu.amd_vi`) on a board whose IOMMUs are all of other families.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// A sentence each. None where some IOMMU's family has no block of its own: it may share one.
std::vector<std::string> idle_blocks(const Config& config, const firmware::Description& description);

}  // namespace xlate::study
