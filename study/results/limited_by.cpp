#include "study/results/limited_by.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "study/results/lock_waits.hpp"
#include "study/results/on_the_way.hpp"
#include "study/results/resources.hpp"

namespace xlate::study {
namespace {

constexpr double kPaced = 0.97;
/// From where on a resource counts as full. Below, waiting for one's own answers explains more
/// (tests/cli/limits_test.cpp tries it on every config).
constexpr double kBusy = 0.85;

/// The share of its time that the master's transactions wait to get into the IOMMU: for a slot or a buffer.
double queued_share(const soc::MasterStats& own) {
    std::uint64_t waits = 0;
    for (std::size_t i = 0; i < soc::kParts; ++i) {
        if (soc::group_of(static_cast<soc::Part>(i)) == soc::Group::iommu_queue) waits += own.parts_fs[i];
    }
    return own.latency.sum_fs() == 0 ? 0 : static_cast<double>(waits) / static_cast<double>(own.latency.sum_fs());
}

/// What is passed is at the bottom; what is held meanwhile is above. A full place above is full because of what it
/// waits for below, if that is full too.
int level(const std::string& resource) {
    if (resource.rfind("bridge", 0) == 0) return 1;  // resource::kBridge, with its name
    if (resource == resource::kWalkSlots) return 2;
    if (resource == resource::kCoreSlots) return 3;
    if (resource == resource::kPortSlots || resource == resource::kWriteBuffer) return 4;
    return 0;
}

/// The lowest that is full; of those on one level the busiest. nullptr: none is. `passes_freely` says of one that is
/// busy whether the master gets through it without loss all the same.
template <class PassesFreely>
const LimitedBy* lowest_full(const std::vector<LimitedBy>& candidates, const PassesFreely& passes_freely) {
    const LimitedBy* found = nullptr;
    for (const LimitedBy& one : candidates) {
        if (one.share < kBusy || passes_freely(one)) continue;
        const bool lower = found == nullptr || level(one.resource) < level(found->resource);
        const bool busier =
            found != nullptr && level(one.resource) == level(found->resource) && one.share > found->share;
        if (lower || busier) found = &one;
    }
    return found;
}

/// Where most of a master's time is waiting to get into the IOMMU, more outstanding transfers would wait as well: what
/// holds the places is the fullest there. The same where walks nearly fill their slots, and that wait is longer than
/// what more outstanding transfers could gain before the busiest resource is full. Shares are estimates from means;
/// bursts fill a resource more than that.
const LimitedBy* fullest_place(const std::vector<LimitedBy>& candidates, const soc::MasterStats& own, double busiest) {
    constexpr double kMost = 0.5;         // of its time
    constexpr double kFilled = 0.4;       // less, and nothing in the IOMMU is what it waits for
    constexpr double kNearlyFull = 0.65;  // of walk slots
    const double queued = std::min(queued_share(own), 0.999);
    const LimitedBy* fullest = nullptr;
    for (const LimitedBy& one : candidates) {
        if (one.resource == resource::kWalkSlots && one.share >= kNearlyFull && queued / (1 - queued) > 1 / busiest - 1)
            return &one;
        const bool place = one.resource == resource::kPort || level(one.resource) > 0;
        if (place && one.share >= kFilled && (fullest == nullptr || one.share > fullest->share)) fullest = &one;
    }
    return queued > kMost ? fullest : nullptr;
}

/// Who is asked for a rate and misses it stands at doors that are closed for a while, not only at those that always
/// are: what holds the places is the fullest there, unless something that is passed is nearly busy.
const LimitedBy* closed_door(const std::vector<LimitedBy>& candidates) {
    constexpr double kOften = 0.1;        // of its time
    constexpr double kNearlyBusy = 0.75;  // and queues before it
    const LimitedBy* fullest = nullptr;
    for (const LimitedBy& one : candidates) {
        const bool place = level(one.resource) > 0;
        if (!place && one.share >= kNearlyBusy) return nullptr;
        if (place && one.share >= kOften && (fullest == nullptr || one.share > fullest->share)) fullest = &one;
    }
    return fullest;
}

/// The pause that a master keeps between two issues, over its time.
LimitedBy pace_of(const TrafficConfig& traffic, const soc::MasterStats& own, std::pair<SimTime, SimTime> time) {
    const auto span = static_cast<double>((time.second - time.first).fs);
    if (traffic.rate_bytes_per_s != 0) {
        const double moved = static_cast<double>(own.bytes) * static_cast<double>(kFsPerSecond) / span;
        return {resource::kRate, std::min(1.0, moved / static_cast<double>(traffic.rate_bytes_per_s))};
    }
    const soc::TrafficParams& params = traffic.params;
    const auto pause =
        static_cast<double>(params.interval.fs) + static_cast<double>(params.burst_gap.fs) / std::max(params.burst, 1U);
    const auto issues = static_cast<double>(own.reads + own.writes + own.messages + own.faults);
    return {params.burst_gap.fs != 0 ? resource::kBursts : resource::kInterval, std::min(1.0, issues * pause / span)};
}

/// How full its own outstanding transfers are.
LimitedBy outstanding_of(const TrafficConfig& traffic, const soc::MasterStats& own, double span) {
    const double waiting =
        (static_cast<double>(own.latency.sum_fs()) + static_cast<double>(own.messages_fs)) / traffic.params.outstanding;
    return {resource::kOutstanding, std::min(1.0, waiting / span)};
}

/// Of what all masters sent over their PCIe link in this one's time, its part. By bytes: the wire is shared by these.
/// By the ledger's time it would be a master with small transactions that waits behind a large one's, and gains by more
/// of them.
double part_of_link(const RunFacts& facts, const soc::MasterStats& own) {
    const auto [from, to] = measured_time(facts, own);
    const auto sent = [](const soc::MasterStats& master) { return static_cast<double>(master.bytes); };
    double all = sent(own);
    for (const soc::MasterStats& other : facts.soc.masters) {
        if (&other == &own || other.link != own.link) continue;
        const auto [others_from, others_to] = measured_time(facts, other);
        const SimTime begin = std::max(from, others_from), end = std::min(to, others_to);
        if (end <= begin) continue;
        all += sent(other) * static_cast<double>((end - begin).fs) / static_cast<double>((others_to - others_from).fs);
    }
    return sent(own) / all;
}

/// The part of the master's transactions' time that is waiting for the PCIe link and sending over it: on wires, less
/// the latency of the link there and back.
double on_link(const RunFacts& facts, const soc::MasterStats& own) {
    const auto wires = static_cast<double>(own.parts_fs[static_cast<std::size_t>(soc::Part::link)]);
    const double flight = 2.0 * static_cast<double>(facts.config.soc.pcie.link_latency.fs) *
                          static_cast<double>(own.reads + own.writes + own.faults);
    return own.latency.sum_fs() == 0 ? 0 : std::max(0.0, wires - flight) / static_cast<double>(own.latency.sum_fs());
}

/// A link that is busy, and not full, holds a master up by what its transactions wait for it and take on it. Whether
/// that is more than what further outstanding transfers could gain before the link is full: then it is the link that
/// limits. `in_use`: of its outstanding transfers, the share that is under way.
bool link_holds_up(const RunFacts& facts, const soc::MasterStats& own, const std::vector<OnTheWay>& way,
                   double in_use) {
    constexpr double kSaved = 0.75;  // of the time on it, if it were four times as fast
    const auto link =
        std::find_if(way.begin(), way.end(), [](const OnTheWay& one) { return one.resource == resource::kLink; });
    if (link == way.end() || link->share < 0.5) return false;
    double next = 0.01;
    for (const OnTheWay& one : way) {
        if (one.resource != resource::kLink && level(one.resource) == 0) next = std::max(next, one.share);
    }
    const double saved = std::min(kSaved * on_link(facts, own) * in_use, 0.99);
    const double of_link = std::min(1 / (1 - saved), 1 / next);
    // Who moves less than half of what is on the link gets more of it by asking for more.
    return part_of_link(facts, own) > 0.5 && of_link > 1 / link->share;
}

/// The same for whatever is passed on the way: by what is in it and before it, of the master's transfers under way. Of
/// a resource that others use too that is more than the master's own, so that it counts as holding up rather too often.
bool holds_up(const std::vector<OnTheWay>& way, const LimitedBy& resource, double under_way) {
    constexpr double kSaved = 0.75;
    const auto one =
        std::find_if(way.begin(), way.end(), [&](const OnTheWay& each) { return each.resource == resource.resource; });
    if (one == way.end() || under_way <= 0) return true;
    const double saved = std::min(kSaved * (one->occupancy + one->waiting) / under_way, 0.99);
    return 1 / (1 - saved) > 1 / one->share;
}

/// Whether a resource that is busy, and not full, is none that limits: all of the master's outstanding transfers are
/// under way all the time, and more of them would bring more than a faster resource would.
bool passes_freely(const RunFacts& facts, const soc::MasterStats& own, const std::vector<OnTheWay>& way,
                   const LimitedBy& resource, const LimitedBy& itself, std::uint32_t outstanding) {
    if (resource.share >= kPaced || level(resource.resource) != 0 || itself.share < kPaced) return false;
    if (resource.resource == resource::kLink) return !link_holds_up(facts, own, way, itself.share);
    return !holds_up(way, resource, itself.share * outstanding);
}

/// By the names that `on_the_way` gives.
LimitedBy find_limit(const RunFacts& facts, std::size_t number) {
    const soc::MasterStats& own = facts.soc.masters[number];
    const std::pair<SimTime, SimTime> time = measured_time(facts, own);
    const auto span = static_cast<double>((time.second - time.first).fs);
    if (span <= 0 || own.bytes == 0) return {};  // what moves nothing is not slow: it is refused
    const std::vector<OnTheWay> way = on_the_way(facts, own);
    std::vector<LimitedBy> candidates;
    for (const OnTheWay& one : way) candidates.push_back({one.resource, one.share});
    // Who moves all that it may is limited by nothing else.
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device || own.issued < 2) continue;
        const LimitedBy pace = pace_of(traffic, own, time);
        if (pace.share >= kPaced) return pace;
    }
    const auto busiest = std::max_element(candidates.begin(), candidates.end(),
                                          [](const LimitedBy& a, const LimitedBy& b) { return a.share < b.share; });
    const auto freely = [&](const LimitedBy& one) {
        return std::any_of(facts.config.traffic.begin(), facts.config.traffic.end(), [&](const TrafficConfig& traffic) {
            return traffic.device == own.device &&
                   passes_freely(facts, own, way, one, outstanding_of(traffic, own, span), traffic.params.outstanding);
        });
    };
    if (const LimitedBy* const full = lowest_full(candidates, freely)) return *full;
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device) continue;
        const LimitedBy itself = outstanding_of(traffic, own, span);
        // What is mapped around each transfer waits for its driver when it does not wait for the device; and the
        // driver, where that is most of its time, for a lock.
        const std::optional<LimitedBy> lock = lock_of_driver(facts, traffic, own);
        if (lock && itself.share < 0.5 && lock->share >= 0.5) return *lock;
        if (traffic.mapping == TrafficConfig::Mapping::per_transfer && itself.share < 0.5) {
            return {resource::kDriver, 1 - itself.share};
        }
        if (const LimitedBy* const place = fullest_place(candidates, own, busiest->share)) return *place;
        if (link_holds_up(facts, own, way, itself.share)) {
            const auto is_link = [](const LimitedBy& one) { return one.resource == resource::kLink; };
            return *std::find_if(candidates.begin(), candidates.end(), is_link);
        }
        if (traffic.rate_bytes_per_s != 0 && itself.share < kBusy) {
            if (const LimitedBy* const door = closed_door(candidates)) return *door;
        }
        if (itself.share > busiest->share) return itself;
        // Its pauses take most of its time, and the rest is no single resource's.
        const LimitedBy pace = pace_of(traffic, own, time);
        if (own.issued >= 2 && pace.share >= kBusy) return pace;
    }
    return *busiest;
}

