// The built-in scenarios: one per race R* and defect D-* of docs/spec/kernel-probe.md sections 3 and 4.4.
// A YAML file under configs/explore/ names one and overrides what it likes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "explore/scenario/scenario.hpp"

namespace xlate::explore {

/// In the order of the specification's index; "cover-letter" (R1) first.
const std::vector<Scenario>& scenarios();

/// Those that have a real form, in it: "cover-letter+real" (with_real_drivers).
const std::vector<Scenario>& real_scenarios();

/// Of both lists. Errors: InputError that names the nearest one.
const Scenario& find_scenario(std::string_view name);

}  // namespace xlate::explore
