// The trace of a run for ui.perfetto.dev (trace.pftrace): slices, moments and numbers on named tracks, the kernel's
// probes by task, its log as moments. What of a run goes on which track: run_trace.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/huge_pages.hpp"
#include "kernel-model/core/kernel.hpp"
#include "soc/measure/trace.hpp"
#include "study/results/files.hpp"
#include "study/trace/trace_limits.hpp"

namespace xlate::study {

class PerfettoWriter;

/// What one entry of a trace is.
struct TraceEntry {
    enum class Form : std::uint8_t { slice, instant, counter };
    /// What its numbers are called.
    enum class Says : std::uint8_t { detail, access, memory, queue, nothing };
    std::string_view what;  ///< its name; of a counter nothing
    SimTime start;
    SimTime end;
    std::uint64_t detail = 0;  ///< access: IOVA; memory: physical address; queue: number; counter: the value
    std::uint32_t size = 0;    ///< bytes
    std::uint64_t flow = 0;    ///< entries of one flow are joined; 0: none
    Form form = Form::slice;
    Says says = Says::detail;
    bool begins_flow = false;  ///< its end is the end of the flow, too
};

/// Takes entries as the run goes on, in the order in which they come. With begin() they go to the file window by
/// window, so that memory does not grow with the run; a ring, and a recorder without begin(), keep them until finish().
/// What the limit cuts off is counted, and said: cut(), and at its place in the trace. What the window of time and the
/// names leave out is not counted: it was asked for.
/// Slices of one track that overlap get lanes. Timestamps are nanoseconds, rounded down; exact times are in each
/// slice's arguments.
class TraceRecorder final : public soc::TraceSink {
public:
    using TrackId = std::uint32_t;

    explicit TraceRecorder(TraceLimits limits = {});
    ~TraceRecorder() override;
    TraceRecorder(const TraceRecorder&) = delete;
    TraceRecorder& operator=(const TraceRecorder&) = delete;

    /// The track of that name; `group` is the track above it, empty: none. `unit`: of a track of numbers.
    TrackId track(std::string_view group, std::string_view name, std::string_view unit = {});
    void add(TrackId track, const TraceEntry& entry);
    /// Nothing more is taken: what keeps up to a fault has it now.
    void stop(SimTime at);

    // A track for each component.
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;

    /// Where the file goes, piece by piece. Before the first entry.
    void begin(Put put);
    /// Writes what is left, with the kernel's log and probes, so that all is within the limit. Once: what was recorded
    /// goes.
    void finish(const kernel::Kernel& kernel);
    /// Without a kernel: all of it to `put`.
    void finish(const Put& put);

    const TraceLimits& limits() const { return limits_; }
    std::uint64_t dropped() const { return dropped_; }
    /// What is missing, as a sentence; nothing if the trace is whole. After finish(), which may leave out more.
    std::optional<std::string> cut() const;
    /// Patterns of TraceLimits::only that no track has, a sentence each.
    std::vector<std::string> idle_patterns() const;

    struct Span {
        SimTime start;
        SimTime end;
        std::uint64_t detail;
        std::uint64_t flow;
        std::uint32_t size;
        std::uint32_t track;
        std::uint32_t name;  ///< index into names_
        TraceEntry::Form form;
        TraceEntry::Says says;
        bool begins_flow;
    };

private:
    struct Track {
        std::string group;
        std::string name;
        std::string unit;
        bool wanted = true;
        std::uint64_t uuid = 0;                                ///< 0: not in the file yet
        std::vector<std::pair<std::uint64_t, SimTime>> lanes;  ///< uuid, when it is free
    };

    std::uint32_t name_index(std::string_view name);
    bool make_room(const TraceEntry& entry, std::uint64_t bytes);
    void drop_oldest();
    void drop_newest();
    void fit();
    HostBlock sort_spans(std::vector<std::size_t>& sizes) const;
    std::uint64_t file_bytes(const Span& span) const;
    std::uint64_t new_track_bytes(const Track& track, const Span* spans, std::size_t count) const;
    const Span& span_at(std::size_t i) const;
    std::uint64_t group_uuid(const std::string& group);
    void write_kernel(const kernel::Kernel& kernel);
    void write_spans();
    void write_track(Track& track, const Span* spans, std::size_t count);
    void write_slice(std::uint64_t lane, const Span& span);
    void write_cut();

    const TraceLimits limits_;
    std::unique_ptr<PerfettoWriter> writer_;
    std::map<std::pair<std::string, std::string>, TrackId> track_ids_;
    std::deque<Track> tracks_;
    std::string last_component_;  ///< of the last call of span() or its like,
    TrackId last_track_ = 0;      ///< and its track
    std::map<std::string, std::uint64_t> groups_;
    std::map<std::string, std::uint32_t, std::less<>> name_indices_;
    std::vector<std::string> names_;
    std::deque<HostBlock> blocks_;  ///< of kSpansOfBlock spans, all but the last full
    std::uint64_t first_ = 0;       ///< of a ring: so many at the beginning are dropped
    std::uint64_t count_ = 0;       ///< in blocks_,
    std::uint64_t bytes_ = 0;       ///< and what they will take in the file, at most
    std::uint64_t written_ = 0;     ///< and gone from there
    std::uint64_t dropped_ = 0;
    SimTime cut_at_{};  ///< where the first missing span starts; ring: where the last one ends
    std::optional<SimTime> stopped_;
    std::uint64_t after_ = 0;  ///< that came after it
};

}  // namespace xlate::study
