// One Exynos SysMMU as its driver sees it: how Linux switches it on and off, blocks it, drops translations and handles
// its interrupt. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 16.2, docs/spec/linux-findings.md 32 to 34, facts 5 and 32 (register logs
// of 6.12.107); Linux drivers/iommu/exynos-iommu.c. Not modelled: clocks, beyond asking whether firmware names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "iommu/exynos/layout.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/exynos/list_head.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

class ExynosIommuDomain;

/// Linux struct sysmmu_drvdata. Task side only; exynos_sysmmu_irq is called by IrqThread.
class SysmmuDrvdata final : public HeapObject {
public:
    SysmmuDrvdata(Kernel& the_kernel, Device& the_sysmmu, RuntimePm& the_power, const Mistakes& the_mistakes);

    Device& sysmmu;
    RuntimePm& power;
    const Mistakes mistakes;
    const std::string prefix;  ///< "exynos-sysmmu 11e20000.sysmmu"
    PhysAddr sfrbase{};
    iommu::exynos::Version version;
    bool has_vcr = false;
    Ptr<IommuDevice> iommu;

    /// The device that named it last. Linux writes it under no lock.
    Shared<Device*> master;
    ListHead<SysmmuDrvdata> owner_node;  ///< of its master's controllers

    SpinLock lock;
    // Under `lock`.
    bool active = false;
    std::uint64_t pgtable = 0;            ///< PT_BASE when it is on
    ExynosIommuDomain* domain = nullptr;  ///< null: identity
    ListHead<SysmmuDrvdata> domain_node;  ///< of its domain's clients

    /// From `reg`, `interrupts`, clocks. 0 or -errno.
    int find_resources(const firmware::Node& node);
    void get_version();
    void request_irq(const firmware::Node& node);

    void do_sysmmu_enable();   ///< __sysmmu_enable
    void do_sysmmu_disable();  ///< __sysmmu_disable
    void sysmmu_tlb_invalidate_entry(std::uint32_t iova, std::uint64_t size);
    void sysmmu_tlb_invalidate_flpdcache(std::uint32_t iova);
    /// Runtime PM.
    int resume();
    void suspend();

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    const iommu::exynos::RegisterMap& variant() const { return iommu::exynos::registers_of(version, has_vcr); }
    bool sysmmu_block();
    void sysmmu_unblock();
    void do_sysmmu_tlb_invalidate();
    void do_sysmmu_tlb_invalidate_entry(std::uint32_t iova, std::uint32_t num_inv);
    void do_sysmmu_init_config();
    void do_sysmmu_set_ptbase();
    void do_sysmmu_enable_vid();
    void annotate_flushed();
    void exynos_sysmmu_irq();
    struct FaultInfo {
        const char* name = "";
        bool write = false;
        std::uint32_t address = 0;
    };
    std::optional<FaultInfo> get_fault_info(unsigned bit);

    IrqThread irq_;
};

/// Linux struct exynos_iommu_owner: dev->iommu->priv of a master.
class ExynosIommuOwner final : public HeapObject {
public:
    explicit ExynosIommuOwner(Kernel& the_kernel)
        : HeapObject(the_kernel, "exynos_iommu_owner"),
          number(*this, "owner->controllers", 0),
          rpm_lock(the_kernel, "owner->rpm_lock") {}
    ListHead<SysmmuDrvdata> controllers;
    Shared<unsigned> number;              ///< of controllers: who reads or changes the list reads or changes this
    ExynosIommuDomain* domain = nullptr;  ///< null: identity
    Mutex rpm_lock;                       ///< for runtime PM of all SysMMUs

    /// Calls `visit(SysmmuDrvdata&)` in order of their naming. Ends the task where the list has no end.
    template <typename Visit>
    void for_each_controller(const char* step, Visit visit) {
        number.read(step);
        list_for_each_entry(controllers, visit, [&] { endless(step); });
    }

private:
    [[noreturn]] void endless(const char* step);
};

/// The task stays for ever in a list that leads into another one.
[[noreturn]] void report_endless_list(Kernel& kernel, const std::string& list, const char* step);

}  // namespace xlate::kernel
