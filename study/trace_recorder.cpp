#include "study/trace_recorder.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/huge_pages.hpp"

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
constexpr std::size_t kBytesOfSpan = 112;   // about as many as it takes in the file
constexpr std::size_t kManySpans = 65'536;  // of one track: they fill a huge page of the host
constexpr std::uint64_t kSliceBegin = 1;
constexpr std::uint64_t kSliceEnd = 2;
constexpr std::uint64_t kInstant = 3;

/// A protobuf message, written from its end to its front: so each length is known when it is needed, and no part is
/// copied into another. Fields therefore come out in the reverse order of the calls.
class Message {
public:
    /// `room`: for all strings together; the rest of a message is small.
    explicit Message(std::size_t room) : bytes_(room + kSmall), front_(bytes_.size()) {}
    void clear(std::size_t room) {
        if (bytes_.size() < room + kSmall) bytes_.resize(room + kSmall);
        front_ = bytes_.size();
    }
    void number(unsigned field, std::uint64_t value) {
        varint(value);
        varint(std::uint64_t{field} << 3);
    }
    void bytes(unsigned field, std::string_view content) {
        front_ -= content.size();
        std::copy(content.begin(), content.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(front_));
        head(field, content.size());
    }
    /// What was written since size() was `before` becomes the content of a field.
    void close(unsigned field, std::size_t before) { head(field, size() - before); }
    std::size_t size() const { return bytes_.size() - front_; }
    std::string_view text() const { return {bytes_.data() + front_, size()}; }

private:
    static constexpr std::size_t kSmall = 512;
    void head(unsigned field, std::size_t size) {
        varint(size);
        varint((std::uint64_t{field} << 3) | 2);
    }
    void varint(std::uint64_t value) {
        std::size_t length = 1;
        for (std::uint64_t rest = value; rest >= 0x80; rest >>= 7) ++length;
        front_ -= length;
        char* out = bytes_.data() + front_;
        for (; value >= 0x80; value >>= 7) *out++ = static_cast<char>(value | 0x80);
        *out = static_cast<char>(value);
    }
    std::vector<char> bytes_;
    std::size_t front_;
};

class Writer {
public:
    explicit Writer(std::size_t expected) {
        text_.reserve(expected);
        prefer_huge_pages(text_.data(), text_.capacity());
    }
    /// A new track below `parent` (0: none).
    std::uint64_t track(const std::string& name, std::uint64_t parent) {
        const std::uint64_t uuid = ++last_uuid_;
        message_.clear(name.size());
        if (parent != 0) message_.number(kTrackParent, parent);
        message_.bytes(kTrackName, name);
        message_.number(kTrackUuid, uuid);
        message_.close(kPacketTrackDescriptor, 0);
        if (uuid == 1) message_.number(kPacketSequenceFlags, 1);
        message_.number(kPacketSequence, 1);
        put();
        return uuid;
    }
    using Detail = std::pair<std::string_view, std::uint64_t>;
    void event(std::uint64_t track, std::uint64_t type, SimTime at, std::string_view name,
               std::initializer_list<Detail> details) {
        message_.clear(name.size());
        for (const Detail* detail = details.end(); detail != details.begin();) {
            --detail;
            const std::size_t before = message_.size();
            message_.number(kAnnotationUint, detail->second);
            message_.bytes(kAnnotationName, detail->first);
            message_.close(kEventAnnotation, before);
        }
        if (type != kSliceEnd) message_.bytes(kEventName, name);
        message_.number(kEventTrack, track);
        message_.number(kEventType, type);
        message_.close(kPacketTrackEvent, 0);
        message_.number(kPacketSequence, 1);
        message_.number(kPacketTimestamp, at.fs / kFsPerNs);
        put();
    }
    std::string take() { return std::move(text_); }

private:
    void put() {
        message_.close(kTracePacket, 0);
        text_ += message_.text();
    }
    Message message_{256};
    std::string text_;
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
        if (track == tracks_.end()) track = tracks_.emplace(component, std::vector<Span>{}).first;
        last_track_ = &*track;
    }
    std::vector<Span>& spans = last_track_->second;
    if (spans.size() == spans.capacity() && spans.size() >= kManySpans) {
        spans.reserve(2 * spans.size());
        prefer_huge_pages(spans.data() + spans.size(), spans.size() * sizeof(Span));
    }
    spans.push_back({start, end, detail, name_index(what) & 0x7FFFFFFFU, instant ? 1U : 0U});
    ++count_;
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

/// They come by their ends, and so nearly sorted: each is put in its place from behind, as long as that is not far.
/// Those that start together stay as they came.
void sort_by_start(std::vector<TraceRecorder::Span>& spans) {
    using Span = TraceRecorder::Span;
    const auto before = [](const Span& a, const Span& b) { return a.start < b.start; };
    std::size_t moves = 0;
    for (std::size_t i = 1; i < spans.size(); ++i) {
        for (std::size_t at = i; at > 0 && before(spans[at], spans[at - 1]); --at, ++moves) {
            std::swap(spans[at], spans[at - 1]);
        }
        if (moves > 32 * i + 1024) {
            std::stable_sort(spans.begin(), spans.end(), before);
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

void write_spans(Writer& writer, std::map<std::string, std::vector<TraceRecorder::Span>, std::less<>>& tracks,
                 const std::vector<std::string>& names) {
    using Span = TraceRecorder::Span;
    for (auto& [component, spans] : tracks) {
        const std::uint64_t parent = writer.track(component, 0);
        sort_by_start(spans);
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
    Writer writer(count_ * kBytesOfSpan);
    write_kernel(writer, kernel);
    write_spans(writer, tracks_, names_);
    return writer.take();
}

std::string TraceRecorder::finish() {
    Writer writer(count_ * kBytesOfSpan);
    write_spans(writer, tracks_, names_);
    return writer.take();
}

}  // namespace xlate::study
