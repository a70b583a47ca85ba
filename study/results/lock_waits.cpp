#include "study/results/lock_waits.hpp"

#include <algorithm>
#include <vector>

#include "study/results/resources.hpp"

namespace xlate::study {

std::optional<LimitedBy> lock_of_driver(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own) {
    using Mapping = TrafficConfig::Mapping;
    if (traffic.mapping != Mapping::per_transfer && traffic.mapping != Mapping::ring) return std::nullopt;
    if (own.last_completion <= own.first_issue) return std::nullopt;
    const std::vector<kernel::Lockdep::ClassStats> locks = facts.kernel.lockdep.statistics();
    const auto longest =
        std::max_element(locks.begin(), locks.end(), [](const auto& a, const auto& b) { return a.wait < b.wait; });
    if (longest == locks.end() || longest->wait.fs == 0) return std::nullopt;
    const double time =
        static_cast<double>((own.last_completion - own.first_issue).fs) * std::max<double>(traffic.tasks, 1);
    return LimitedBy{resource::lock(longest->name), std::min(1.0, static_cast<double>(longest->wait.fs) / time)};
}

}  // namespace xlate::study
