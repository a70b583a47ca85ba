#include "study/results/lock_waits.hpp"

#include <algorithm>

#include "study/results/resources.hpp"

namespace xlate::study {
namespace {

/// Whether its driver has tasks that run beside its transfers.
bool has_tasks(const TrafficConfig& traffic) {
    using Mapping = TrafficConfig::Mapping;
    return traffic.mapping == Mapping::per_transfer || traffic.mapping == Mapping::ring;
}

}  // namespace

std::optional<LimitedBy> lock_of_driver(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own) {
    const std::vector<OnTheWay> locks = locks_in_its_time(facts, traffic, own);
    const auto longest = std::max_element(locks.begin(), locks.end(),
                                          [](const auto& a, const auto& b) { return a.waiting < b.waiting; });
    if (longest == locks.end() || longest->waiting <= 0) return std::nullopt;
    return LimitedBy{longest->resource, std::min(1.0, longest->waiting / std::max<double>(traffic.tasks, 1))};
}

std::vector<OnTheWay> locks_in_its_time(const RunFacts& facts, const TrafficConfig& traffic,
                                        const soc::MasterStats& own) {
    std::vector<OnTheWay> all;
    if (!has_tasks(traffic) || facts.usage == nullptr || own.last_completion <= own.first_issue) return all;
    const auto span = static_cast<double>((own.last_completion - own.first_issue).fs);
    for (const kernel::Lockdep::ClassUse& use : facts.usage->locks_between(own.first_issue, own.last_completion)) {
        const double held = static_cast<double>(use.held_fs) / span;
        const auto locks = static_cast<double>(use.locks);
        all.push_back({resource::lock(use.name), std::min(1.0, held / locks), held,
                       static_cast<double>(use.waited_fs) / span, locks});
    }
    return all;
}

}  // namespace xlate::study
