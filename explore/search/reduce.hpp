// A scenario with parts taken out, by name: what a bug needs of it, and no more.
// Written "scenario~part~part", as in a token ("cover-letter~dev0.2/base/..."): applied from left to right.
//   dev1      the device and every action on it        smmu1   the IOMMU, every entry that names it, every action on it
//   dev0.2    its second `iommus` entry                #2      the second task
//   #1.2      the second action of the first task      #0.1    the first action before the race
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "explore/search/explore.hpp"

namespace xlate::explore {

/// Errors: InputError (there is no such part).
Scenario without(const Scenario& scenario, const std::string& part);

/// "cover-letter~dev0.2" of this scenario, or (by find_scenario) of a built-in one. Errors: InputError.
Scenario reduced_scenario(const Scenario& scenario, std::string_view name);
Scenario reduced_scenario(std::string_view name);

/// Every part that could go: tasks first, then devices, IOMMUs, actions and entries.
std::vector<std::string> parts_of(const Scenario& scenario);

/// "without the second task, entry 2 of dev0": a part in words.
std::string part_text(const std::string& part);

/// Takes parts out for as long as the bug (kind, place, pair of tasks) stays; the rest is minimised again. Nothing if
/// nothing can go.
std::optional<ReducedBug> reduce(const Scenario& scenario, const std::string& variant, const ExploreOptions& options,
                                 const Bug& bug);

}  // namespace xlate::explore
