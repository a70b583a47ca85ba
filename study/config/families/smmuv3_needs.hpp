// An SMMUv3 that no config describes, made to fit what the firmware implies; and where the two cannot both be true.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Widens the ids and addresses of each SMMUv3 (`soc.iommus`) as far as the firmware's ids and memory need them, unless
/// the config says how wide they are; so does a later run from the resolved config. Returns a sentence that names both
/// places for each contradiction.
std::vector<std::string> derive_smmuv3(Config& config, const firmware::Description& description);

}  // namespace xlate::study
