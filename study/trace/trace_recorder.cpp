#include "study/trace/trace_recorder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"

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
constexpr std::size_t kSpansOfBlock = std::size_t{1} << 17;
constexpr std::uint64_t kSliceBegin = 1;
constexpr std::uint64_t kSliceEnd = 2;
constexpr std::uint64_t kInstant = 3;

// Sizes in a protobuf message. A field is its number and kind, and a value or (kind 2) a length and bytes.
std::size_t size_of(std::uint64_t value) { return log2_floor(value | 1) / 7 + 1; }
std::size_t size_of_number(unsigned field, std::uint64_t value) {
    return size_of(std::uint64_t{field} << 3) + size_of(value);
}
std::size_t size_of_bytes(unsigned field, std::size_t length) { return size_of_number(field, length) + length; }

/// Gives the file piece by piece out of one buffer, which is used again. All lengths are known before a message is
/// written, so that each byte is written once.
class Writer {
public:
    explicit Writer(const Put& put) : put_(put), buffer_(kPiece) {}
    /// A new track below `parent` (0: none).
    std::uint64_t track(const std::string& name, std::uint64_t parent) {
        const std::uint64_t uuid = ++last_uuid_;
        const std::size_t descriptor = size_of_number(kTrackUuid, uuid) + size_of_bytes(kTrackName, name.size()) +
                                       (parent == 0 ? 0 : size_of_number(kTrackParent, parent));
        const bool first = uuid == 1;
        begin(size_of_number(kPacketSequence, 1) + (first ? size_of_number(kPacketSequenceFlags, 1) : 0) +
              size_of_bytes(kPacketTrackDescriptor, descriptor));
        number(kPacketSequence, 1);
        if (first) number(kPacketSequenceFlags, 1);
        open(kPacketTrackDescriptor, descriptor);
        number(kTrackUuid, uuid);
        bytes(kTrackName, name);
        if (parent != 0) number(kTrackParent, parent);
        return uuid;
    }
    using Detail = std::pair<std::string_view, std::uint64_t>;
    void event(std::uint64_t track, std::uint64_t type, SimTime at, std::string_view name,
               std::initializer_list<Detail> details) {
        const std::uint64_t timestamp = at.fs / kFsPerNs;
        const bool named = type != kSliceEnd;
        std::size_t body = size_of_number(kEventType, type) + size_of_number(kEventTrack, track) +
                           (named ? size_of_bytes(kEventName, name.size()) : 0);
        std::array<std::size_t, 3> sizes;
        std::size_t used = 0;
        for (const auto& [what, value] : details) {
            sizes[used] = size_of_bytes(kAnnotationName, what.size()) + size_of_number(kAnnotationUint, value);
            body += size_of_bytes(kEventAnnotation, sizes[used++]);
        }
        begin(size_of_number(kPacketTimestamp, timestamp) + size_of_number(kPacketSequence, 1) +
              size_of_bytes(kPacketTrackEvent, body));
        number(kPacketTimestamp, timestamp);
        number(kPacketSequence, 1);
        open(kPacketTrackEvent, body);
        number(kEventType, type);
        number(kEventTrack, track);
        if (named) bytes(kEventName, name);
        used = 0;
        for (const auto& [what, value] : details) {
            open(kEventAnnotation, sizes[used++]);
            bytes(kAnnotationName, what);
            number(kAnnotationUint, value);
        }
    }
    /// Gives what is left.
    void flush() {
        if (used_ != 0) put_(std::string_view(buffer_.data(), used_));
        used_ = 0;
    }

private:
    static constexpr std::size_t kPiece = std::size_t{256} << 10;

    /// A packet of `size` bytes; there is room for it.
    void begin(std::size_t size) {
        const std::size_t whole = size_of_bytes(kTracePacket, size);
        if (used_ + whole > buffer_.size()) {
            flush();
            if (whole > buffer_.size()) buffer_.resize(whole);
        }
        open(kTracePacket, size);
    }
    void open(unsigned field, std::size_t size) {
        varint((std::uint64_t{field} << 3) | 2);
        varint(size);
    }
    void number(unsigned field, std::uint64_t value) {
        varint(std::uint64_t{field} << 3);
        varint(value);
    }
    void bytes(unsigned field, std::string_view content) {
        open(field, content.size());
        std::memcpy(&buffer_[used_], content.data(), content.size());
        used_ += content.size();
    }
    void varint(std::uint64_t value) {
        char* out = &buffer_[used_];
        for (; value >= 0x80; value >>= 7, ++used_) *out++ = static_cast<char>(value | 0x80);
        *out = static_cast<char>(value);
        ++used_;
    }

