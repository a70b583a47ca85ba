// Keys that are written and change nothing with the others as they are.
#pragma once

#include <string>
#include <vector>

#include "study/config/config.hpp"

namespace xlate::study {

/// A sentence each: "traffic[0].stride has no effect: pattern is linear, not strided (nic.yaml:4:20)". Only keys whose
/// value is another than the default, since a resolved config writes them all.
std::vector<std::string> idle_keys(const Config& config);

}  // namespace xlate::study
