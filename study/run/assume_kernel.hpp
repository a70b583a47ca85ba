// Which kernel a board asks for, where the config does not say: its architecture by the CPUs, its release by the
// drivers of its IOMMUs.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Sets `kernel.arch` and `kernel.variant`, if they are not given and the defaults do not fit. A sentence each.
std::vector<std::string> assume_kernel(Config& config, const firmware::Description& description);

}  // namespace xlate::study
