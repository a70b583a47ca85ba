// The kernel's only way to the world. Implementations: soc (timed, SystemC) and explore (untimed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "kernel-model/core/scheduler.hpp"

namespace xlate::kernel {

/// What a bound driver mapped for its master once: the master runs its own configured pattern over these.
struct DmaBuffer {
    Iova iova;
    std::uint64_t size = 0;  ///< bytes
};
struct DmaPlan {
    std::vector<DmaBuffer> buffers;
};

enum class TimerId : std::uint64_t {};

/// mmio_*, memory_*, pass and sleep are called on a task's fiber and may suspend it while the world works.
class Machine : public Dispatcher {
public:
    virtual SimTime now() const = 0;

    /// size: 4 or 8 bytes. Nobody there: reads as zero, writes are lost (the machine may log it).
    virtual std::uint64_t mmio_read(PhysAddr address, unsigned size) = 0;
    virtual void mmio_write(PhysAddr address, unsigned size, std::uint64_t value) = 0;
    /// CPU access to DRAM: page tables, queues.
    virtual void memory_read(PhysAddr address, std::uint8_t* bytes, std::size_t size) = 0;
    virtual void memory_write(PhysAddr address, const std::uint8_t* bytes, std::size_t size) = 0;

    virtual void pass(SimTime time) = 0;   ///< CPU busy: modelled instruction cost
    virtual void sleep(SimTime time) = 0;  ///< the task sleeps, its CPU is free

    /// `fire` runs on the host side, once: it spawns or wakes tasks.
    virtual TimerId set_timer(SimTime delay, std::function<void()> fire) = 0;
    virtual void cancel_timer(TimerId timer) = 0;

    /// The machine calls `handler` on the host side at each interrupt; it spawns or wakes an irq task.
    /// `name`: the interrupt's name in firmware ("eventq", "gerror", ...), or empty for the first one.
    virtual void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) = 0;

    /// DMA masters: hardware that a bound driver sets going. `device`: Linux device name.
    virtual void start_master(const std::string& device, const DmaPlan& plan) = 0;
    /// One transfer; `done` is called on the host side, ok = no fault.
    virtual void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                            std::function<void(bool ok)> done) = 0;
};

}  // namespace xlate::kernel
