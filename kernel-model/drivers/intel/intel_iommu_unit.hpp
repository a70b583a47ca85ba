// One VT-d unit as Linux's driver sees it: registers, root and context tables, the invalidation queue, faults,
// interrupt remapping. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md sections 3.1 to 3.5 ("Linux probe"); Linux drivers/iommu/intel/dmar.c, iommu.c,
// irq_remapping.c of 6.1 to 6.12. Not modelled: kdump (tables of an earlier kernel), register-based invalidation
// (every unit here has QI), power management, hot-plug of units.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/intel/layout_queue.hpp"
#include "iommu/intel/layout_registers.hpp"
#include "iommu/intel/layout_tables.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

/// Linux struct intel_iommu. Task side only; the handler is called by IrqThread.
class IntelIommu final : public HeapObject {
public:
    IntelIommu(Kernel& the_kernel, firmware::NodeIndex the_node, PhysAddr registers, std::uint16_t the_segment,
               unsigned sequence, PageAllocator& the_pages, const Mistakes& the_mistakes);

    const firmware::NodeIndex node;
    const PhysAddr regs;
    const std::uint16_t segment;
    const unsigned seq_id;
    const std::string name;  ///< "dmar0"
    PageAllocator& pages;
    const Mistakes mistakes;
    std::uint64_t cap = 0, ecap = 0;
    unsigned levels = 0;  ///< of second-level tables; Linux's agaw, plus 2
    bool scalable = false;
    Ptr<IommuDevice> iommu;

    /// Linux alloc_iommu(): reads what there is. 0, -ENXIO, -EINVAL.
    int alloc_iommu();
    /// Queue and root table (intel_iommu_init_qi, iommu_alloc_root_entry). 0 or -ENOMEM, -EIO.
    int dmar_enable_qi();
    int iommu_alloc_root_entry();
    void iommu_set_root_entry();
    void dmar_set_interrupt();
    void iommu_enable_translation();
    void iommu_disable_translation();
    void iommu_disable_protect_mem_regions();
    /// Faults that firmware has left.
    void dmar_fault();

    /// Interrupt remapping: the table, then the switch. 0 or -ENOMEM.
    int intel_setup_irq_remapping();
    void iommu_set_irq_remapping();
    void iommu_enable_irq_remapping();
    /// Linux alloc_irte() and modify_irte(): an entry of the table for messages of `source` to the CPU. Its index;
    /// nothing: no table, or none is free.
    std::optional<std::uint32_t> alloc_irte(std::uint16_t source, unsigned cpu);

    /// Where the context entry of a device stands; its table is made if `alloc`. Nothing: none, or no memory.
    std::optional<PhysAddr> iommu_context_addr(std::uint16_t source, bool alloc);
    /// Domain ids of this unit: the lowest free one. 0: none left.
    std::uint16_t alloc_domain_id();
    void free_domain_id(std::uint16_t did);

    // Flushes: each waits until the unit has done it.
    void qi_flush_context(std::uint16_t did, std::uint16_t source, std::uint8_t mask, std::uint64_t granularity);
    void qi_flush_iotlb(std::uint16_t did, std::uint64_t address, unsigned order, bool leaf_only,
                        std::uint64_t granularity);
    void qi_flush_piotlb(std::uint16_t did, std::uint32_t pasid, std::uint64_t address, std::uint64_t pages_number,
                         bool leaf_only);
    void qi_flush_pasid_cache(std::uint16_t did, std::uint64_t granularity, std::uint32_t pasid);
    void qi_flush_dev_iotlb(std::uint16_t source, std::uint16_t qdep, std::uint64_t address, unsigned order);
    void qi_global_iec();
    void qi_flush_iec(std::uint32_t index);

    std::uint32_t read(std::uint32_t offset);
    std::uint64_t read64(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void write64(std::uint32_t offset, std::uint64_t value);
    bool has(Field capability) const { return capability.test(ecap); }
    std::string where() const { return "DMAR: " + name; }

private:
    static constexpr unsigned kQueueLength = 256;  ///< QI_LENGTH
    enum class Status : std::uint8_t { free, in_use, done, abort };

    void command(Field bit, bool on);
    int qi_submit_sync(const iommu::vtd::Descriptor& descriptor);
    int qi_check_fault(unsigned index, unsigned wait_index);
    void reclaim_free_desc();
    void put_descriptor(unsigned index, const iommu::vtd::Descriptor& descriptor);
    void dmar_fault_do_one(unsigned reason, std::uint64_t record_high, std::uint64_t record_low);

    std::uint32_t gcmd_ = 0;
    PhysAddr root_{};
    std::optional<PhysAddr> queue_;
    PhysAddr status_page_{};  ///< a word a descriptor: what wait descriptors write
    SpinLock q_lock_, register_lock_, lock_;
    std::array<Status, kQueueLength> desc_status_{};
    unsigned free_head_ = 0, free_tail_ = 0, free_cnt_ = kQueueLength;
    std::vector<bool> domain_ids_;
    std::optional<PhysAddr> ir_table_;
    std::uint32_t next_irte_ = 0;
    std::vector<IrqThread> irqs_;
    unsigned faults_told_ = 0;  ///< since faults_since_: printk_ratelimit
    SimTime faults_since_{};
};

}  // namespace xlate::kernel
