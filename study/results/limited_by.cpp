#include "study/results/limited_by.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "iommu/families.hpp"
#include "study/results/resources.hpp"

namespace xlate::study {
namespace {

bool is_pci(const std::string& device) { return device.size() >= 12 && device[4] == ':' && device[7] == ':'; }

/// What went over a resource within one master's time.
struct Load {
    double reads = 0;
    double writes = 0;
    double read_bytes = 0;
    double write_bytes = 0;
    void add(const soc::MasterStats& stats, double share) {
        const auto all = static_cast<double>(stats.reads + stats.writes);
        if (all <= 0) return;
        const double bytes = static_cast<double>(stats.bytes) * share / all;
        reads += static_cast<double>(stats.reads) * share;
        writes += static_cast<double>(stats.writes) * share;
        read_bytes += bytes * static_cast<double>(stats.reads);
        write_bytes += bytes * static_cast<double>(stats.writes);
    }
    double transactions() const { return reads + writes; }
    /// Data go one way for reads and the other for writes.
    double busier_way() const { return std::max(read_bytes, write_bytes); }
};

const kernel::DeviceResult* device_of(const std::vector<kernel::DeviceResult>& devices, const std::string& name) {
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& one) { return one.name == name; });
    return found == devices.end() ? nullptr : &*found;
}

/// When a master's transactions were measured: from, to.
std::pair<SimTime, SimTime> time_of(const RunFacts& facts, const soc::MasterStats& stats) {
    SimTime from = stats.first_issue;
    if (facts.steady != nullptr) from = facts.steady->measured_from(stats.device).value_or(from);
    return {from, std::max(from, stats.last_completion)};
}

/// The share of `other`'s time that lies in `own`.
double overlap(std::pair<SimTime, SimTime> own, std::pair<SimTime, SimTime> other) {
    const SimTime from = std::max(own.first, other.first);
    const SimTime to = std::min(own.second, other.second);
    if (to <= from) return 0;
    return static_cast<double>((to - from).fs) / static_cast<double>((other.second - other.first).fs);
}

/// Those that the IOMMU ran with: its family's preset, and what the config says of it.
soc::IommuParams params_of(const Config& config, const soc::IommuStats& iommu) {
    const iommu::Family* const family = iommu::find_family(iommu.arch);
    const bool own_preset = family != nullptr && family->timing != nullptr;
    return iommu_config(config, iommu.path, own_preset ? std::string(family->timing->name) : IommuConfig{}.preset)
        .params;
}

constexpr double kPaced = 0.97;
/// From where on a resource counts as full. Below, waiting for one's own answers explains more
/// (tests/cli/limits_test.cpp tries it on every config).
constexpr double kBusy = 0.85;

/// How long a transaction of `own` holds its place in the IOMMU: the mean of all of the IOMMU's transactions, unless
/// its own spend less there altogether (others' are held up by what it never sees).
double held_fs(const soc::IommuStats& iommu, const soc::MasterStats& own) {
    std::uint64_t inside = 0;
    for (std::size_t i = 0; i < soc::kParts; ++i) {
        const soc::Group group = soc::group_of(static_cast<soc::Part>(i));
        if (group == soc::Group::iommu_queue || group == soc::Group::tlb || group == soc::Group::walk)
            inside += own.parts_fs[i];
    }
    const double of_own =
        static_cast<double>(inside) / static_cast<double>(std::max<std::uint64_t>(own.latency.count(), 1));
    return std::min(static_cast<double>(iommu.translation.mean().fs), of_own);
}

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
    if (resource == resource::kWalkSlots) return 1;
    if (resource == resource::kPortSlots || resource == resource::kWriteBuffer) return 2;
    return 0;
}

