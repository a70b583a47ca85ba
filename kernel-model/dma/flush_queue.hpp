// Lazy invalidation: freed ranges wait until the whole TLB has been flushed, then go back to the allocator.
// Source: docs/spec/kernel-probe.md section 11.4 (Linux drivers/iommu/dma-iommu.c, flush queues).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {

struct FlushQueueParams {
    unsigned cpus = 1;
    std::uint32_t entries = 256;  ///< of each CPU's queue
    SimTime delay = ms(10);
    bool single = false;  ///< one queue for all CPUs, with a lock that they share
};

/// Of one domain. `flush`: invalidates everything and waits; `give_back`: frees a range on a CPU. Both task side.
class FlushQueue {
public:
    FlushQueue(Kernel& kernel, const FlushQueueParams& params, std::function<void()> flush,
               std::function<void(std::uint64_t pfn, std::uint64_t pages, unsigned cpu)> give_back);
    ~FlushQueue();
    FlushQueue(const FlushQueue&) = delete;
    FlushQueue& operator=(const FlushQueue&) = delete;

    /// Linux queue_iova().
    void queue_iova(std::uint64_t pfn, std::uint64_t pages, unsigned cpu);
    std::size_t waiting() const;

private:
    struct Entry {
        std::uint64_t pfn;
        std::uint64_t pages;
        std::uint64_t stamp;  // flushes begun when it was queued
    };
    struct Queue {
        std::deque<Entry> ring;
        std::unique_ptr<SpinLock> lock;
    };
    /// Outlives the queue: a timer may fire after it.
    struct Alive {
        FlushQueue* queue;
    };

    void free_flushed(Queue& queue, unsigned cpu);
    void flush_all();
    void timeout();

    Kernel& kernel_;
    FlushQueueParams params_;
    std::function<void()> flush_;
    std::function<void(std::uint64_t, std::uint64_t, unsigned)> give_back_;
    std::vector<Queue> queues_;
    std::uint64_t begun_ = 0;     // flushes started
    std::uint64_t finished_ = 0;  // the latest flush that has ended
    bool timer_on_ = false;
    std::shared_ptr<Alive> alive_;
};

}  // namespace xlate::kernel
