// What a run does over time: a listener that adds up transfers, translations, walks, memory, CPUs and locks in
// stretches of time (bins.hpp), and keeps who ran and who held what. The model knows nothing of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "soc/measure/forwarding_trace.hpp"
#include "study/run/kernel_activity.hpp"
#include "study/series/bins.hpp"

namespace xlate::study {

class SeriesWatch final : public soc::ForwardingTrace, public ActivitySink {
public:
    SeriesWatch() { steps = true; }

    struct Master {
        Bins transfers, faults, bytes;
        Bins latency_fs;   ///< of those that ended then
        Bins outstanding;  ///< time in flight
    };
    struct Iommu {
        Bins translations, hits;  ///< that a TLB of a port answered
        Bins walks, walking;      ///< ended then; time in a slot
        Bins in_flight;           ///< time in the IOMMU
        Bins walk_lookups, walk_hits;
        Bins commands, command_time;
        std::uint64_t lookups_before = 0, hits_before = 0;
    };
    struct Memory {
        Bins accesses, bytes, in_flight;
    };
    struct Stretch {
        SimTime from, to;
        std::uint32_t task;  ///< index into tasks()
        bool waited;         ///< of a lock
    };
    struct Cpu {
        Bins busy;
        std::vector<Stretch> runs;
        std::uint64_t more = 0;  ///< that are not kept
    };
    struct Lock {
        Bins waiting;
        std::uint64_t waits = 0;
        std::vector<Stretch> spans;
        std::uint64_t more = 0;
    };
    template <class T>
    using ByName = std::map<std::string, T, std::less<>>;

    static constexpr std::size_t kMostRuns = 1'000;  ///< of a CPU
    static constexpr std::size_t kMostHolds = 250;   ///< of a lock

    void issued(std::string_view device, std::uint64_t number, SimTime at) override;
    void step(const soc::TraceStep& step) override;
    void ran(unsigned cpu, std::string_view task, SimTime from, SimTime to) override;
    void lock(std::string_view lock, std::string_view task, bool waited, SimTime from, SimTime to) override;

    const BinClock& clock() const { return clock_; }
    /// When the last of what is in the sums happened.
    SimTime end() const { return end_; }
    /// Steps and stretches that are not in them: a timer's task long after everything else would leave no detail of the
    /// rest. Traffic always is.
    std::uint64_t beyond() const { return beyond_; }
    const ByName<Master>& masters() const { return masters_; }
    const ByName<Iommu>& iommus() const { return iommus_; }
    const ByName<Memory>& memories() const { return memories_; }
    const std::map<unsigned, Cpu>& cpus() const { return cpus_; }
    const ByName<Lock>& locks() const { return locks_; }
    const std::vector<std::string>& tasks() const { return tasks_; }

private:
    void reach(SimTime at);
    bool follows(SimTime at);
    template <class T>
    static T& of(ByName<T>& all, std::string_view name);
    std::uint32_t task_index(std::string_view name);

    BinClock clock_;
    SimTime end_;
    std::uint64_t beyond_ = 0;
    ByName<Master> masters_;
    ByName<Iommu> iommus_;
    ByName<Memory> memories_;
    std::map<unsigned, Cpu> cpus_;
    ByName<Lock> locks_;
    std::vector<std::string> tasks_;
    std::map<std::string, std::uint32_t, std::less<>> task_indices_;
};

}  // namespace xlate::study
