// How a trace's tracks, lanes and arguments are written.
#include <algorithm>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "study/trace/perfetto_writer.hpp"
#include "study/trace/trace_recorder.hpp"

namespace xlate::study {

using Type = PerfettoWriter::Type;
using Form = TraceEntry::Form;
using Says = TraceEntry::Says;

/// Of a flow: the number of its transaction.
constexpr std::uint64_t kNumber = (std::uint64_t{1} << 40) - 1;

std::uint64_t TraceRecorder::group_uuid(const std::string& group) {
    if (group.empty()) return 0;
    std::uint64_t& uuid = groups_[group];
    if (uuid == 0) uuid = writer_->track(group, 0);
    return uuid;
}

void TraceRecorder::write_slice(std::uint64_t lane, const Span& span) {
    const std::string_view name = names_[span.name];
    const PerfettoWriter::Flow flow{span.flow, false};
    switch (span.says) {
        case Says::detail:
            writer_->event(lane, Type::slice_begin, span.start, name,
                           {{"detail", span.detail}, {"start_fs", span.start.fs}, {"end_fs", span.end.fs}}, flow);
            break;
        case Says::access:
            writer_->event(lane, Type::slice_begin, span.start, name,
                           {{"iova", span.detail, true},
                            {"bytes", span.size},
                            {"number", span.flow & kNumber},
                            {"start_fs", span.start.fs},
                            {"end_fs", span.end.fs}},
                           flow);
            break;
        case Says::memory:
            writer_->event(lane, Type::slice_begin, span.start, name,
                           {{"address", span.detail, true},
                            {"bytes", span.size},
                            {"start_fs", span.start.fs},
                            {"end_fs", span.end.fs}},
                           flow);
            break;
        case Says::queue:
            writer_->event(lane, Type::slice_begin, span.start, name,
                           {{"queue", span.detail}, {"start_fs", span.start.fs}, {"end_fs", span.end.fs}}, flow);
            break;
        case Says::nothing:
            writer_->event(lane, Type::slice_begin, span.start, name,
                           {{"start_fs", span.start.fs}, {"end_fs", span.end.fs}}, flow);
            break;
    }
    writer_->event(lane, Type::slice_end, span.end, "", {});
    // The answer is a step of its own: so the flow leads back.
    if (span.begins_flow && span.flow != 0)
        writer_->event(lane, Type::instant, span.end, "answered", {}, {span.flow, true});
}

namespace {

constexpr std::uint64_t kTrack = 3;  ///< a varint: a trace has less than two million tracks and lanes

std::uint64_t digits(std::uint64_t value) { return log2_floor(value | 1) / 7 + 1; }

/// Time, sequence, type and track of an event, and what holds them. One without details is shorter than 128 bytes.
std::uint64_t bare_event_bytes(SimTime at) { return 10 + digits(at.fs / kFsPerNs) + kTrack; }
std::uint64_t event_bytes(SimTime at) { return bare_event_bytes(at) + 2; }
std::uint64_t name_bytes(std::string_view name) { return 4 + name.size(); }
std::uint64_t detail_bytes(std::string_view name, std::uint64_t value) { return 5 + name.size() + digits(value); }
constexpr std::uint64_t kFlow = 10;

}  // namespace

/// What a span takes in the file: not less, and little more. Its track and lane aside.
std::uint64_t TraceRecorder::file_bytes(const Span& span) const {
    const std::string_view name = names_[span.name];
    if (span.form == Form::counter) return bare_event_bytes(span.start) + 2 + digits(span.detail);
    const std::uint64_t begin = event_bytes(span.start) + name_bytes(name);
    if (span.form == Form::instant) return begin + detail_bytes("detail", span.detail);
    std::uint64_t bytes = begin + bare_event_bytes(span.end) + detail_bytes("start_fs", span.start.fs) +
                          detail_bytes("end_fs", span.end.fs);
    switch (span.says) {
        case Says::detail:
            bytes += detail_bytes("detail", span.detail);
            break;
        case Says::access:
            bytes += detail_bytes("iova", span.detail) + detail_bytes("bytes", span.size) +
                     detail_bytes("number", span.flow & kNumber);
            break;
        case Says::memory:
            bytes += detail_bytes("address", span.detail) + detail_bytes("bytes", span.size);
            break;
        case Says::queue:
            bytes += detail_bytes("queue", span.detail);
            break;
        case Says::nothing:
            break;
    }
    if (span.flow == 0) return bytes;
    return bytes + kFlow + (span.begins_flow ? bare_event_bytes(span.end) + name_bytes("answered") + kFlow : 0);
}

/// What the track and the lanes take that its next spans need, at most.
std::uint64_t TraceRecorder::new_track_bytes(const Track& track, const Span* spans, std::size_t count) const {
    constexpr std::uint64_t kOfEach = 32;  // numbers, lengths, the lane's
    std::uint64_t fresh = track.uuid == 0 ? 1 : 0;
    std::vector<SimTime> free;
    for (const auto& [uuid, at] : track.lanes) free.push_back(at);
    for (const Span* span = spans; span != spans + count; ++span) {
        if (span->form != Form::slice) continue;
        auto lane = std::find_if(free.begin(), free.end(), [&](SimTime at) { return at <= span->start; });
        if (lane == free.end()) {
            lane = free.insert(free.end(), SimTime{});
            ++fresh;
        }
        *lane = span->end;
    }
    const std::uint64_t group = track.uuid == 0 ? kOfEach + track.group.size() : 0;
    return group + fresh * (kOfEach + track.name.size() + track.unit.size());
}

void TraceRecorder::write_track(Track& track, const Span* spans, std::size_t count) {
    if (track.uuid == 0) {
        const std::uint64_t parent = group_uuid(track.group);
        track.uuid = spans->form == Form::counter ? writer_->counter_track(track.name, parent, track.unit)
                                                  : writer_->track(track.name, parent);
    }
    auto& lanes = track.lanes;
    for (const Span* span = spans; span != spans + count; ++span) {
        if (span->form == Form::counter) {
            writer_->count(track.uuid, span->start, span->detail);
            continue;
        }
        if (span->form == Form::instant) {
            writer_->event(track.uuid, Type::instant, span->start, names_[span->name], {{"detail", span->detail}});
            continue;
        }
        auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.second <= span->start; });
        if (lane == lanes.end()) {
            lanes.emplace_back(writer_->track(fmt::format("{} {}", track.name, lanes.size()), track.uuid), SimTime{});
            lane = lanes.end() - 1;
        }
        lane->second = span->end;
        write_slice(lane->first, *span);
    }
}

/// The log, and by task what a probe tracer would have seen.
void TraceRecorder::write_kernel(const kernel::Kernel& kernel) {
    const std::uint64_t root = group_uuid("kernel");
    const std::uint64_t log = writer_->track("log", root);
    for (const kernel::ConsoleLine& line : kernel.console.lines())
        writer_->event(log, Type::instant, line.time, line.text, {});
    std::map<std::string, std::uint64_t> tasks;
    for (const kernel::Event& event : kernel.events.events()) {
        auto task = tasks.find(event.by);
        if (task == tasks.end()) task = tasks.emplace(event.by, writer_->track(event.by, root)).first;
        std::string name(kernel::name(event.kind));
        name += " " + event.device;
        if (!event.driver.empty()) name += " by " + event.driver;
        if (event.ret) name += fmt::format(" = {}", *event.ret);
        if (event.t_end) {
            writer_->event(task->second, Type::slice_begin, event.time, name,
                           {{"device", 0, false, event.device}, {"driver", 0, false, event.driver}});
            writer_->event(task->second, Type::slice_end, *event.t_end, "", {});
        } else {
            writer_->event(task->second, Type::instant, event.time, name, {});
        }
    }
}

}  // namespace xlate::study
