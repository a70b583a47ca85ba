// The lock that a driver's tasks wait for, from what lockdep counted: what bounds a master whose driver maps and unmaps
// around its transfers, where that is no hardware.
#pragma once

#include <optional>

#include "study/results/limited_by.hpp"

namespace xlate::study {

/// The lock with the longest waits of the run, and their share of the time of the tasks of this traffic: from its first
/// transaction to its last, `tasks` at once. Nothing: nobody waited, or its driver has no tasks.
std::optional<LimitedBy> lock_of_driver(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own);

}  // namespace xlate::study
