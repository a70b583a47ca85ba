// What the DMA layer keeps with a domain: its addresses, and in lazy mode its flush queue.
#pragma once

#include <memory>

#include "kernel-model/dma/dma_iommu.hpp"
#include "kernel-model/dma/flush_queue.hpp"
#include "kernel-model/dma/iova.hpp"

namespace xlate::kernel {

/// Linux struct iommu_dma_cookie. Made with its domain; the address range is set by the first device.
class DmaCookie final : public HeapObject, public IovaHooks {
public:
    DmaCookie(Kernel& the_kernel, const DmaParams& dma_params)
        : HeapObject(the_kernel, "iommu_dma_cookie"),
          params(dma_params),
          init_mutex(the_kernel, "iommu_dma_cookie->mutex"),
          tree(the_kernel, "iovad->iova_rbtree_lock") {}

    void tree_lock() override { tree.lock("IOVA1"); }
    void tree_unlock() override { tree.unlock("IOVA2"); }
    void tree_searched(std::uint64_t nodes) override { kernel().spend(params.iova_tree_node * nodes); }
    void depot_grew(unsigned size_class) override;

    const DmaParams params;
    Mutex init_mutex;
    SpinLock tree;
    std::unique_ptr<IovaDomain> iovas;
    std::unique_ptr<FlushQueue> flush_queue;
    std::shared_ptr<DmaCookie*> alive = std::make_shared<DmaCookie*>(this);
    unsigned trimming = 0;  ///< size classes whose depot work is scheduled, as bits

    void put() {
        flush_queue.reset();
        *alive = nullptr;
    }

private:
    void schedule_trim(unsigned size_class);
};

}  // namespace xlate::kernel
