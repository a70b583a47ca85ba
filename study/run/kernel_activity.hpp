// Who runs on which CPU, and who holds and waits for which lock, of a simulated kernel: seen at its port to the
// machine. The kernel knows nothing of it, and no time passes for it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "study/run/forwarding_machine.hpp"

namespace xlate::study {

/// Hears of each stretch when it ends. Names live only for the call.
class ActivitySink {
public:
    virtual ~ActivitySink() = default;
    /// `task` had CPU number `cpu`.
    virtual void ran(unsigned cpu, std::string_view task, SimTime from, SimTime to) = 0;
    /// `task` held `lock` ("iommu_probe_device_lock", "dev->mutex of a000000.video"), or slept for it.
    virtual void lock(std::string_view lock, std::string_view task, bool waited, SimTime from, SimTime to) = 0;
};

/// Times are exact: between two calls of a task no time passes, so that what has changed since the last one changed
/// then.
class KernelActivity final : public ForwardingMachine {
public:
    /// `cpus`: of the machine.
    KernelActivity(kernel::Machine& machine, unsigned cpus) : ForwardingMachine(machine), cpus_(cpus) {}
    void add(ActivitySink& sink) { sinks_.push_back(&sink); }
    /// What is still held, running or waited for lasts until now. Once, at the end of a run.
    void finish();

    void at_point(kernel::Task& task, const kernel::Point& point) override;
    void task_blocked(kernel::Task& task) override;
    void task_finished(kernel::Task& task) override;
    std::uint64_t mmio_read(PhysAddr address, unsigned size) override;
    void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) override;
    void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) override;
    void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) override;
    void pass(SimTime time) override;
    void sleep(SimTime time) override;

private:
    struct Hold {
        const kernel::Waitable* lock;
        std::string name;
        SimTime since;
    };
    struct State {
        std::string name;
        unsigned cpu = 0;
        bool runs = false;
        SimTime since;                             ///< it runs
        const kernel::Waitable* wanted = nullptr;  ///< it sleeps for this lock,
        SimTime wanted_since;                      ///< from then on
        std::vector<Hold> held;
    };
    State& state(const kernel::Task& task);
    void look(const kernel::Task& task);
    void look_at_current();
    void stop(State& state);
    void tell_lock(const std::string& lock, const State& state, bool waited, SimTime from);

    const unsigned cpus_;
    std::vector<ActivitySink*> sinks_;
    std::map<kernel::TaskId, State> states_;
};

}  // namespace xlate::study
