#include "study/trace_recorder.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace xlate::study {
namespace {

// Field numbers of Perfetto's trace packets (protos/perfetto/trace/trace_packet.proto and track_event/*.proto).
constexpr unsigned kTracePacket = 1;
constexpr unsigned kPacketTimestamp = 8;
constexpr unsigned kPacketSequence = 10;
constexpr unsigned kPacketTrackEvent = 11;
constexpr unsigned kPacketSequenceFlags = 13;
constexpr unsigned kPacketTrackDescriptor = 60;
constexpr unsigned kTrackUuid = 1;
constexpr unsigned kTrackName = 2;
constexpr unsigned kTrackParent = 5;
constexpr unsigned kEventAnnotation = 4;
constexpr unsigned kEventType = 9;
constexpr unsigned kEventTrack = 11;
constexpr unsigned kEventName = 23;
constexpr unsigned kAnnotationUint = 3;
constexpr unsigned kAnnotationName = 10;
constexpr std::uint64_t kSliceBegin = 1;
constexpr std::uint64_t kSliceEnd = 2;
constexpr std::uint64_t kInstant = 3;

/// A protobuf message under construction: varints and length-delimited fields.
class Message {
public:
    void number(unsigned field, std::uint64_t value) {
        varint(std::uint64_t{field} << 3);
        varint(value);
    }
    void bytes(unsigned field, std::string_view content) {
        varint((std::uint64_t{field} << 3) | 2);
        varint(content.size());
        text_ += content;
    }
    const std::string& text() const { return text_; }

private:
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
        text_ += static_cast<char>(value);
    }
    std::string text_;
};

class Writer {
public:
    /// A new track below `parent` (0: none).
    std::uint64_t track(const std::string& name, std::uint64_t parent) {
        const std::uint64_t uuid = ++last_uuid_;
        Message descriptor;
        descriptor.number(kTrackUuid, uuid);
        descriptor.bytes(kTrackName, name);
        if (parent != 0) descriptor.number(kTrackParent, parent);
        Message packet;
        packet.number(kPacketSequence, 1);
        if (uuid == 1) packet.number(kPacketSequenceFlags, 1);
        packet.bytes(kPacketTrackDescriptor, descriptor.text());
        put(packet);
        return uuid;
    }
    void event(std::uint64_t track, std::uint64_t type, SimTime at, std::string_view name,
               const std::vector<std::pair<const char*, std::uint64_t>>& details) {
        Message event;
        event.number(kEventType, type);
        event.number(kEventTrack, track);
        if (type != kSliceEnd) event.bytes(kEventName, name);
        for (const auto& [key, value] : details) {
            Message annotation;
            annotation.bytes(kAnnotationName, key);
            annotation.number(kAnnotationUint, value);
            event.bytes(kEventAnnotation, annotation.text());
        }
        Message packet;
        packet.number(kPacketTimestamp, at.fs / kFsPerNs);
        packet.number(kPacketSequence, 1);
        packet.bytes(kPacketTrackEvent, event.text());
        put(packet);
    }
    std::string take() { return std::move(text_); }

private:
    void put(const Message& packet) {
        Message framed;
        framed.bytes(kTracePacket, packet.text());
        text_ += framed.text();
    }
    std::string text_;
    std::uint64_t last_uuid_ = 0;
};

}  // namespace

std::uint32_t TraceRecorder::name_index(std::string_view name) {
    const auto known = name_indices_.find(name);
    if (known != name_indices_.end()) return known->second;
    const auto index = static_cast<std::uint32_t>(names_.size());
    names_.emplace_back(name);
    name_indices_.emplace(name, index);
    return index;
}

void TraceRecorder::add(std::string_view component, std::string_view what, SimTime start, SimTime end,
                        std::uint64_t detail, bool instant) {
    if (count_ >= kMaxTraceSpans) {
        ++dropped_;
        return;
    }
    auto track = tracks_.find(component);
    if (track == tracks_.end()) track = tracks_.emplace(component, std::vector<Span>{}).first;
    track->second.push_back({start, end, name_index(what), detail, count_++, instant});
}

void TraceRecorder::transaction(std::string_view device, std::uint64_t, std::uint64_t iova, bool write, SimTime start,
                                SimTime end, bool fault) {
    add(device, fault ? "fault" : write ? "write" : "read", start, end, iova, false);
}

void TraceRecorder::span(std::string_view component, std::string_view what, SimTime start, SimTime end,
                         std::uint64_t detail) {
    add(component, what, start, end, detail, false);
}

void TraceRecorder::instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) {
    add(component, what, at, at, detail, true);
}

namespace {

void write_kernel(Writer& writer, const kernel::Kernel& kernel) {
    const std::uint64_t root = writer.track("kernel", 0);
    const std::uint64_t log = writer.track("log", root);
    for (const kernel::ConsoleLine& line : kernel.console.lines())
        writer.event(log, kInstant, line.time, line.text, {});
    std::map<std::string, std::uint64_t> tasks;
    for (const kernel::Event& event : kernel.events.events()) {
        auto task = tasks.find(event.by);
        if (task == tasks.end()) task = tasks.emplace(event.by, writer.track(event.by, root)).first;
        std::string name(kernel::name(event.kind));
        name += " " + event.device;
        if (!event.driver.empty()) name += " by " + event.driver;
        if (event.ret) name += fmt::format(" = {}", *event.ret);
        if (event.t_end) {
            writer.event(task->second, kSliceBegin, event.time, name, {});
            writer.event(task->second, kSliceEnd, *event.t_end, "", {});
        } else {
            writer.event(task->second, kInstant, event.time, name, {});
        }
    }
}

void write_spans(Writer& writer, std::map<std::string, std::vector<TraceRecorder::Span>, std::less<>>& tracks,
                 const std::vector<std::string>& names) {
    using Span = TraceRecorder::Span;
    for (auto& [component, spans] : tracks) {
        const std::uint64_t parent = writer.track(component, 0);
        std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
            return std::tie(a.start.fs, a.order) < std::tie(b.start.fs, b.order);
        });
        std::vector<std::pair<std::uint64_t, SimTime>> lanes;  // track, when it is free
        for (const Span& span : spans) {
            if (span.instant) {
                writer.event(parent, kInstant, span.start, names[span.name], {{"detail", span.detail}});
                continue;
            }
            auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.second <= span.start; });
            if (lane == lanes.end()) {
                lanes.emplace_back(writer.track(fmt::format("{} {}", component, lanes.size()), parent), SimTime{});
                lane = lanes.end() - 1;
            }
            lane->second = span.end;
            writer.event(lane->first, kSliceBegin, span.start, names[span.name],
                         {{"detail", span.detail}, {"start_fs", span.start.fs}, {"end_fs", span.end.fs}});
            writer.event(lane->first, kSliceEnd, span.end, "", {});
        }
    }
}

}  // namespace

std::string TraceRecorder::finish(const kernel::Kernel& kernel) {
    Writer writer;
    write_kernel(writer, kernel);
    write_spans(writer, tracks_, names_);
    return writer.take();
}

std::string TraceRecorder::finish() {
    Writer writer;
    write_spans(writer, tracks_, names_);
    return writer.take();
}

}  // namespace xlate::study
