#include "kernel-model/core/workqueue.hpp"

#include <utility>

#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

Workqueue::Workqueue(Kernel& kernel, std::string worker_name, unsigned cpu)
    : kernel_(kernel), worker_name_(std::move(worker_name)), cpu_(cpu), resource_(kernel.sched.new_resource()) {}

bool Workqueue::ready_for(const Task& task) const {
    for (const Flusher& flusher : flushers_) {
        if (flusher.task == &task) return finished_ >= flusher.until;
    }
    return true;
}

void Workqueue::queue_work(const char* step, std::function<void()> work) {
    kernel_.sched.point({PointKind::wake, step, resource_, "work queue"});
    VectorClock queued;
    if (Task* task = kernel_.sched.current_or_null()) {
        queued = task->clock;
        task->clock.tick(task->slot);
    }
    works_.push_back({std::move(work), queued});
    ++queued_;
    if (running_) return;
    running_ = true;
    kernel_.spawn(worker_name_, cpu_, [this] { worker(); });
}

void Workqueue::worker() {
    const Frame frame{kernel_, "worker_thread"};
    Task& self = kernel_.sched.current();
    self.clock.join(done_clock_);  // one worker after the other
    kernel_.spend(kernel_.costs.workqueue_wake);
    for (;;) {
        kernel_.sched.point({PointKind::wake, "worker_next", resource_, "work queue"});
        if (works_.empty()) break;
        Work work = std::move(works_.front());
        works_.erase(works_.begin());
        self.clock.join(work.queued);
        work.run();
        kernel_.sched.point({PointKind::wake, "work_done", resource_, "work queue"});
        ++finished_;
        done_clock_.join(self.clock);
        self.clock.tick(self.slot);
        for (const Flusher& flusher : flushers_) {
            if (finished_ >= flusher.until) kernel_.sched.wake(*flusher.task);
        }
        kernel_.sched.changed(*this);
    }
    running_ = false;
}

void Workqueue::flush(const char* step) {
    Task& task = kernel_.sched.current();
    kernel_.lockdep.check_may_sleep(task, step);
    kernel_.sched.point({PointKind::wait, step, resource_, "work queue"});
    flushers_.push_back({&task, queued_});
    kernel_.sched.point({PointKind::wait, step, resource_, "work queue"}, this);
    while (!ready_for(task)) kernel_.sched.block("flush_work");
    task.waits_for = nullptr;
    task.clock.join(done_clock_);
    for (auto it = flushers_.begin(); it != flushers_.end(); ++it) {
        if (it->task == &task) {
            flushers_.erase(it);
            break;
        }
    }
}

}  // namespace xlate::kernel
