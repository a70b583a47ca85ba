// The built-in scenarios, written out.
#pragma once

#include <vector>

#include "explore/scenario/scenario.hpp"

namespace xlate::explore {

std::vector<Scenario> make_scenarios();
/// Of single drivers, architectures and buses.
std::vector<Scenario> make_series_scenarios();
/// Of what drivers remember of groups.
std::vector<Scenario> make_group_scenarios();

/// Of reports after 6.15: docs/spec/probe-reports.md section 2.
std::vector<Scenario> make_report_scenarios();

}  // namespace xlate::explore
