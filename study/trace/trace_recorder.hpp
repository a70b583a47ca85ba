// The trace of a run for ui.perfetto.dev (trace.pftrace): every transaction and IOMMU activity as a span on a track,
// the kernel's probes by task, its log as instants. Native Perfetto protobuf, written by hand: few messages are needed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/huge_pages.hpp"
#include "kernel-model/core/kernel.hpp"
#include "soc/measure/trace.hpp"
#include "study/results/files.hpp"

namespace xlate::study {

inline constexpr std::size_t kMaxTraceSpans = 2'000'000;  ///< later ones are only counted

/// Keeps spans while the run goes on, in the order in which they come; makes the file at its end, piece by piece.
/// Spans of one component that overlap get lanes. Timestamps are nanoseconds, rounded down; exact times are in each
/// span's arguments.
class TraceRecorder final : public soc::TraceSink {
public:
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;

    /// The file, with the kernel's log and probes. Once: what was recorded goes.
    void finish(const kernel::Kernel& kernel, const Put& put);
    /// Without a kernel: what was recorded.
    void finish(const Put& put);
    std::uint64_t dropped() const { return dropped_; }

    struct Span {
        SimTime start;
        SimTime end;
        std::uint64_t detail;
        std::uint32_t track;
        std::uint32_t name : 31;  ///< index into names_
        std::uint32_t instant : 1;
    };
    struct Track {
        std::uint32_t number = 0;
        std::uint64_t spans = 0;
    };

private:
    void add(std::string_view component, std::string_view what, SimTime start, SimTime end, std::uint64_t detail,
             bool instant);
    std::uint32_t name_index(std::string_view name);

    using Tracks = std::map<std::string, Track, std::less<>>;
    Tracks tracks_;
    Tracks::value_type* last_track_ = nullptr;  ///< of the last call of add()
    std::map<std::string, std::uint32_t, std::less<>> name_indices_;
    std::vector<std::string> names_;
    std::vector<HostBlock> blocks_;  ///< of kSpansOfBlock spans, all but the last full
    std::uint64_t count_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace xlate::study
