// The lock that a driver's tasks wait for, from what lockdep counted: what bounds a master whose driver maps and unmaps
// around its transfers, where that is no hardware.
#pragma once

#include <optional>

#include <vector>

#include "study/results/limited_by.hpp"

namespace xlate::study {

/// The lock with the longest waits in the master's time, and their share of the time of the tasks of this traffic: from
/// its first transaction to its last, `tasks` at once. Nothing: nobody waited, or its driver has no tasks.
std::optional<LimitedBy> lock_of_driver(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own);

/// The kernel's locks in that time: which share of it they were held (of one class, of all its locks), and waited for.
std::vector<OnTheWay> locks_in_its_time(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own);

}  // namespace xlate::study
