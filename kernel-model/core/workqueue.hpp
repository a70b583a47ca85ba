// A work queue with one kworker: works run first in, first out, on a task that lives while there is work.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel-model/core/task.hpp"

namespace xlate::kernel {

class Kernel;

/// `worker_name`: "kworker/u8:0". Static object of its user; outlives its works.
class Workqueue : public Waitable {
public:
    Workqueue(Kernel& kernel, std::string worker_name, unsigned cpu);

    /// Any side. The work happens after everything its queuer did so far.
    void queue_work(const char* step, std::function<void()> work);
    /// Task side: until everything queued before this call has run.
    void flush(const char* step);
    bool idle() const { return works_.empty() && !running_; }

    bool ready_for(const Task& task) const override;
    std::string waitable_name() const override { return worker_name_; }

private:
    void worker();
    Kernel& kernel_;
    std::string worker_name_;
    unsigned cpu_;
    Resource resource_;
    struct Work {
        std::function<void()> run;
        VectorClock queued;
    };
    std::vector<Work> works_;  ///< first in, first out; seldom more than one
    bool running_ = false;
    std::uint64_t queued_ = 0;
    std::uint64_t finished_ = 0;
    struct Flusher {
        Task* task;
        std::uint64_t until;
    };
    std::vector<Flusher> flushers_;
    VectorClock done_clock_;
};

}  // namespace xlate::kernel