/// The lowest that is full; of those on one level the busiest. nullptr: none is.
const LimitedBy* lowest_full(const std::vector<LimitedBy>& candidates) {
    const LimitedBy* found = nullptr;
    for (const LimitedBy& one : candidates) {
        if (one.share < kBusy) continue;
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
    const auto issues = static_cast<double>(own.reads + own.writes + own.faults);
    return {params.burst_gap.fs != 0 ? resource::kBursts : resource::kInterval, std::min(1.0, issues * pause / span)};
}

/// The resources on its way, in the order in which it meets them from memory on.
std::vector<LimitedBy> candidates_of(const RunFacts& facts, const soc::MasterStats& own,
                                     std::pair<SimTime, SimTime> time) {
    const auto span = static_cast<double>((time.second - time.first).fs);
    const SocConfig& soc = facts.config.soc;
    const std::vector<kernel::DeviceResult> devices = facts.boot.devices();
    const kernel::DeviceResult* const self = device_of(devices, own.device);
    Load all;
    Load link;  // of one host bridge
    Load port;  // of one TBU
    Load unit;  // of one IOMMU
    Load unit_ever;
    for (const soc::MasterStats& other : facts.soc.masters) {
        const double share = overlap(time, time_of(facts, other));
        all.add(other, share);
        const bool same_link =
            is_pci(own.device) && is_pci(other.device) && other.device.substr(0, 4) == own.device.substr(0, 4);
        if (same_link) link.add(other, share);
        const kernel::DeviceResult* const one = device_of(devices, other.device);
        const bool same_iommu = self != nullptr && one != nullptr && self->iommu == one->iommu;
        if (&other == &own || (same_link && same_iommu)) port.add(other, share);
        if (&other == &own || same_iommu) {
            unit.add(other, share);
            unit_ever.add(other, 1);
        }
    }
    std::vector<LimitedBy> candidates;
    const auto add = [&](std::string resource, double busy_fs) {
        candidates.push_back({std::move(resource), std::min(1.0, busy_fs / span)});
    };
    constexpr auto kSecond = static_cast<double>(kFsPerSecond);
    if (const std::uint64_t peak = soc.memory.peak_bytes_per_s(); peak != 0) {
        add(resource::kMemory, (all.read_bytes + all.write_bytes) * kSecond / static_cast<double>(peak));
    }
    add(resource::kCrossbar,
        (all.busier_way() / soc.interconnect.width_bytes +
         all.transactions() * static_cast<double>(soc.interconnect.header.count)) *
            static_cast<double>(soc.system_clock.fs));  // a header goes each way
    if (is_pci(own.device) && soc.pcie.bandwidth_bytes_per_s != 0) {
        const double bytes = link.busier_way() + link.transactions() * soc.pcie.header_bytes;
        add(resource::kLink, bytes * kSecond / static_cast<double>(soc.pcie.bandwidth_bytes_per_s));
    }
    const auto iommu = std::find_if(facts.soc.iommus.begin(), facts.soc.iommus.end(), [&](const soc::IommuStats& one) {
        return self != nullptr && one.name == self->iommu;
    });
    if (iommu != facts.soc.iommus.end()) {
        const soc::IommuParams params = params_of(facts.config, *iommu);
        const double beats =
            port.writes <= 0 ? 1 : std::max(1.0, port.write_bytes / port.writes / params.tbu.port_width_bytes);
        const double held = held_fs(*iommu, own);
        add(resource::kPort, (port.writes * beats + port.reads) * static_cast<double>(params.clock.fs));
        add(resource::kPortSlots, port.transactions() * held / params.tbu.xlate_slots);
        const double needed = std::min(beats, static_cast<double>(params.tbu.write_buffer_beats));
        add(resource::kWriteBuffer, port.writes * held * needed / params.tbu.write_buffer_beats);
        if (unit_ever.transactions() > 0) {
            const double meanwhile = unit.transactions() / unit_ever.transactions();
            add(resource::kWalkSlots, static_cast<double>(iommu->walk.sum_fs()) * meanwhile / params.tcu.walk_slots);
        }
    }
    return candidates;
}

/// How full its own outstanding transfers are.
LimitedBy outstanding_of(const TrafficConfig& traffic, const soc::MasterStats& own, double span) {
    const double waiting = static_cast<double>(own.latency.sum_fs()) / traffic.params.outstanding;
    return {resource::kOutstanding, std::min(1.0, waiting / span)};
}

}  // namespace

std::vector<LimitedBy> busy_shares(const RunFacts& facts, std::size_t number) {
    const soc::MasterStats& own = facts.soc.masters[number];
    const std::pair<SimTime, SimTime> time = time_of(facts, own);
    const auto span = static_cast<double>((time.second - time.first).fs);
    if (span <= 0 || own.bytes == 0) return {};
    std::vector<LimitedBy> all = candidates_of(facts, own, time);
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device) continue;
        all.push_back(outstanding_of(traffic, own, span));
        if (own.issued >= 2) all.push_back(pace_of(traffic, own, time));
    }
    all.push_back({resource::kQueued, queued_share(own)});
    std::stable_sort(all.begin(), all.end(), [](const LimitedBy& a, const LimitedBy& b) { return a.share > b.share; });
    return all;
}

LimitedBy limited_by(const RunFacts& facts, std::size_t number) {
    const soc::MasterStats& own = facts.soc.masters[number];
    const std::pair<SimTime, SimTime> time = time_of(facts, own);
    const auto span = static_cast<double>((time.second - time.first).fs);
    if (span <= 0 || own.bytes == 0) return {};  // what moves nothing is not slow: it is refused
    const std::vector<LimitedBy> candidates = candidates_of(facts, own, time);
    // Who moves all that it may is limited by nothing else.
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device || own.issued < 2) continue;
        const LimitedBy pace = pace_of(traffic, own, time);
        if (pace.share >= kPaced) return pace;
    }
    const auto busiest = std::max_element(candidates.begin(), candidates.end(),
                                          [](const LimitedBy& a, const LimitedBy& b) { return a.share < b.share; });
    if (const LimitedBy* const full = lowest_full(candidates)) return *full;
    for (const TrafficConfig& traffic : facts.config.traffic) {
        if (traffic.device != own.device) continue;
        const LimitedBy itself = outstanding_of(traffic, own, span);
        // What is mapped around each transfer waits for its driver when it does not wait for the device.
        if (traffic.mapping == TrafficConfig::Mapping::per_transfer && itself.share < 0.5) {
            return {resource::kDriver, 1 - itself.share};
        }
        if (const LimitedBy* const place = fullest_place(candidates, own, busiest->share)) return *place;
        if (itself.share > busiest->share) return itself;
    }
    return *busiest;
}

}  // namespace xlate::study
