// Who runs: tasks on fibers, given way only at points. The order is the dispatcher's (a machine's) decision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel-model/core/point.hpp"
#include "kernel-model/core/task.hpp"

namespace xlate::kernel {

class Kernel;

namespace detail {

/// Linux's `current`: which task runs on this host thread. Set and reset around each resume. __thread, as thread_local
/// of another file is asked each time whether it was initialised.
extern __thread Task* current_on_this_thread;

}  // namespace detail

/// Implemented by the machines. No call may be made back into a fiber other than through Scheduler::resume.
class Dispatcher {
public:
    virtual ~Dispatcher() = default;
    /// Spawned or woken: somebody has to call Scheduler::resume(task) from the host side, later.
    virtual void task_ready(Task& task) = 0;
    /// On the task's fiber, before it does what the point says. May call Scheduler::suspend() or switch_to().
    /// Called only for kinds in Scheduler::watched_points.
    virtual void at_point(Task&, const Point&) {}
    virtual void task_blocked(Task&) {}
    /// `what` may now be ready, or no longer ready, for tasks that stand at it. Called only while
    /// Scheduler::watch_waitables is set. (The end of a task is told by task_finished.)
    virtual void waitable_changed(const Waitable& /*what*/) {}
    virtual void task_finished(Task&) {}  ///< also when it crashed: see Task::state
};

/// What Scheduler::join waits for, as a resource.
constexpr Resource end_of_task(TaskId task) { return (Resource{1} << 62) | ((Resource{task} + 1) << kFieldBits); }

/// The end of a task, to be waited for.
class TaskEnd : public Waitable {
public:
    explicit TaskEnd(const Task& task) : task_(task) {}
    bool ready_for(const Task&) const override { return !task_.alive(); }
    const Task* blocker() const override { return &task_; }
    std::string waitable_name() const override { return "end of " + task_.name; }

private:
    const Task& task_;
};

/// Owned by Kernel.
class Scheduler {
public:
    Scheduler(Kernel& kernel, Dispatcher& dispatcher, StackPool& stacks, CallTree& calls);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// From a task or from the host. The new task happens after its spawner's steps so far.
    Task& spawn(std::string name, unsigned cpu, std::function<void()> body);

    Task& current() const;  ///< in_task() must hold
    Task* current_or_null() const { return current_; }
    bool in_task() const { return current_ != nullptr; }

    /// Fiber: gives way here if the dispatcher wants. `waits_for`: set for lock and wait points.
    void point(const Point& at, const Waitable* waits_for = nullptr) {
        Task* task = current_;
        if (task == nullptr) return;
        task->pending = at;
        task->waits_for = waits_for;
        if ((watched_points & point_bit(at.kind)) != 0) dispatcher_.at_point(*task, task->pending);
    }
    /// What the host side comes after: tasks spawned or woken from there happen after this. Machines that hand a
    /// cause on (a timer's setter) join it here; with several independent causes, put the old value back.
    VectorClock host_clock;
    std::uint32_t watched_points = ~0U;  ///< of which kinds (point_bit) Dispatcher::at_point is called
    bool watch_touches = false;          ///< true: touch() records into the task
    bool watch_waitables = false;        ///< true: Dispatcher::waitable_changed is called

    /// A task that crashes is left where it stands, instead of unwound: for runs whose memory is given back whole.
    bool drops_crashed = false;
    /// With drops_crashed: the end of the current task.
    [[noreturn]] void crash_current();

    /// Of every Waitable: what it answers in ready_for may have changed.
    void changed(const Waitable& what) {
        if (watch_waitables) dispatcher_.waitable_changed(what);
    }

    /// Notes that the current task looks into an object outside of a point (a pointer was followed).
    void touch(Resource object) {
        if (watch_touches && current_ != nullptr) add_touch(object);
    }

    void suspend();  ///< fiber -> host; state `suspended`
    /// Fiber -> another fiber, as suspend() and resume(next) without the host between.
    void switch_to(Task& next) {
        Task& task = *current_;
        task.state = TaskState::suspended;
        next.state = TaskState::running;
        current_ = &next;
        detail::current_on_this_thread = &next;
        task.fiber_->switch_to(*next.fiber_);
    }
    void resume(Task& task);      ///< host -> fiber; returns when it suspends, blocks or ends
    void block(const char* why);  ///< fiber: not ready until wake(). A wake between the decision and block() is not
                                  ///< lost as no other task runs in between.
    void wake(Task& task);        ///< any side. No effect unless blocked. Orders the waker's steps before the woken's.

    /// Waits until `task` is finished or crashed.
    void join(Task& task, const char* step);

    const std::vector<std::unique_ptr<Task>>& tasks() const { return tasks_; }
    /// A new resource id, stable under reordering of unrelated tasks. Field bits are 0.
    Resource new_resource();
    /// Destroys all fibers, unwinding those that have not finished. Called by ~Kernel before anything else goes.
    void kill_all();

private:
    void add_touch(Resource object);
    void finished(Task& task);
    static void run_body(void* of_task);

    Kernel& kernel_;
    Dispatcher& dispatcher_;
    StackPool& stacks_;
    CallTree& calls_;
    Task* current_ = nullptr;
    std::vector<std::unique_ptr<Task>> tasks_;
    std::uint32_t host_resources_ = 0;
    std::uint32_t host_spawned_ = 0;
    struct Joiner {
        Task* waiter;
        const Task* of;
    };
    std::vector<Joiner> joiners_;
    std::size_t slots_ = 0;
    std::vector<std::size_t> free_slots_;
    VectorClock slot_clocks_;  ///< of finished tasks whose place is used again
};

/// The task that runs on this host thread: Linux's `current`. Null on the host side.
inline Task* current_task() { return detail::current_on_this_thread; }

}  // namespace xlate::kernel
