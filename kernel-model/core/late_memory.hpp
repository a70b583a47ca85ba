// Barriers of drivers, for machines on which a task's plain accesses to memory may happen late. On all others an access
// happens at once, and a barrier is nothing.
// Source: Linux's memory-barriers.txt: dma_wmb() orders a task's earlier stores to memory before its later ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernel-model/core/machine.hpp"

namespace xlate::kernel {

/// Implemented by machines whose accesses to memory may be late.
class LateMemory {
public:
    virtual ~LateMemory() = default;
    /// dma_wmb(), smp_wmb(): later stores of the current task are seen after its earlier ones.
    virtual void store_barrier() = 0;
    /// smp_rmb(): its earlier loads are done before the task goes on.
    virtual void load_barrier() = 0;
    /// A branch on what it has loaded: later stores are done after its earlier loads; later loads need not be.
    virtual void branch() = 0;
    /// smp_mb(): its earlier accesses are done before the task goes on.
    virtual void full_barrier() = 0;
    /// A load whose value the task does not use yet: it is done at any time before the next load or full barrier or
    /// unlock, and `then` is given the bytes. Where a value is used at once, Machine::memory_read is the load.
    virtual void load_late(PhysAddr address, std::size_t size, std::function<void(const std::uint8_t*)> then) = 0;
};

inline void dma_wmb(Machine& machine) {
    if (auto* const memory = dynamic_cast<LateMemory*>(&machine)) memory->store_barrier();
}
inline void smp_mb(Machine& machine) {
    if (auto* const memory = dynamic_cast<LateMemory*>(&machine)) memory->full_barrier();
}

}  // namespace xlate::kernel
