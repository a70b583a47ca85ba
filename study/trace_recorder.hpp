// The trace of a run for ui.perfetto.dev (trace.pftrace): every transaction and IOMMU activity as a span on a track,
// the kernel's probes by task, its log as instants. Native Perfetto protobuf, written by hand: few messages are needed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel-model/core/kernel.hpp"
#include "soc/trace.hpp"

namespace xlate::study {

inline constexpr std::size_t kMaxTraceSpans = 2'000'000;  ///< later ones are only counted

/// Keeps spans while the run goes on; makes the file at its end. Spans of one component that overlap get lanes.
/// Timestamps are nanoseconds, rounded down; exact times are in each span's arguments.
class TraceRecorder final : public soc::TraceSink {
public:
    void transaction(std::string_view device, std::uint64_t number, std::uint64_t iova, bool write, SimTime start,
                     SimTime end, bool fault) override;
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;

    /// The file's bytes, with the kernel's log and probes.
    std::string finish(const kernel::Kernel& kernel);
    /// Without a kernel: what was recorded.
    std::string finish();
    std::uint64_t dropped() const { return dropped_; }

    struct Span {
        SimTime start;
        SimTime end;
        std::uint64_t detail;
        std::uint32_t name : 31;  ///< index into names_
        std::uint32_t instant : 1;
    };

private:
    void add(std::string_view component, std::string_view what, SimTime start, SimTime end, std::uint64_t detail,
             bool instant);
    std::uint32_t name_index(std::string_view name);

    using Tracks = std::map<std::string, std::vector<Span>, std::less<>>;
    Tracks tracks_;
    Tracks::value_type* last_track_ = nullptr;  ///< of the last call of add()
    std::map<std::string, std::uint32_t, std::less<>> name_indices_;
    std::vector<std::string> names_;
    std::uint64_t count_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace xlate::study
