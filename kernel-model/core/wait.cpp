// Wait queues and completions.
#include <algorithm>

#include "base/error.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/core/lock.hpp"

namespace xlate::kernel {

WaitQueue::WaitQueue(Kernel& kernel, const char* queue_name)
    : kernel_(kernel), name_(queue_name), resource_(kernel.sched.new_resource()) {}

bool WaitQueue::ready_for(const Task& task) const {
    return std::any_of(waiters_.begin(), waiters_.end(),
                       [&](const Waiter& waiter) { return waiter.task == &task && waiter.woken; });
}

void WaitQueue::wait_event(const char* step, const std::function<bool()>& condition) {
    Task& task = kernel_.sched.current();
    kernel_.lockdep.check_may_sleep(task, step);
    const auto mine = [&] {
        return std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& w) { return w.task == &task; });
    };
    for (;;) {
        // Queue, then test, then sleep unless woken since: the order that loses no wake-up.
        kernel_.sched.point({PointKind::wait, step, resource_, name_});
        if (mine() == waiters_.end()) {
            waiters_.push_back({&task, false});
        } else {
            mine()->woken = false;
        }
        if (condition()) break;
        kernel_.sched.point({PointKind::wait, step, resource_, name_}, this);
        while (!mine()->woken) kernel_.sched.block("wait queue");
        task.waits_for = nullptr;
        task.clock.join(woken_by_);
    }
    waiters_.erase(mine());
}

void WaitQueue::wake_up(const char* step) {
    kernel_.sched.point({PointKind::wake, step, resource_, name_});
    if (Task* task = kernel_.sched.current_or_null()) {
        woken_by_.join(task->clock);
        task->clock.tick(task->slot);
    }
    for (Waiter& waiter : waiters_) {
        waiter.woken = true;
        kernel_.sched.wake(*waiter.task);
    }
    kernel_.sched.changed(*this);
}

Completion::Completion(Kernel& kernel, const char* completion_name)
    : kernel_(kernel), name_(completion_name), resource_(kernel.sched.new_resource()) {}

void Completion::wait(const char* step) {
    Task& task = kernel_.sched.current();
    kernel_.lockdep.check_may_sleep(task, step);
    kernel_.sched.point({PointKind::wait, step, resource_, name_}, this);
    if (done_ == 0) {
        waiters_.push_back(&task);
        while (done_ == 0) kernel_.sched.block("completion");
        waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &task));
    }
    if (done_ != kForever) --done_;
    task.waits_for = nullptr;
    kernel_.sched.changed(*this);
    task.clock.join(completed_by_);
}

void Completion::complete(const char* step) {
    kernel_.sched.point({PointKind::wake, step, resource_, name_});
    if (done_ != kForever) ++done_;
    wake_waiters();
}

void Completion::complete_all(const char* step) {
    kernel_.sched.point({PointKind::wake, step, resource_, name_});
    done_ = kForever;
    wake_waiters();
}

void Completion::reinit() {
    done_ = 0;
    kernel_.sched.changed(*this);
}

void Completion::wake_waiters() {
    if (Task* task = kernel_.sched.current_or_null()) {
        completed_by_.join(task->clock);
        task->clock.tick(task->slot);
    }
    for (Task* waiter : waiters_) kernel_.sched.wake(*waiter);
    kernel_.sched.changed(*this);
}

}  // namespace xlate::kernel