    const Put& put_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    std::uint64_t last_uuid_ = 0;
};

}  // namespace

std::uint32_t TraceRecorder::name_index(std::string_view name) {
    // A run has few names, and most spans bear one of the first.
    for (std::size_t i = 0; i < std::min<std::size_t>(names_.size(), 4); ++i) {
        if (names_[i] == name) return static_cast<std::uint32_t>(i);
    }
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
    if (last_track_ == nullptr || last_track_->first != component) {
        auto track = tracks_.find(component);
        if (track == tracks_.end()) {
            const auto number = static_cast<std::uint32_t>(tracks_.size());
            track = tracks_.emplace(component, Track{number, 0}).first;
        }
        last_track_ = &*track;
    }
    const std::size_t place = count_ % kSpansOfBlock;
    if (place == 0) blocks_.emplace_back(kSpansOfBlock * sizeof(Span), true);
    Span* const spans = reinterpret_cast<Span*>(blocks_.back().data());
    ++last_track_->second.spans;
    ++count_;
    new (spans + place)
        Span{start, end, detail, last_track_->second.number, name_index(what) & 0x7FFFFFFFU, instant ? 1U : 0U};
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

using Span = TraceRecorder::Span;

/// They come by their ends, and so nearly sorted: each is put in its place from behind, as long as that is not far.
/// Those that start together stay as they came.
void sort_by_start(Span* spans, std::size_t count) {
    const auto before = [](const Span& a, const Span& b) { return a.start < b.start; };
    std::size_t moves = 0;
    for (std::size_t i = 1; i < count; ++i) {
        for (std::size_t at = i; at > 0 && before(spans[at], spans[at - 1]); --at, ++moves) {
            std::swap(spans[at], spans[at - 1]);
        }
        if (moves > 32 * i + 1024) {
            std::stable_sort(spans, spans + count, before);
            return;
        }
    }
}

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

void write_track(Writer& writer, const std::string& component, const Span* spans, std::size_t count,
                 const std::vector<std::string>& names) {
    const std::uint64_t parent = writer.track(component, 0);
    std::vector<std::pair<std::uint64_t, SimTime>> lanes;  // track, when it is free
    for (const Span* span = spans; span != spans + count; ++span) {
        if (span->instant) {
            writer.event(parent, kInstant, span->start, names[span->name], {{"detail", span->detail}});
            continue;
        }
        auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.second <= span->start; });
        if (lane == lanes.end()) {
            lanes.emplace_back(writer.track(fmt::format("{} {}", component, lanes.size()), parent), SimTime{});
            lane = lanes.end() - 1;
        }
        lane->second = span->end;
        writer.event(lane->first, kSliceBegin, span->start, names[span->name],
                     {{"detail", span->detail}, {"start_fs", span->start.fs}, {"end_fs", span->end.fs}});
        writer.event(lane->first, kSliceEnd, span->end, "", {});
    }
}

/// Track by track, each by the starts of its spans.
void write_spans(Writer& writer, const std::map<std::string, TraceRecorder::Track, std::less<>>& tracks,
                 std::vector<HostBlock>& blocks, std::uint64_t count, const std::vector<std::string>& names) {
    if (count == 0) return;
    HostBlock sorted(count * sizeof(Span), true);
    Span* const spans = reinterpret_cast<Span*>(sorted.data());
    std::vector<Span*> next(tracks.size());  // of each track: where the next of its spans goes
    Span* start = spans;
    for (const auto& [component, track] : tracks) {
        next[track.number] = start;
        start += track.spans;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const Span& span = reinterpret_cast<const Span*>(blocks[i / kSpansOfBlock].data())[i % kSpansOfBlock];
        new (next[span.track]++) Span(span);
    }
    blocks.clear();
    start = spans;
    for (const auto& [component, track] : tracks) {
        sort_by_start(start, track.spans);
        write_track(writer, component, start, track.spans, names);
        start += track.spans;
    }
}

}  // namespace

void TraceRecorder::finish(const kernel::Kernel& kernel, const Put& put) {
    Writer writer(put);
    write_kernel(writer, kernel);
    write_spans(writer, tracks_, blocks_, count_, names_);
    writer.flush();
}

void TraceRecorder::finish(const Put& put) {
    Writer writer(put);
    write_spans(writer, tracks_, blocks_, count_, names_);
    writer.flush();
}

}  // namespace xlate::study
