// One IOMMU of OMAP (OMAP2 to DRA7) as its Linux driver drives it. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 6, docs/spec/linux-findings.md 14 to 17.
// Not modelled: clocks, resets, the debugfs files, prefetching of TLB entries (a build option).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iommu/omap/layout.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/drivers/omap/iopgtable.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

class OmapIommuDomain;

/// Linux struct omap_iommu. Task side only; iommu_fault_handler is called by IrqThread.
class OmapIommu final : public HeapObject {
public:
    OmapIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes);

    Device& dev;
    RuntimePm& power;
    const Mistakes mistakes;
    const std::string prefix;  ///< "omap-iommu 55082000.mmu"
    PhysAddr regbase{};
    unsigned nr_tlb_entries = 32;
    bool has_bus_err_back = false;
    std::optional<PhysAddr> syscfg;  ///< DRA7's DSPs: their system module
    unsigned id = 0;                 ///< which MMU of the DSP
    Ptr<IommuDevice> iommu;          ///< null: not registered with the core
    Shared<OmapIommuDomain*> domain;
    SpinLock iommu_lock;
    SpinLock page_table_lock;

    void request_irq(const firmware::Node& node);
    int omap_iommu_attach(Iopgtable& tables);
    void omap_iommu_detach();
    /// Linux omap_iopgtable_store_entry() and iopgtable_clear_entry().
    int omap_iopgtable_store_entry(std::uint32_t da, std::uint32_t pa, std::uint64_t pgsize);
    std::uint64_t iopgtable_clear_entry(std::uint32_t da);
    void iopgtable_clear_entry_all();

    int runtime_resume();
    void runtime_suspend();

    const Iopgtable* iopgd() const { return iopgd_; }

private:
    struct CrRegs {
        std::uint32_t cam = 0;
        std::uint32_t ram = 0;
    };
    std::uint32_t iommu_read_reg(std::uint32_t offset);
    void iommu_write_reg(std::uint32_t value, std::uint32_t offset);
    void dra7_cfg_dspsys_mmu(bool enable);
    void iommu_set_twl();
    int omap2_iommu_enable();
    void omap2_iommu_disable();
    void iotlb_lock_set(unsigned base, unsigned vict);
    CrRegs iotlb_read_cr(unsigned at);
    void iotlb_load_cr(const CrRegs& cr);
    void flush_iotlb_page(std::uint32_t da);
    void flush_iotlb_all();
    void save_tlb_entries();
    void restore_tlb_entries();
    void iommu_fault_handler();

    Iopgtable* iopgd_ = nullptr;
    std::vector<CrRegs> cr_ctx_;  ///< locked entries over a suspend
    IrqThread irq_;
};

}  // namespace xlate::kernel
