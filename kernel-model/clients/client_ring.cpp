#include "kernel-model/clients/client_ring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/random.hpp"
#include "kernel-model/clients/client_dma.hpp"
#include "kernel-model/core/errno.hpp"
#include "kernel-model/core/kernel.hpp"

namespace xlate::kernel {
namespace {

/// A driver that hears nothing looks by itself then.
constexpr SimTime kWatchdog = ms(1);

}  // namespace

struct ClientRing::Queue {
    struct Buffer {
        PhysAddr memory{};
        Iova iova{};
        bool write = true;
    };
    struct Descriptor {
        std::vector<Buffer> buffers;
        std::vector<DmaBuffer> range;  // contiguous: what was mapped
        std::uint32_t done = 0;        // buffers
        bool mapped = false;
    };
    struct Reply {
        PhysAddr memory{};
        Iova iova{};
    };
    Queue(Kernel& kernel, unsigned on_cpu, std::uint64_t seed, const std::string& name)
        : cpu(on_cpu), random(seed, name), events(kernel, "ring completions") {}

    const unsigned cpu;
    Rng random;  // of the choice between read and write
    WaitQueue events;
    Task* task = nullptr;
    std::vector<Descriptor> descriptors;
    // The device's side.
    std::deque<std::size_t> posted;  // descriptors, oldest first
    std::uint32_t next_buffer = 0;   // of the oldest one
    std::deque<Reply> to_send;
    std::uint32_t under_way = 0;
    // Between the two.
    std::uint64_t fresh = 0;  // buffers done, not looked at by the task
    std::deque<std::size_t> done;
    std::deque<Reply> sent;
    // The task's side.
    std::uint64_t worked = 0;  // buffers looked at, of descriptors that are not taken back
    std::uint64_t owed = 0;    // replies, times buffers of a descriptor
    bool ended = false;
    std::vector<PhysAddr> free_replies;
    std::vector<PhysAddr> reply_memory;
    // Interrupt moderation.
    bool raised = false;        // the task has been told, and has not looked yet
    bool timed = false;         // a timer runs
    bool message_sent = false;  // and not arrived
    std::uint32_t untold = 0;   // completions since the task was told

