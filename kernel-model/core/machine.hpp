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

/// What a driver holds to be true from here on: nothing acts on it, a machine that watches over translations may check
/// it. `iommu`: its registers.
struct Annotation {
    enum class Kind : std::uint8_t {
        ste_installed,  ///< of `stream`: what was there before is in no cache
        cd_installed,   ///< the same of `stream` and substream `context`
        unmapped,       ///< [first, first + bytes) of ASID `context`: an unmap returns to its caller
        unmap_queued,   ///< the same, but its invalidation is put off (lazy)
        flushed,        ///< all of ASID `context` that was changed before `since` is in no cache
        freed,          ///< physical memory [first, first + bytes) is anybody's
    };
    Kind kind = Kind::freed;
    PhysAddr iommu{};
    std::uint32_t stream = 0;
    std::uint32_t context = 0;
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    SimTime since{};
};

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

    /// Takes no time and never gives way.
    virtual void annotate(const Annotation& /*annotation*/) {}

    virtual void pass(SimTime time) = 0;   ///< CPU busy: modelled instruction cost
    virtual void sleep(SimTime time) = 0;  ///< the task sleeps, its CPU is free

    /// `fire` runs on the host side, once: it spawns or wakes tasks.
    virtual TimerId set_timer(SimTime delay, std::function<void()> fire) = 0;
    virtual void cancel_timer(TimerId timer) = 0;

    /// The machine calls `handler` on the host side at each interrupt; it spawns or wakes an irq task.
    /// `name`: the interrupt's name in firmware ("eventq", "gerror", ...), or empty for the first one.
    virtual void connect_interrupt(firmware::NodeIndex device, std::string name, std::function<void()> handler) = 0;

    /// The PCI function's ATS control register. Takes no time: the store's cost is the driver's.
    virtual void control_ats(const std::string& /*device*/, bool /*enable*/) {}

    /// Four bytes of the PCI capability of an IOMMU that is a function of PCI (AMD-Vi). 0: it has none.
    virtual std::uint32_t iommu_capability(firmware::NodeIndex /*iommu*/, unsigned /*offset*/) { return 0; }

    /// DMA masters: hardware that a bound driver sets going. `device`: Linux device name.
    virtual void start_master(const std::string& device, const DmaPlan& plan) = 0;
    /// One transfer; `done` is called on the host side, ok = no fault.
    virtual void submit_dma(const std::string& device, Iova iova, std::uint64_t size, bool write,
                            std::function<void(bool ok)> done) = 0;
    /// An interrupt of the device as a message: a write of 4 bytes to `address`. `done` as for a transfer.
    virtual void send_message(const std::string& device, Iova address, std::function<void(bool ok)> done) {
        submit_dma(device, address, 4, true, std::move(done));
    }
};

}  // namespace xlate::kernel
