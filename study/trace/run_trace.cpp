#include "study/trace/run_trace.hpp"

#include <fmt/format.h>

namespace xlate::study {
namespace {

using soc::TraceStep;
using Kind = soc::TraceStep::Kind;

/// A level that changes more often is told once in this time.
constexpr SimTime kLevelGap = ns(50);
constexpr std::uint64_t kBucketFs = kFsPerUs;

/// The same for all steps of one access.
std::uint64_t flow_of(const TraceStep& step) {
    if (step.own) return 0;
    return ((std::uint64_t{step.source} + 1) << 40) | (step.number & ((std::uint64_t{1} << 40) - 1));
}

TraceEntry::Says says(Kind kind) {
    switch (kind) {
        case Kind::transfer:
        case Kind::translation:
        case Kind::walk:
            return TraceEntry::Says::access;
        case Kind::read:
        case Kind::memory:
            return TraceEntry::Says::memory;
        case Kind::command:
            return TraceEntry::Says::queue;
    }
    return TraceEntry::Says::detail;
}

bool is_hit(std::string_view what) { return what == "micro-TLB hit" || what == "main TLB hit"; }

}  // namespace

RunTrace::RunTrace(TraceRecorder& recorder) : recorder_(recorder) { steps = true; }

RunTrace::TrackId RunTrace::track_of(const TraceStep& step) {
    Key key{static_cast<std::uint8_t>(step.kind), step.component, step.place};
    if (step.kind == Kind::command) std::get<2>(key) = std::to_string(step.address);
    if (step.kind == Kind::walk || step.kind == Kind::read) std::get<2>(key).clear();
    const auto known = tracks_.find(key);
    if (known != tracks_.end()) return known->second;
    const std::string& place = std::get<2>(key);
    TrackId track = 0;
    switch (step.kind) {
        case Kind::transfer:
            track = recorder_.track("masters", step.component);
            break;
        case Kind::translation:
            track = recorder_.track(step.component, place.empty() ? "port" : "port " + place);
            break;
        case Kind::walk:
            track = recorder_.track(step.component, "walk slots");
            break;
        case Kind::read:
            track = recorder_.track(step.component, "reads");
            break;
        case Kind::command:
            track = recorder_.track(step.component, "commands " + place);
            break;
        case Kind::memory:
            track = recorder_.track("memory", step.component);
            break;
    }
    tracks_.emplace(std::move(key), track);
    return track;
}

void RunTrace::step(const TraceStep& step) {
    TraceEntry entry;
    entry.what = step.what.empty() ? std::string_view("translation") : step.what;
    entry.start = step.start;
    entry.end = step.end;
    entry.detail = step.address;
    entry.size = step.size;
    entry.flow = flow_of(step);
    entry.says = says(step.kind);
    entry.begins_flow = step.kind == Kind::transfer;
    recorder_.add(track_of(step), entry);
    if (step.kind == Kind::transfer) {
        change(outstanding(step.component), step.end, false);
        auto rate = bandwidth_.find(step.component);
        if (rate == bandwidth_.end()) {
            rate = bandwidth_.emplace(step.component, Rate{}).first;
            rate->second.track = recorder_.track("masters", std::string(step.component) + " MB/s", "MB/s");
        }
        const bool fault = step.what == "fault";
        // Bytes in a microsecond are MB/s.
        add(rate->second, step.end, fault ? 0 : step.size, false);
        if (fault && recorder_.limits().keep == TraceLimits::Keep::fault) recorder_.stop(step.end);
    } else if (step.kind == Kind::translation) {
        auto rate = hits_.find(step.component);
        if (rate == hits_.end()) {
            rate = hits_.emplace(step.component, Rate{}).first;
            rate->second.track = recorder_.track(step.component, "TLB hits %", "%");
        }
        add(rate->second, step.end, is_hit(step.what) ? 100 : 0, true);
    }
}

void RunTrace::issued(std::string_view device, std::uint64_t, SimTime at) { change(outstanding(device), at, true); }

RunTrace::Level& RunTrace::outstanding(std::string_view device) {
    auto at = outstanding_.find(device);
    if (at == outstanding_.end()) {
        at = outstanding_.emplace(device, Level{}).first;
        at->second.track = recorder_.track("masters", std::string(device) + " outstanding", "transactions");
    }
    return at->second;
}

void RunTrace::count(TrackId track, SimTime at, std::uint64_t value) {
    TraceEntry entry;
    entry.start = entry.end = at;
    entry.detail = value;
    entry.form = TraceEntry::Form::counter;
    recorder_.add(track, entry);
}

void RunTrace::tell(Level& level) {
    if (!level.pending) return;
    count(level.track, level.changed, level.value);
    level.told = level.changed;
    level.pending = false;
}

void RunTrace::change(Level& level, SimTime at, bool up) {
    // In `fast` some are told before their time.
    const bool stood = at > level.changed + kLevelGap || level.changed >= level.told + kLevelGap;
    if (level.pending && at > level.changed && stood) tell(level);
    if (up) {
        ++level.value;
    } else if (level.value != 0) {
        --level.value;
    }
    if (at > level.changed || !level.pending) level.changed = at;
    level.pending = true;
}

void RunTrace::close(Rate& rate, bool mean) {
    if (rate.count == 0) return;
    count(rate.track, SimTime{rate.bucket * kBucketFs}, mean ? rate.sum / rate.count : rate.sum);
    rate.sum = rate.count = 0;
}

void RunTrace::add(Rate& rate, SimTime at, std::uint64_t value, bool mean) {
    const std::uint64_t bucket = at.fs / kBucketFs;
    if (bucket > rate.bucket) {
        const bool told = rate.count != 0;
        close(rate, mean);
        if (told && !mean && bucket > rate.bucket + 1) count(rate.track, SimTime{(rate.bucket + 1) * kBucketFs}, 0);
        rate.bucket = bucket;
    }
    rate.sum += value;
    ++rate.count;
}

void RunTrace::span(std::string_view component, std::string_view what, SimTime start, SimTime end,
                    std::uint64_t detail) {
    recorder_.span(component, what, start, end, detail);
}

void RunTrace::instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) {
    recorder_.instant(component, what, at, detail);
}

void RunTrace::ran(unsigned cpu, std::string_view task, SimTime from, SimTime to) {
    TraceEntry entry;
    entry.what = task;
    entry.start = from;
    entry.end = to;
    entry.says = TraceEntry::Says::nothing;
    const std::string name = "cpu" + std::to_string(cpu);
    recorder_.add(recorder_.track("CPUs", name), entry);
    const std::string on = "on " + name;
    entry.what = on;
    recorder_.add(recorder_.track("tasks", task), entry);
}

void RunTrace::lock(std::string_view lock, std::string_view task, bool waited, SimTime from, SimTime to) {
    const std::string what = waited ? fmt::format("{} waits", task) : fmt::format("held by {}", task);
    TraceEntry entry;
    entry.what = what;
    entry.start = from;
    entry.end = to;
    entry.says = TraceEntry::Says::nothing;
    recorder_.add(recorder_.track("locks", lock), entry);
}

void RunTrace::finish() {
    for (auto& [device, level] : outstanding_) tell(level);
    for (auto& [device, rate] : bandwidth_) {
        close(rate, false);
        count(rate.track, SimTime{(rate.bucket + 1) * kBucketFs}, 0);
    }
    for (auto& [iommu, rate] : hits_) close(rate, true);
}

}  // namespace xlate::study