    bool something() const { return fresh != 0 || !sent.empty(); }
};

ClientRing::ClientRing(Kernel& kernel, DmaIommu& dma, Device& dev, const TrafficPlan& plan, ClientStats& stats,
                       std::optional<std::uint64_t> message)
    : kernel_(kernel), dma_(dma), dev_(dev), plan_(plan), stats_(stats), message_(message) {}
ClientRing::~ClientRing() { *alive_ = false; }

int ClientRing::start() {
    if (plan_.transfers == 0) return 0;
    const std::size_t rings = std::max<std::size_t>(plan_.cpus.size(), 1);
    for (std::size_t i = 0; i < rings; ++i) {
        const unsigned cpu = plan_.cpus.empty() ? kernel_.sched.current().cpu : plan_.cpus[i];
        queues_.push_back(
            std::make_unique<Queue>(kernel_, cpu, plan_.seed, fmt::format("client.{}.ring{}", dev_.name, i)));
        queues_.back()->descriptors.resize(plan_.ring.descriptors);
    }
    stats_.running = true;
    // Each ring is filled on its own CPU: its addresses come from that CPU's magazines later, too.
    for (std::size_t i = 0; i < rings; ++i) {
        Queue& queue = *queues_[i];
        queue.task = &kernel_.spawn(fmt::format("napi/{}:{}", dev_.name, i), queue.cpu, [this, &queue] { run(queue); });
    }
    return 0;
}

int ClientRing::fill(Queue& queue, std::size_t number) {
    Queue::Descriptor& descriptor = queue.descriptors[number];
    if (descriptor.buffers.empty()) {
        descriptor.buffers.resize(plan_.ring.buffers);
        for (Queue::Buffer& buffer : descriptor.buffers) {
            const auto memory = dma_.alloc_buffer(dev_, plan_.transfer_bytes);
            if (!memory) return -kENOMEM;
            buffer.memory = *memory;
        }
    }
    for (Queue::Buffer& buffer : descriptor.buffers) {
        buffer.write = !queue.random.chance(plan_.read_numerator, plan_.read_denominator);
    }
    descriptor.done = 0;
    descriptor.range.clear();
    if (plan_.ring.contiguous) {
        std::vector<DmaSegment> pieces;
        for (const Queue::Buffer& buffer : descriptor.buffers) pieces.push_back({buffer.memory, plan_.transfer_bytes});
        descriptor.range = dma_.dma_map_sg(dev_, pieces, DmaDirection::bidirectional);
        if (descriptor.range.empty()) return -kEIO;
        // Pieces that continue each other came back as one; without an IOMMU they may be many.
        std::size_t range = 0;
        std::uint64_t at = 0;
        for (Queue::Buffer& buffer : descriptor.buffers) {
            if (at == descriptor.range[range].size) ++range, at = 0;
            buffer.iova = Iova{descriptor.range[range].iova.value + at};
            at += plan_.transfer_bytes;
        }
    } else {
        for (std::size_t i = 0; i < descriptor.buffers.size(); ++i) {
            Queue::Buffer& buffer = descriptor.buffers[i];
            const auto iova = dma_.dma_map_single(dev_, buffer.memory, plan_.transfer_bytes,
                                                  buffer.write ? DmaDirection::from_device : DmaDirection::to_device);
            if (!iova) {
                while (i-- > 0) dma_.dma_unmap_single(dev_, descriptor.buffers[i].iova, plan_.transfer_bytes);
                return -kEIO;
            }
            buffer.iova = *iova;
        }
    }
    descriptor.mapped = true;
    queue.posted.push_back(number);
    return 0;
}

void ClientRing::unmap(Queue& queue, std::size_t number) {
    Queue::Descriptor& descriptor = queue.descriptors[number];
    if (!descriptor.mapped) return;
    descriptor.mapped = false;
    if (plan_.ring.contiguous) {
        dma_.dma_unmap_sg(dev_, descriptor.range);
        return;
    }
    for (const Queue::Buffer& buffer : descriptor.buffers) {
        dma_.dma_unmap_single(dev_, buffer.iova, plan_.transfer_bytes);
    }
}

/// The device: the next transfer of this ring, if there is one.
bool ClientRing::submit_next(Queue& queue) {
    if (!queue.to_send.empty()) {
        const Queue::Reply reply = queue.to_send.front();
        queue.to_send.pop_front();
        ++in_flight_;
        ++queue.under_way;
        kernel_.machine.submit_dma(dev_.name, reply.iova, plan_.ring.reply_bytes, false,
                                   [this, &queue, reply](bool ok) {
                                       if (!ok) ++stats_.failed;
                                       --in_flight_;
                                       --queue.under_way;
                                       queue.sent.push_back(reply);
                                       completed(queue, "RNG1");
                                       pump();
                                   });
        return true;
    }
    if (stopping_ || plan_.over(submitted_) || queue.posted.empty()) return false;
    const std::size_t number = queue.posted.front();
    const Queue::Buffer& buffer = queue.descriptors[number].buffers[queue.next_buffer];
    if (++queue.next_buffer == plan_.ring.buffers) {
        queue.posted.pop_front();
        queue.next_buffer = 0;
    }
    ++submitted_;
    ++stats_.started;
    ++in_flight_;
    ++queue.under_way;
    kernel_.machine.submit_dma(dev_.name, buffer.iova, plan_.transfer_bytes, buffer.write,
                               [this, &queue, number](bool ok) {
                                   ++(ok ? stats_.completed : stats_.failed);
                                   --in_flight_;
                                   --queue.under_way;
                                   ++queue.fresh;
                                   if (++queue.descriptors[number].done == plan_.ring.buffers)
                                       queue.done.push_back(number);
                                   completed(queue, "RNG2");
                                   if (plan_.over(submitted_)) {
                                       for (const auto& other : queues_) other->events.wake_up("RNG3");
                                   }
                                   pump();
                               });
    return true;
}

/// Host side: the task is woken, or will be.
void ClientRing::completed(Queue& queue, const char* step) {
    if (!moderated()) {
        raise(queue, step);
        return;
    }
    ++queue.untold;
    const bool enough = plan_.ring.moderation_frames != 0 && queue.untold >= plan_.ring.moderation_frames;
    // Without a time the last buffers of an empty ring would never be told of.
    const bool starved = plan_.ring.moderation.fs == 0 && queue.posted.empty() && queue.under_way == 0;
    if (enough || starved || drained(queue)) {
        raise(queue, step);
    } else if (plan_.ring.moderation.fs != 0 && !queue.timed) {
        queue.timed = true;
        kernel_.machine.set_timer(plan_.ring.moderation, [this, alive = alive_, &queue] {
            if (!*alive || queues_.empty()) return;
            queue.timed = false;
            if (queue.untold != 0) raise(queue, "RNG7");
        });
    }
}

/// Host side: the interrupt, by the device's message if it has one. One message at a time.
void ClientRing::raise(Queue& queue, const char* step) {
    queue.untold = 0;
    const auto arrive = [this, alive = alive_, &queue, step] {
        if (!*alive || queues_.empty()) return;
        queue.message_sent = false;
        queue.raised = true;
        queue.events.wake_up(step);
    };
    if (!message_) {
        arrive();
        return;
    }
    if (queue.message_sent) return;
    queue.message_sent = true;
    kernel_.machine.send_message(dev_.name, Iova{*message_}, [this, arrive](bool ok) {
        if (ok) {
            arrive();
        } else {
            kernel_.machine.set_timer(kWatchdog, arrive);
        }
    });
}

/// The device takes from its rings in turn, as many as it may have under way.
void ClientRing::pump() {
    std::size_t without = 0;
    while (in_flight_ < plan_.outstanding && without < queues_.size()) {
        Queue& queue = *queues_[turn_];
        turn_ = (turn_ + 1) % queues_.size();
        without = submit_next(queue) ? 0 : without + 1;
    }
}

/// The device will bring no more to this ring: all is done, or nothing could be mapped.
bool ClientRing::drained(const Queue& queue) const {
    const bool nothing = queue.posted.empty() && queue.done.empty();
    const bool last = stopping_ || plan_.over(submitted_) || nothing;
    return last && queue.under_way == 0 && queue.to_send.empty();
}

void ClientRing::reply(Queue& queue) {
    if (queue.free_replies.empty()) {
        const auto memory = dma_.alloc_buffer(dev_, dma_.pages().page_bytes());
        if (!memory) {
            ++stats_.map_failures;
            return;
        }
        queue.reply_memory.push_back(*memory);
        queue.free_replies.push_back(*memory);
    }
    const PhysAddr memory = queue.free_replies.back();
    const auto iova = dma_.dma_map_single(dev_, memory, plan_.ring.reply_bytes, DmaDirection::to_device);
    if (!iova) {
        ++stats_.map_failures;
        return;
    }
    queue.free_replies.pop_back();
    queue.to_send.push_back({memory, *iova});
    pump();
}

/// Unmapped and mapped anew, or posted as it is.
void ClientRing::recycle(Queue& queue, std::size_t number) {
    if (stopping_) return;
    if (queue.random.chance(plan_.ring.remap_numerator, plan_.ring.remap_denominator)) {
        unmap(queue, number);
        if (fill(queue, number) != 0) ++stats_.map_failures;
    } else {
        queue.descriptors[number].done = 0;
        queue.posted.push_back(number);
    }
    pump();
}

void ClientRing::take_back_reply(Queue& queue) {
    const Queue::Reply reply = queue.sent.front();
    queue.sent.pop_front();
    dma_.dma_unmap_single(dev_, reply.iova, plan_.ring.reply_bytes);
    queue.free_replies.push_back(reply.memory);
}

/// A buffer that the device is done with goes to what is above the driver. False: there is none.
bool ClientRing::look_at_buffer(Queue& queue) {
    if (queue.fresh == 0) return false;
    --queue.fresh;
    ++queue.worked;
    kernel_.spend(plan_.ring.work);
    queue.owed += plan_.ring.replies;
    return true;
}

/// Until nothing is left that has come by then: each buffer, and a descriptor behind as many buffers as it has.
void ClientRing::take_back(Queue& queue) {
    for (;;) {
        while (!queue.sent.empty()) take_back_reply(queue);
        if (queue.worked >= plan_.ring.buffers && !queue.done.empty()) {
            queue.worked -= plan_.ring.buffers;
            const std::size_t number = queue.done.front();
            queue.done.pop_front();
            recycle(queue, number);
        } else if (look_at_buffer(queue)) {
            for (; queue.owed >= plan_.ring.buffers; queue.owed -= plan_.ring.buffers) reply(queue);
        } else {
            return;
        }
    }
}

/// The same in rounds: what was sent, buffers, the descriptors that they end, replies to them.
void ClientRing::poll(Queue& queue) {
    while (queue.something()) {
        for (std::size_t sent = queue.sent.size(); sent > 0; --sent) take_back_reply(queue);
        for (std::uint32_t i = 0; i < plan_.ring.poll && look_at_buffer(queue); ++i) {
        }
        while (queue.worked >= plan_.ring.buffers && !queue.done.empty()) {
            queue.worked -= plan_.ring.buffers;
            const std::size_t number = queue.done.front();
            queue.done.pop_front();
            recycle(queue, number);
        }
        for (; queue.owed >= plan_.ring.buffers; queue.owed -= plan_.ring.buffers) reply(queue);
    }
}

void ClientRing::run(Queue& queue) {
    Frame frame{kernel_, "client_ring_poll"};
    for (std::size_t i = 0; i < queue.descriptors.size() && !stopping_; ++i) {
        if (fill(queue, i) == 0) continue;
        ++stats_.map_failures;
        kernel_.console.err(dev_.prefix(), "failed to fill a ring for DMA");
        break;
    }
    pump();
    for (;;) {
        queue.events.wait_event("RNG4", [&] {
            return (queue.something() && (queue.raised || (!moderated() && !message_))) || drained(queue);
        });
        queue.raised = false;
        if (!queue.something()) break;
        if (plan_.ring.poll != 0) {
            poll(queue);
        } else {
            take_back(queue);
        }
        queue.raised = false;
        queue.untold = 0;
    }
    queue.ended = true;
    stats_.running = std::any_of(queues_.begin(), queues_.end(), [](const auto& each) { return !each->ended; });
}

void ClientRing::stop() {
    stopping_ = true;
    for (const auto& queue : queues_) queue->events.wake_up("RNG5");
    for (const auto& queue : queues_) {
        if (queue->task != nullptr) kernel_.sched.join(*queue->task, "RNG6");
    }
    for (const auto& queue : queues_) {
        for (std::size_t i = 0; i < queue->descriptors.size(); ++i) {
            unmap(*queue, i);
            for (const Queue::Buffer& buffer : queue->descriptors[i].buffers) {
                if (buffer.memory.value != 0) dma_.pages().free(buffer.memory, plan_.transfer_bytes);
            }
        }
        for (const PhysAddr memory : queue->reply_memory) dma_.pages().free(memory, dma_.pages().page_bytes());
    }
    queues_.clear();
    stats_.running = false;
}

}  // namespace xlate::kernel
