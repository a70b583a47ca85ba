// One simulated kernel: everything that in Linux would be global. No globals, so kernels can run side by side.
#pragma once

#include <memory>

#include "kernel-model/core/console.hpp"
#include "kernel-model/core/cost.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/core/events.hpp"
#include "kernel-model/core/heap.hpp"
#include "kernel-model/core/lock.hpp"
#include "kernel-model/core/machine.hpp"
#include "kernel-model/core/report.hpp"
#include "kernel-model/core/scheduler.hpp"
#include "kernel-model/core/shared.hpp"
#include "kernel-model/core/workqueue.hpp"

namespace xlate::kernel {

struct Variant;

/// Memory that kernels of one host thread use one after the other: makes a new kernel cheap.
struct Workspace {
    StackPool stacks;
    CallTree calls;
    Arena arena;
};

/// Sees each change of shared state as it happens (the timeline of a replay).
class AccessObserver {
public:
    virtual ~AccessObserver() = default;
    virtual void changed(const Task* task, const SharedBase& field, const std::string& from, const std::string& to,
                         const char* step) = 0;
};

/// Parts are destroyed in an order that lets tasks unwind first. All calls from one host thread.
class Kernel {
public:
    /// `machine`, `variant` and `workspace` outlive the kernel. Without a workspace the kernel makes its own.
    Kernel(Machine& the_machine, const Variant& the_variant, Workspace* the_workspace = nullptr);
    ~Kernel();
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;

private:
    std::unique_ptr<Workspace> own_workspace_;
    Workspace& workspace_;

public:
    Machine& machine;
    const Variant& variant;
    CostTable costs;
    EventLog events;
    Console console;
    Reports reports;
    Scheduler sched;
    Heap heap;
    Lockdep lockdep;
    AccessObserver* observer = nullptr;
    bool check_data_races = true;
    bool timed = true;  ///< false: spend() does nothing

    Workspace& workspace() { return workspace_; }
    SimTime now() const { return machine.now(); }
    /// The CPU is busy for this long (task side; on the host side it costs nothing).
    void spend(SimTime time) {
        if (timed && time.fs != 0 && sched.in_task()) machine.pass(time);
    }
    Task& spawn(std::string name, unsigned cpu, std::function<void()> body) {
        return sched.spawn(std::move(name), cpu, std::move(body));
    }
    /// At the end of a run, when nothing is left to resume: hung tasks, deadlocks, leaks.
    void finish();
};

/// A call that no task has made from there so far. A task that calls deeper than a kernel's stack allows ends in an
/// oops: functions of a kernel model that call each other without end, as variants put together by hand may.
[[gnu::cold]] CallNode* called_first_time(Kernel& kernel, Task& task, const char* function);

inline Frame::Frame(Kernel& kernel, const char* function) : task_(kernel.sched.current_or_null()) {
    if (task_ == nullptr) return;
    saved_ = task_->stack;
    CallNode* const called = CallTree::find(task_->stack, function);
    task_->stack = called != nullptr ? called : called_first_time(kernel, *task_, function);
}

inline void check_pointer(const HeapObject* object, const char* step) {
    if (object == nullptr || object->freed()) followed_bad_pointer(object, step);
    object->kernel().sched.touch(object->resource());
}

inline bool SharedBase::observed() const { return owner_->kernel().observer != nullptr; }

}  // namespace xlate::kernel
