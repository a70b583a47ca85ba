#include "kernel-model/dma/flush_queue.hpp"

#include <algorithm>

namespace xlate::kernel {

FlushQueue::FlushQueue(Kernel& kernel, const FlushQueueParams& params, std::function<void()> flush,
                       std::function<void(std::uint64_t, std::uint64_t, unsigned)> give_back)
    : kernel_(kernel),
      params_(params),
      flush_(std::move(flush)),
      give_back_(std::move(give_back)),
      alive_(std::make_shared<Alive>(Alive{this})) {
    queues_.resize(params.single ? 1 : params.cpus);
    for (Queue& queue : queues_) queue.lock = std::make_unique<SpinLock>(kernel, "iova_fq->lock");
}

FlushQueue::~FlushQueue() { alive_->queue = nullptr; }

std::size_t FlushQueue::waiting() const {
    std::size_t count = 0;
    for (const Queue& queue : queues_) count += queue.ring.size();
    return count;
}

// What was queued before the latest finished flush began is safe to use again.
void FlushQueue::free_flushed(Queue& queue, unsigned cpu) {
    while (!queue.ring.empty() && queue.ring.front().stamp < finished_) {
        const Entry entry = queue.ring.front();
        queue.ring.pop_front();
        give_back_(entry.pfn, entry.pages, cpu);
    }
}

void FlushQueue::flush_all() {
    const std::uint64_t mine = ++begun_;
    flush_();
    finished_ = std::max(finished_, mine);
}

void FlushQueue::queue_iova(std::uint64_t pfn, std::uint64_t pages, unsigned cpu) {
    Queue& queue = queues_[params_.single ? 0 : cpu % queues_.size()];
    queue.lock->lock("FQ1");
    // First what other CPUs' flushes have made free already.
    free_flushed(queue, cpu);
    if (queue.ring.size() + 1 >= params_.entries) {
        flush_all();
        free_flushed(queue, cpu);
    }
    queue.ring.push_back({pfn, pages, begun_});
    queue.lock->unlock("FQ2");
    if (timer_on_) return;
    timer_on_ = true;
    Kernel& kernel = kernel_;
    kernel.machine.set_timer(params_.delay, [alive = alive_, &kernel, cpu] {
        if (alive->queue == nullptr) return;
        kernel.spawn("ksoftirqd/" + std::to_string(cpu), cpu, [alive] {
            if (alive->queue != nullptr) alive->queue->timeout();
        });
    });
}

void FlushQueue::timeout() {
    timer_on_ = false;
    flush_all();
    for (unsigned i = 0; i < queues_.size(); ++i) {
        Queue& queue = queues_[i];
        queue.lock->lock("FQ3");
        free_flushed(queue, i);
        queue.lock->unlock("FQ4");
    }
}

}  // namespace xlate::kernel
