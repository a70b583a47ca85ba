// Which kernel a board asks for, where the config does not say: its architecture by the CPUs, its release by the
// drivers of its IOMMUs; and what a kernel that was chosen cannot do with the board.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Sets `kernel.arch` and `kernel.variant`, if they are not given and the defaults do not fit. A sentence each.
/// Errors: InputError for a `kernel.arch` that is given and runs on none of the CPUs.
std::vector<std::string> assume_kernel(Config& config, const firmware::Description& description);

/// IOMMUs of the board whose driver came after this kernel, and drives them all the same: a sentence for each driver.
std::vector<std::string> drivers_not_yet(const kernel::Variant& variant, const firmware::Description& description);

}  // namespace xlate::study
