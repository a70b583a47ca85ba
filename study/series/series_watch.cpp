#include "study/series/series_watch.hpp"

#include <algorithm>

namespace xlate::study {

using Kind = soc::TraceStep::Kind;

template <class T>
T& SeriesWatch::of(ByName<T>& all, std::string_view name) {
    const auto at = all.find(name);
    return at != all.end() ? at->second : all.emplace(name, T{}).first->second;
}

/// Makes room for what happens at `at`, unless that is far away from all that was so far.
bool SeriesWatch::follows(SimTime at) {
    constexpr std::uint64_t kFar = 8;
    if (at.fs / kFar > std::max(end_.fs, BinClock::kMost * clock_.width_fs())) {
        ++beyond_;
        return false;
    }
    reach(at);
    return true;
}

/// All sums of the run get wider together.
void SeriesWatch::reach(SimTime at) {
    end_ = std::max(end_, at);
    for (unsigned left = clock_.reach(at); left != 0; --left) {
        for (auto& [name, one] : masters_) {
            for (Bins* bins : {&one.transfers, &one.faults, &one.bytes, &one.latency_fs, &one.outstanding})
                bins->fold();
        }
        for (auto& [name, one] : iommus_) {
            for (Bins* bins : {&one.translations, &one.hits, &one.walks, &one.walking, &one.in_flight,
                               &one.walk_lookups, &one.walk_hits, &one.commands, &one.command_time})
                bins->fold();
        }
        for (auto& [name, one] : memories_) {
            for (Bins* bins : {&one.accesses, &one.bytes, &one.in_flight}) bins->fold();
        }
        for (auto& [number, one] : cpus_) one.busy.fold();
        for (auto& [name, one] : locks_) one.waiting.fold();
    }
}

void SeriesWatch::step(const soc::TraceStep& step) {
    ForwardingTrace::step(step);
    if (step.kind == Kind::transfer) {
        reach(step.end);
    } else if (!follows(step.end)) {
        return;
    }
    switch (step.kind) {
        case Kind::transfer: {
            Master& one = of(masters_, step.component);
            const bool fault = step.what == "fault";
            one.outstanding.spread(clock_, step.start, step.end);
            if (step.what == "message") break;
            one.transfers.add(clock_, step.end, 1);
            if (fault) one.faults.add(clock_, step.end, 1);
            if (!fault) one.bytes.add(clock_, step.end, step.size);
            one.latency_fs.add(clock_, step.end, (step.end - step.start).fs);
            break;
        }
        case Kind::translation: {
            Iommu& one = of(iommus_, step.component);
            one.translations.add(clock_, step.end, 1);
            if (step.what == "micro-TLB hit" || step.what == "main TLB hit") one.hits.add(clock_, step.end, 1);
            one.in_flight.spread(clock_, step.start, step.end);
            break;
        }
        case Kind::walk: {
            Iommu& one = of(iommus_, step.component);
            one.walks.add(clock_, step.end, 1);
            one.walking.spread(clock_, step.start, step.end);
            one.walk_lookups.add(clock_, step.end, step.lookups - one.lookups_before);
            one.walk_hits.add(clock_, step.end, step.hits - one.hits_before);
            one.lookups_before = step.lookups;
            one.hits_before = step.hits;
            break;
        }
        case Kind::read:
            break;
        case Kind::memory: {
            Memory& one = of(memories_, step.component);
            one.accesses.add(clock_, step.end, 1);
            one.bytes.add(clock_, step.end, step.size);
            one.in_flight.spread(clock_, step.start, step.end);
            break;
        }
        case Kind::command: {
            Iommu& one = of(iommus_, step.component);
            one.commands.add(clock_, step.end, 1);
            one.command_time.spread(clock_, step.start, step.end);
            break;
        }
    }
}

std::uint32_t SeriesWatch::task_index(std::string_view name) {
    const auto known = task_indices_.find(name);
    if (known != task_indices_.end()) return known->second;
    const auto index = static_cast<std::uint32_t>(tasks_.size());
    tasks_.emplace_back(name);
    task_indices_.emplace(name, index);
    return index;
}

void SeriesWatch::ran(unsigned cpu, std::string_view task, SimTime from, SimTime to) {
    if (!follows(to)) return;
    Cpu& one = cpus_[cpu];
    one.busy.spread(clock_, from, to);
    if (from == to) return;
    if (one.runs.size() == kMostRuns) {
        ++one.more;
        return;
    }
    one.runs.push_back({from, to, task_index(task), false});
}

void SeriesWatch::lock(std::string_view lock, std::string_view task, bool waited, SimTime from, SimTime to) {
    if (!follows(to)) return;
    Lock& one = of(locks_, lock);
    if (waited) {
        one.waiting.spread(clock_, from, to);
        ++one.waits;
    }
    if (one.spans.size() == kMostHolds) {
        ++one.more;
        return;
    }
    one.spans.push_back({from, to, task_index(task), waited});
}

void SeriesWatch::issued(std::string_view device, std::uint64_t number, SimTime at) {
    reach(at);
    ForwardingTrace::issued(device, number, at);
}

}  // namespace xlate::study