/// With the keys of this config that size it.
std::string with_its_keys(const std::string& resource, const Config& config) {
    return resource == resource::kLink && config.soc.pcie_generation != 0 ? resource::kLinkByLanes : resource;
}

}  // namespace

std::vector<OnTheWay> busy_shares(const RunFacts& facts, std::size_t number) {
    const soc::MasterStats& own = facts.soc.masters[number];
    const std::pair<SimTime, SimTime> time = measured_time(facts, own);
    const auto span = static_cast<double>((time.second - time.first).fs);
    if (span <= 0 || own.bytes == 0) return {};
    std::vector<OnTheWay> all = on_the_way(facts, own);
    const auto add = [&](const LimitedBy& one, double places) {
        all.push_back({one.resource, one.share, one.share * places, 0, places});
    };
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device) continue;
        add(outstanding_of(traffic, own, span), traffic.params.outstanding);
        for (OnTheWay& lock : locks_in_its_time(facts, traffic, own)) all.push_back(std::move(lock));
        if (own.issued >= 2) add(pace_of(traffic, own, time), 1);
    }
    add({resource::kQueued, queued_share(own)}, 1);
    for (OnTheWay& one : all) one.resource = with_its_keys(one.resource, facts.config);
    std::stable_sort(all.begin(), all.end(), [](const OnTheWay& a, const OnTheWay& b) { return a.share > b.share; });
    return all;
}

LimitedBy limited_by(const RunFacts& facts, std::size_t number) {
    LimitedBy found = find_limit(facts, number);
    found.resource = with_its_keys(found.resource, facts.config);
    return found;
}

}  // namespace xlate::study
