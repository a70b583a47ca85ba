// Barriers of drivers, for machines on which a task's plain stores to memory may be seen late. On all others a store is
// seen at once, and a barrier is nothing.
// Source: Linux's memory-barriers.txt: dma_wmb() orders a task's earlier stores to memory before its later ones.
#pragma once

#include "kernel-model/core/machine.hpp"

namespace xlate::kernel {

/// Implemented by machines whose stores may be late.
class StoreOrder {
public:
    virtual ~StoreOrder() = default;
    /// Later stores of the current task are seen after its earlier ones.
    virtual void store_barrier() = 0;
    /// smp_mb(): its earlier stores are seen before the task goes on.
    virtual void full_barrier() = 0;
};

inline void dma_wmb(Machine& machine) {
    if (auto* const order = dynamic_cast<StoreOrder*>(&machine)) order->store_barrier();
}
inline void smp_mb(Machine& machine) {
    if (auto* const order = dynamic_cast<StoreOrder*>(&machine)) order->full_barrier();
}

}  // namespace xlate::kernel
