// One AMD IOMMU as Linux's driver sees it: registers, command buffer, event log. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 4 ("Driver"); Linux drivers/iommu/amd/init.c and iommu.c as of 6.1.
// Not modelled: kdump, suspend, GA and PPR logs (their interrupts stay off), interrupt remapping, IOMMU erratas.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/amd/layout.hpp"
#include "kernel-model/core/lock.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/amd/ivrs.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

/// Linux struct amd_iommu. The handler is called by IrqThread, the rest by tasks.
class AmdIommu final : public IommuDevice {
public:
    AmdIommu(Kernel& the_kernel, const IvrsUnit& the_unit, PageAllocator& the_pages, const Mistakes& the_mistakes);

    const IvrsUnit unit;
    PageAllocator& pages;
    const Mistakes mistakes;
    PhysAddr regs{};
    std::uint64_t features = 0, features2 = 0;
    std::uint32_t cap = 0;  ///< header of its PCI capability
    PhysAddr dev_table{};   ///< of the segment
    std::uint32_t dev_table_bytes = 0;
    std::uint16_t last_bdf = 0;

    /// -ENOMEM: no buffers.
    int alloc_buffers();
    void early_enable_iommu();
    void iommu_init_irq();
    void iommu_flush_all_caches();

    void iommu_queue_command(const iommu::amd::EntryWords& command);
    /// A command with a store behind all that were queued, and waits for the store. 0, -EIO.
    int iommu_completion_wait();
    void iommu_flush_dte(std::uint16_t devid);
    void iommu_flush_irt(std::uint16_t devid);
    /// Linux alloc_irq_table() and modify_irte(): a table of the device's own, and its first entry for the CPU.
    bool alloc_irq_table(std::uint16_t devid, unsigned cpu);
    /// INVALIDATE_IOMMU_PAGES, tables included; `guest`: of v2 tables, requests without a PASID.
    void build_inv_iommu_pages(std::uint16_t domain, std::uint64_t first, std::uint64_t last, bool guest = false);
    void build_inv_iotlb_pages(std::uint16_t devid, std::uint64_t first, std::uint64_t last);

    std::uint64_t dte(std::uint16_t devid, unsigned word);
    void write_dte(std::uint16_t devid, const iommu::amd::DteWords& words);

    bool iommu_feature(Field bit) const { return bit.test(features); }
    /// amd_iommu_gt_ppr_supported(), formerly is_iommu_v2.
    bool has_gt_and_ppr() const { return iommu_feature(iommu::amd::feat::GT) && iommu_feature(iommu::amd::feat::PPR); }
    /// Device TLBs may be used: IotlbSup of its IVHD.
    bool has_iotlb_sup() const { return (unit.ivhd->flags & 1U << 4) != 0; }
    /// Entries that are not present may be cached.
    bool np_cache() const { return iommu::amd::capability::NP_CACHE.test(cap); }
    /// v2 tables for requests without a PASID.
    bool has_v2_tables() const { return iommu_feature(iommu::amd::feat::GT) && iommu_feature(iommu::amd::feat::GIO); }
    void iommu_enable_gt();

    /// Whose name an event is told under; nothing: the id's.
    std::function<std::string(std::uint16_t devid)> prefix_of;

private:
    std::uint64_t readq(std::uint32_t offset);
    std::uint32_t readl(std::uint32_t offset);
    void writeq(std::uint32_t offset, std::uint64_t value);
    void writel(std::uint32_t offset, std::uint32_t value);
    void iommu_feature_enable(Field bit);
    void iommu_feature_disable(Field bit);
    void iommu_disable();
    void iommu_init_flags();
    void iommu_enable_command_buffer();
    void iommu_enable_event_buffer();
    int iommu_queue_command_sync(const iommu::amd::EntryWords& command, bool sync);
    void amd_iommu_int_thread();
    void iommu_poll_events();
    void iommu_print_event(const iommu::amd::EntryWords& event);

    SpinLock lock_;
    PhysAddr cmd_buf_{}, evt_buf_{}, cmd_sem_{};
    std::uint32_t cmd_buf_head_ = 0, cmd_buf_tail_ = 0;
    std::uint64_t cmd_sem_val_ = 0;
    bool need_sync_ = false;
    std::optional<IrqThread> irq_;
};

}  // namespace xlate::kernel
