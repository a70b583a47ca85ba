// The trace of a run for ui.perfetto.dev (trace.pftrace): every transaction and IOMMU activity as a span on a track,
// the kernel's probes by task, its log as instants.
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

/// Takes spans as the run goes on, in the order in which they come. With begin() they go to the file window by window,
/// so that memory does not grow with the run; a ring, and a recorder without begin(), keep them until finish().
/// What the limit cuts off is counted, and said: cut(), and at its place in the trace.
/// Spans of one component that overlap get lanes. Timestamps are nanoseconds, rounded down; exact times are in each
/// span's arguments.
class TraceRecorder final : public soc::TraceSink {
public:
    explicit TraceRecorder(TraceLimits limits = {});
    ~TraceRecorder() override;
    TraceRecorder(const TraceRecorder&) = delete;
    TraceRecorder& operator=(const TraceRecorder&) = delete;

    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;

    /// Where the file goes, piece by piece. Before the first span.
    void begin(Put put);
    /// Writes what is left, with the kernel's log and probes. Once: what was recorded goes.
    void finish(const kernel::Kernel& kernel);
    /// Without a kernel: all of it to `put`.
    void finish(const Put& put);

    std::uint64_t dropped() const { return dropped_; }
    /// What is missing, as a sentence; nothing if the trace is whole. Before finish().
    std::optional<std::string> cut() const;

    struct Span {
        SimTime start;
        SimTime end;
        std::uint64_t detail;
        std::uint32_t track;
        std::uint32_t name;  ///< index into names_
        bool instant;
    };

private:
    struct Track {
        std::uint32_t number = 0;
        std::uint64_t uuid = 0;                                ///< 0: not in the file yet
        std::vector<std::pair<std::uint64_t, SimTime>> lanes;  ///< uuid, when it is free
    };
    using Tracks = std::map<std::string, Track, std::less<>>;

    void add(std::string_view component, std::string_view what, SimTime start, SimTime end, std::uint64_t detail,
             bool instant);
    std::uint32_t name_index(std::string_view name);
    void write_kernel(const kernel::Kernel& kernel);
    void write_spans();
    void write_track(const std::string& component, Track& track, const Span* spans, std::size_t count);
    void write_cut();

    const TraceLimits limits_;
    std::unique_ptr<PerfettoWriter> writer_;
    Tracks tracks_;
    Tracks::value_type* last_track_ = nullptr;  ///< of the last call of add()
    std::map<std::string, std::uint32_t, std::less<>> name_indices_;
    std::vector<std::string> names_;
    std::deque<HostBlock> blocks_;  ///< of kSpansOfBlock spans, all but the last full
    std::uint64_t count_ = 0;       ///< in blocks_
    std::uint64_t written_ = 0;     ///< and gone from there
    std::uint64_t dropped_ = 0;
    SimTime cut_at_{};  ///< where the first missing span starts; ring: where the last one ends
};

}  // namespace xlate::study
