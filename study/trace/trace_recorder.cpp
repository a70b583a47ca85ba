#include "study/trace/trace_recorder.hpp"

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "study/trace/perfetto_writer.hpp"

namespace xlate::study {
namespace {

using Span = TraceRecorder::Span;
using Form = TraceEntry::Form;

constexpr std::size_t kSpansOfBlock = std::size_t{1} << 14;
constexpr std::size_t kBlocksOfWindow = 32;
/// A ring is in memory: 56 bytes a span.
constexpr std::uint64_t kMostRingSpans = 2'000'000;
constexpr std::uint64_t kShareOfKernel = 16;

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

double in_ns(SimTime time) { return static_cast<double>(time.fs) / static_cast<double>(kFsPerNs); }

}  // namespace

bool matches_track(std::string_view pattern, std::string_view track) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == track;
    if (track.substr(0, star) != pattern.substr(0, star)) return false;
    const std::string_view rest = pattern.substr(star + 1);
    for (std::size_t at = star; at <= track.size(); ++at) {
        if (matches_track(rest, track.substr(at))) return true;
    }
    return false;
}

TraceRecorder::TraceRecorder(TraceLimits limits) : limits_(std::move(limits)) {}
TraceRecorder::~TraceRecorder() = default;

TraceRecorder::TrackId TraceRecorder::track(std::string_view group, std::string_view name, std::string_view unit) {
    const auto [at, fresh] = track_ids_.try_emplace({std::string(group), std::string(name)}, TrackId{});
    if (!fresh) return at->second;
    at->second = static_cast<TrackId>(tracks_.size());
    Track& made = tracks_.emplace_back();
    made.group = group;
    made.name = name;
    made.unit = unit;
    if (!limits_.only.empty()) {
        const std::string whole = made.group.empty() ? made.name : made.group + "/" + made.name;
        made.wanted = std::any_of(limits_.only.begin(), limits_.only.end(),
                                  [&](const std::string& pattern) { return matches_track(pattern, whole); });
    }
    return at->second;
}

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

void TraceRecorder::drop_oldest() {
    const Span& span = span_at(first_);
    cut_at_ = std::max(cut_at_, span.end);
    bytes_ -= file_bytes(span);
    ++dropped_;
    if (++first_ < kSpansOfBlock) return;
    blocks_.pop_front();
    count_ -= kSpansOfBlock;
    first_ = 0;
}

void TraceRecorder::drop_newest() {
    const Span& span = span_at(count_ - 1);
    if (dropped_++ == 0 || span.start < cut_at_) cut_at_ = span.start;
    bytes_ -= file_bytes(span);
    if (--count_ % kSpansOfBlock == 0) blocks_.pop_back();
}

/// False: it stays out, and is counted.
bool TraceRecorder::make_room(const TraceEntry& entry, std::uint64_t bytes) {
    if (limits_.keep == TraceLimits::Keep::first) {
        // What comes last, the kernel's log and probes, has its share.
        const std::uint64_t most = limits_.bytes - limits_.bytes / kShareOfKernel;
        const std::uint64_t before = writer_ != nullptr ? writer_->bytes() : 0;
        if (before + bytes_ + bytes > most) {
            if (dropped_++ == 0 || entry.start < cut_at_) cut_at_ = entry.start;
            return false;
        }
        if (writer_ != nullptr && count_ == kBlocksOfWindow * kSpansOfBlock) write_spans();
        return true;
    }
    while (count_ > first_ && (count_ - first_ >= kMostRingSpans || bytes_ + bytes > limits_.bytes)) drop_oldest();
    return true;
}

void TraceRecorder::add(TrackId track, const TraceEntry& entry) {
    if (!tracks_[track].wanted || entry.end < limits_.from || entry.start > limits_.to) return;
    if (stopped_) {
        ++after_;
        return;
    }
    if (dropped_ != 0 && limits_.keep == TraceLimits::Keep::first) {  // what is smaller would fit, and leave a gap
        ++dropped_;
        cut_at_ = std::min(cut_at_, entry.start);
        return;
    }
    const Span span{entry.start, entry.end,  entry.detail,     entry.flow, entry.size, track, name_index(entry.what),
                    entry.form,  entry.says, entry.begins_flow};
    const std::uint64_t bytes = file_bytes(span);
    if (!make_room(entry, bytes)) return;
    const std::size_t place = count_ % kSpansOfBlock;
    if (place == 0) blocks_.emplace_back(kSpansOfBlock * sizeof(Span), true);
    Span* const spans = reinterpret_cast<Span*>(blocks_.back().data());
    ++count_;
    bytes_ += bytes;
    new (spans + place) Span(span);
}

void TraceRecorder::stop(SimTime at) {
    if (!stopped_) stopped_ = at;
}

void TraceRecorder::span(std::string_view component, std::string_view what, SimTime start, SimTime end,
                         std::uint64_t detail) {
    if (tracks_.empty() || last_component_ != component) {
        last_component_ = component;
        last_track_ = track({}, component);
    }
    TraceEntry entry;
    entry.what = what;
    entry.start = start;
    entry.end = end;
    entry.detail = detail;
    add(last_track_, entry);
}

