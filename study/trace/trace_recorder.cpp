#include "study/trace/trace_recorder.hpp"

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "study/trace/perfetto_writer.hpp"

namespace xlate::study {
namespace {

using Span = TraceRecorder::Span;
using Type = PerfettoWriter::Type;

constexpr std::size_t kSpansOfBlock = std::size_t{1} << 14;
constexpr std::size_t kBlocksOfWindow = 32;
/// A span is two packets; with a short name and three arguments they take 75 to 100 bytes.
constexpr std::uint64_t kBytesOfSpan = 112;
/// A ring is in memory: 40 bytes a span.
constexpr std::uint64_t kMostRingSpans = 2'000'000;

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

}  // namespace

TraceRecorder::TraceRecorder(TraceLimits limits) : limits_(limits) {}
TraceRecorder::~TraceRecorder() = default;

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
    if (limits_.keep == TraceLimits::Keep::last) {
        const std::uint64_t most = std::min(kMostRingSpans, limits_.bytes / kBytesOfSpan);
        if (count_ >= std::max<std::uint64_t>(most, kSpansOfBlock)) {
            const Span* const oldest = reinterpret_cast<const Span*>(blocks_.front().data());
            for (std::size_t i = 0; i < kSpansOfBlock; ++i) cut_at_ = std::max(cut_at_, oldest[i].end);
            blocks_.pop_front();
            count_ -= kSpansOfBlock;
            dropped_ += kSpansOfBlock;
        }
    } else {
        const std::uint64_t before = writer_ != nullptr ? writer_->bytes() : 0;
        if (dropped_ != 0 || before + (count_ + 1) * kBytesOfSpan > limits_.bytes) {
            if (dropped_++ == 0 || start < cut_at_) cut_at_ = start;
            return;
        }
        if (writer_ != nullptr && count_ == kBlocksOfWindow * kSpansOfBlock) write_spans();
    }
    if (last_track_ == nullptr || last_track_->first != component) {
        auto track = tracks_.find(component);
        if (track == tracks_.end()) {
            Track fresh;
            fresh.number = static_cast<std::uint32_t>(tracks_.size());
            track = tracks_.emplace(component, std::move(fresh)).first;
        }
        last_track_ = &*track;
    }
    const std::size_t place = count_ % kSpansOfBlock;
    if (place == 0) blocks_.emplace_back(kSpansOfBlock * sizeof(Span), true);
    Span* const spans = reinterpret_cast<Span*>(blocks_.back().data());
    ++count_;
    new (spans + place) Span{start, end, detail, last_track_->second.number, name_index(what), instant};
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

std::optional<std::string> TraceRecorder::cut() const {
    if (dropped_ == 0) return std::nullopt;
    const std::uint64_t kept = written_ + count_;
    const auto at = static_cast<double>(cut_at_.fs) / static_cast<double>(kFsPerNs);
    if (limits_.keep == TraceLimits::Keep::last) {
        return fmt::format("the trace holds the last {} of {} spans; nothing is whole in it before {:.0f} ns", kept,
                           kept + dropped_, at);
    }
    return fmt::format(
        "the trace holds the first {} of {} spans, up to limits.trace_size; spans from {:.0f} ns on are missing", kept,
        kept + dropped_, at);
}

void TraceRecorder::write_kernel(const kernel::Kernel& kernel) {
    const std::uint64_t root = writer_->track("kernel", 0);
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
            writer_->event(task->second, Type::slice_begin, event.time, name, {});
            writer_->event(task->second, Type::slice_end, *event.t_end, "", {});
        } else {
            writer_->event(task->second, Type::instant, event.time, name, {});
        }
    }
}

void TraceRecorder::write_track(const std::string& component, Track& track, const Span* spans, std::size_t count) {
    if (track.uuid == 0) track.uuid = writer_->track(component, 0);
    auto& lanes = track.lanes;
    for (const Span* span = spans; span != spans + count; ++span) {
        if (span->instant) {
            writer_->event(track.uuid, Type::instant, span->start, names_[span->name], {{"detail", span->detail}});
            continue;
        }
        auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const auto& l) { return l.second <= span->start; });
        if (lane == lanes.end()) {
            lanes.emplace_back(writer_->track(fmt::format("{} {}", component, lanes.size()), track.uuid), SimTime{});
            lane = lanes.end() - 1;
        }
        lane->second = span->end;
        writer_->event(lane->first, Type::slice_begin, span->start, names_[span->name],
                       {{"detail", span->detail}, {"start_fs", span->start.fs}, {"end_fs", span->end.fs}});
        writer_->event(lane->first, Type::slice_end, span->end, "", {});
    }
}

/// Track by track, each by the starts of its spans.
void TraceRecorder::write_spans() {
    if (count_ == 0) return;
    const auto span_at = [this](std::size_t i) -> const Span& {
        return reinterpret_cast<const Span*>(blocks_[i / kSpansOfBlock].data())[i % kSpansOfBlock];
    };
    std::vector<std::size_t> sizes(tracks_.size(), 0);
    for (std::size_t i = 0; i < count_; ++i) ++sizes[span_at(i).track];
    HostBlock sorted(count_ * sizeof(Span), true);
    Span* const spans = reinterpret_cast<Span*>(sorted.data());
    std::vector<Span*> next(tracks_.size());  // of each track: where the next of its spans goes
    Span* start = spans;
    for (const auto& [component, track] : tracks_) {
        next[track.number] = start;
        start += sizes[track.number];
    }
    for (std::size_t i = 0; i < count_; ++i) {
        const Span& span = span_at(i);
        new (next[span.track]++) Span(span);
    }
    blocks_.clear();
    written_ += count_;
    count_ = 0;
    start = spans;
    for (auto& [component, track] : tracks_) {
        const std::size_t size = sizes[track.number];
        if (size == 0) continue;
        sort_by_start(start, size);
        write_track(component, track, start, size);
        start += size;
    }
}

void TraceRecorder::write_cut() {
    if (const std::optional<std::string> text = cut())
        writer_->event(writer_->track("trace", 0), Type::instant, cut_at_, *text, {});
}

void TraceRecorder::begin(Put put) { writer_ = std::make_unique<PerfettoWriter>(std::move(put)); }

void TraceRecorder::finish(const kernel::Kernel& kernel) {
    write_kernel(kernel);
    write_cut();
    write_spans();
    writer_->flush();
}

void TraceRecorder::finish(const Put& put) {
    if (writer_ == nullptr) begin(put);
    write_cut();
    write_spans();
    writer_->flush();
}

}  // namespace xlate::study
