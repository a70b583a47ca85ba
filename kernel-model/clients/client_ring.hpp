// Rings of descriptors, as a NIC's driver keeps them: buffers are mapped and posted ahead, the device fills (or reads)
// them in order, a descriptor whose buffers are all done is unmapped, mapped anew and posted again. A ring and its task
// are on one CPU; the device serves rings in turn. Replies (acknowledgements) are mapped one by one as buffers come in,
// read by the device, unmapped.
// Not modelled: the ring's own memory and doorbells (no DMA for descriptors and completions); the way of an interrupt
// (the task is woken when it is raised). Source: ours, after what Linux's network drivers do
// (docs/spec/published-figures.md, section A).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/traffic_plan.hpp"

namespace xlate::kernel {

struct ClientStats;

/// All rings of one device. Outlives its transfers; `stats` and `dev` outlive it.
class ClientRing {
public:
    /// `message`: where the device writes 4 bytes to interrupt; nothing: a task is woken without.
    ClientRing(Kernel& kernel, DmaIommu& dma, Device& dev, const TrafficPlan& plan, ClientStats& stats,
               std::optional<std::uint64_t> message = std::nullopt);
    ~ClientRing();
    ClientRing(const ClientRing&) = delete;
    ClientRing& operator=(const ClientRing&) = delete;

    /// Fills all rings, then lets the device go. 0; -ENOMEM, -EIO if a ring cannot be filled. Task side.
    int start();
    /// Waits for what is under way, unmaps and frees everything. Task side.
    void stop();

private:
    struct Queue;

    int fill(Queue& queue, std::size_t descriptor);
    void unmap(Queue& queue, std::size_t descriptor);
    void run(Queue& queue);
    void recycle(Queue& queue, std::size_t descriptor);
    void take_back(Queue& queue);
    void take_back_reply(Queue& queue);
    bool look_at_buffer(Queue& queue);
    void poll(Queue& queue);
    void completed(Queue& queue, const char* step);
    void raise(Queue& queue, const char* step);
    bool moderated() const { return plan_.ring.moderation.fs != 0 || plan_.ring.moderation_frames != 0; }
    void reply(Queue& queue);
    void pump();
    bool submit_next(Queue& queue);
    bool drained(const Queue& queue) const;

    Kernel& kernel_;
    DmaIommu& dma_;
    Device& dev_;
    const TrafficPlan plan_;
    ClientStats& stats_;
    const std::optional<std::uint64_t> message_;
    std::vector<std::unique_ptr<Queue>> queues_;
    std::size_t turn_ = 0;         ///< the queue that the device looks at next
    std::uint64_t submitted_ = 0;  ///< buffers
    std::uint32_t in_flight_ = 0;  ///< buffers and replies that the device works on
    bool stopping_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< for timers that outlive this
};

}  // namespace xlate::kernel