void TraceRecorder::transaction(std::string_view device, std::uint64_t, std::uint64_t iova, bool write, SimTime start,
                                SimTime end, bool fault) {
    span(device, fault ? "fault" : write ? "write" : "read", start, end, iova);
}

void TraceRecorder::instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) {
    TraceEntry entry;
    entry.what = what;
    entry.start = entry.end = at;
    entry.detail = detail;
    entry.form = Form::instant;
    add(track({}, component), entry);
}

std::optional<std::string> TraceRecorder::cut() const {
    const std::uint64_t kept = written_ + count_ - first_;
    if (stopped_) {
        return fmt::format(
            "the trace ends with the first fault, at {:.0f} ns: {} spans; {} before and {} after them are "
            "not in it",
            in_ns(*stopped_), kept, dropped_, after_);
    }
    if (dropped_ == 0) return std::nullopt;
    if (limits_.keep != TraceLimits::Keep::first) {
        return fmt::format("the trace holds the last {} of {} spans; nothing is whole in it before {:.0f} ns", kept,
                           kept + dropped_, in_ns(cut_at_));
    }
    return fmt::format(
        "the trace holds the first {} of {} spans, up to limits.trace_size; spans from {:.0f} ns on are missing", kept,
        kept + dropped_, in_ns(cut_at_));
}

std::vector<std::string> TraceRecorder::idle_patterns() const {
    std::vector<std::string> idle;
    for (const std::string& pattern : limits_.only) {
        const bool used = std::any_of(tracks_.begin(), tracks_.end(), [&](const Track& one) {
            return matches_track(pattern, one.group.empty() ? one.name : one.group + "/" + one.name);
        });
        if (!used) idle.push_back(fmt::format("limits.trace_only: no track of the trace is named '{}'", pattern));
    }
    return idle;
}

void TraceRecorder::begin(Put put) { writer_ = std::make_unique<PerfettoWriter>(std::move(put)); }

void TraceRecorder::finish(const kernel::Kernel& kernel) {
    write_kernel(kernel);
    finish({});
}

void TraceRecorder::finish(const Put& put) {
    if (writer_ == nullptr) begin(put);
    fit();
    write_spans();
    write_cut();
    writer_->flush();
}

const Span& TraceRecorder::span_at(std::size_t i) const {
    return reinterpret_cast<const Span*>(blocks_[i / kSpansOfBlock].data())[i % kSpansOfBlock];
}

/// What is in memory leaves room for the tracks and lanes that it needs, and for the sentence that says what is cut.
void TraceRecorder::fit() {
    constexpr std::uint64_t kSentence = 512;
    constexpr std::uint64_t kFar = 4;  // of any span with a lane of its own
    if (count_ == first_ || writer_->bytes() + kSentence + kFar * bytes_ <= limits_.bytes) return;
    std::vector<std::size_t> sizes;
    const HostBlock sorted = sort_spans(sizes);
    Span* spans = reinterpret_cast<Span*>(sorted.data());
    std::uint64_t others = writer_->bytes() + kSentence;
    for (const auto& [names, id] : track_ids_) {
        if (sizes[id] == 0) continue;
        sort_by_start(spans, sizes[id]);
        others += new_track_bytes(tracks_[id], spans, sizes[id]);
        spans += sizes[id];
    }
    while (count_ > first_ && others + bytes_ > limits_.bytes) {
        if (limits_.keep == TraceLimits::Keep::first) {
            drop_newest();
        } else {
            drop_oldest();
        }
    }
}

/// All that are in memory, track by track in the order of their names; `sizes`: how many each track has, by its id.
HostBlock TraceRecorder::sort_spans(std::vector<std::size_t>& sizes) const {
    sizes.assign(tracks_.size(), 0);
    for (std::size_t i = first_; i < count_; ++i) ++sizes[span_at(i).track];
    HostBlock sorted((count_ - first_) * sizeof(Span), true);
    Span* start = reinterpret_cast<Span*>(sorted.data());
    std::vector<Span*> next(tracks_.size());  // of each track: where the next of its spans goes
    for (const auto& [names, id] : track_ids_) {
        next[id] = start;
        start += sizes[id];
    }
    for (std::size_t i = first_; i < count_; ++i) {
        const Span& span = span_at(i);
        new (next[span.track]++) Span(span);
    }
    return sorted;
}

/// Track by track in the order of their names, each by the starts of its spans.
void TraceRecorder::write_spans() {
    if (count_ == first_) return;
    std::vector<std::size_t> sizes;
    const HostBlock sorted = sort_spans(sizes);
    blocks_.clear();
    written_ += count_ - first_;
    count_ = first_ = 0;
    bytes_ = 0;
    Span* start = reinterpret_cast<Span*>(sorted.data());
    for (const auto& [names, id] : track_ids_) {
        const std::size_t size = sizes[id];
        if (size == 0) continue;
        sort_by_start(start, size);
        write_track(tracks_[id], start, size);
        start += size;
    }
}

void TraceRecorder::write_cut() {
    if (const std::optional<std::string> text = cut())
        writer_->event(writer_->track("trace", 0), PerfettoWriter::Type::instant, stopped_ ? *stopped_ : cut_at_, *text,
                       {});
}

}  // namespace xlate::study
