// What bounds a master: how busy each resource on its way was, from what a run counted and the resource's size.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "study/results/on_the_way.hpp"
#include "study/results/result.hpp"

namespace xlate::study {

struct LimitedBy {
    std::string resource;  ///< in words, with the key of the config that sizes it
    double share = 0;      ///< of the time from its first to its last transaction, 0 to 1
};

/// The busiest resource on the way of master number `master` of facts.soc.masters. An estimate: a resource that is
/// shared is busy for all who share it, over this master's time; a TBU's write buffer and slots are held for the mean
/// time that a transaction is in the IOMMU. Where none is busy for half of the time, what its own outstanding transfers
/// allow.
LimitedBy limited_by(const RunFacts& facts, std::size_t master);

/// How busy or full each resource on its way was, its own outstanding transfers and pace among them, and which share of
/// its transactions' time was waiting to get into the IOMMU; the busiest first. Nothing for one that moved nothing.
std::vector<OnTheWay> busy_shares(const RunFacts& facts, std::size_t master);

}  // namespace xlate::study
