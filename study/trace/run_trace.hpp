// What of a run goes on which track of its trace:
//   masters/DEVICE                every transaction; its flow leads through the next three, and back to "answered"
//   IOMMU/port PORT               every translation, named by what answered it
//   IOMMU/walk slots              every walk
//   IOMMU/reads                   every access of a walk, or of configuration
//   IOMMU/commands N              every command of a queue, and its drains
//   memory                        every access, by channel
//   CPUs/cpuN, tasks/TASK         who runs where
//   locks/LOCK                    who holds it, who waits
//   masters/DEVICE outstanding, DEVICE MB/s, IOMMU/TLB hits %   numbers; the last two of each microsecond
// In `fast`, what is planned ahead is seen at its master alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "soc/measure/trace.hpp"
#include "study/run/kernel_activity.hpp"
#include "study/trace/trace_recorder.hpp"

namespace xlate::study {

class RunTrace final : public soc::TraceSink, public ActivitySink {
public:
    /// `recorder` outlives it.
    explicit RunTrace(TraceRecorder& recorder);

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void step(const soc::TraceStep& step) override;
    void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime, SimTime, bool) override {}
    void span(std::string_view component, std::string_view what, SimTime start, SimTime end,
              std::uint64_t detail) override;
    void instant(std::string_view component, std::string_view what, SimTime at, std::uint64_t detail) override;
    void ran(unsigned cpu, std::string_view task, SimTime from, SimTime to) override;
    void lock(std::string_view lock, std::string_view task, bool waited, SimTime from, SimTime to) override;
    /// Writes the last values of the numbers. At the end of the run.
    void finish();

private:
    using TrackId = TraceRecorder::TrackId;
    /// A number that changes: told when it has stood for a while, or another change comes.
    struct Level {
        TrackId track = 0;
        std::uint64_t value = 0;
        SimTime told;
        SimTime changed;
        bool pending = false;
    };
    /// What adds up in one microsecond.
    struct Rate {
        TrackId track = 0;
        std::uint64_t bucket = 0;
        std::uint64_t sum = 0;
        std::uint64_t count = 0;
    };
    using Key = std::tuple<std::uint8_t, std::string, std::string>;
    TrackId track_of(const soc::TraceStep& step);
    Level& outstanding(std::string_view device);
    void change(Level& level, SimTime at, bool up);
    void tell(Level& level);
    void add(Rate& rate, SimTime at, std::uint64_t value, bool mean);
    void close(Rate& rate, bool mean);
    void count(TrackId track, SimTime at, std::uint64_t value);

    TraceRecorder& recorder_;
    std::map<Key, TrackId> tracks_;
    std::map<std::string, Level, std::less<>> outstanding_;  ///< by device
    std::map<std::string, Rate, std::less<>> bandwidth_;     ///< the same
    std::map<std::string, Rate, std::less<>> hits_;          ///< by IOMMU
};

}  // namespace xlate::study
