// What a master shares with others on its way to memory, and what each resource did in that master's time: measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "study/results/result.hpp"

namespace xlate::study {

struct OnTheWay {
    std::string resource;  ///< in words: resources.hpp, with the name for NAME
    double share = 0;      ///< busy: of its places over the time; of what is held (slots, buffers): time without room
    double occupancy = 0;  ///< places in use, mean
    double waiting = 0;    ///< how many waited for it, mean
    double places = 1;
};

/// When a master's transactions were measured: from, to.
std::pair<SimTime, SimTime> measured_time(const RunFacts& facts, const soc::MasterStats& master);

/// From memory to the master, the busiest of each kind. Empty for one that moved nothing.
std::vector<OnTheWay> on_the_way(const RunFacts& facts, const soc::MasterStats& master);

}  // namespace xlate::study
