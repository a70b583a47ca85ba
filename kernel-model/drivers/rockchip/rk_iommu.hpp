// One Rockchip IOMMU as its driver sees it: its register files (one a `reg` entry, all programmed alike), and how Linux
// switches it on and off, drops translations and handles its interrupts. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 16.1, docs/spec/linux-findings.md 28 to 31 (register logs of 6.12.107,
// which override it); Linux drivers/iommu/rockchip-iommu.c. Not modelled: clocks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "iommu/simple/layout_rockchip.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

class RkIommuDomain;

/// Linux struct rk_iommu. Task side only; rk_iommu_irq is called by IrqThread.
class RkIommu final : public HeapObject {
public:
    RkIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, iommu::rockchip::Version the_version,
            const Mistakes& the_mistakes);

    Device& dev;
    RuntimePm& power;
    const iommu::rockchip::Version version;
    const Mistakes mistakes;
    const std::string prefix;     ///< "rk_iommu ff930f00.iommu"
    std::vector<PhysAddr> bases;  ///< register files
    bool reset_disabled = false;  ///< rockchip,disable-mmu-reset
    Ptr<IommuDevice> iommu;
    /// What is attached; null: identity, paging is off. Linux writes it under no lock.
    Shared<RkIommuDomain*> domain;
    bool listed = false;  ///< on a domain's list of IOMMUs

    /// From `reg` and properties. 0, or -EINVAL: no register file.
    int find_resources(const firmware::Node& node);
    void request_irqs(const firmware::Node& node);

    int rk_iommu_enable();
    void rk_iommu_disable();
    /// Runtime PM.
    int resume();
    void suspend();
    /// One ZAP a page and register file.
    void rk_iommu_zap_lines(std::uint64_t iova, std::uint64_t size);

private:
    std::uint32_t read(std::size_t file, std::uint32_t offset);
    void write(std::size_t file, std::uint32_t offset, std::uint32_t value);
    void base_command(std::size_t file, iommu::rockchip::Command command);
    void rk_iommu_command(iommu::rockchip::Command command);
    bool all_have(const Field& bit);  ///< of STATUS, each register file read once
    bool rk_iommu_is_stall_active();
    bool rk_iommu_is_paging_enabled();
    bool rk_iommu_is_reset_done();
    bool poll(const std::function<bool()>& done, std::uint64_t period_us, std::uint64_t timeout_us);
    int change(const char* what, iommu::rockchip::Command command, const std::function<bool()>& done);
    int rk_iommu_enable_stall();
    int rk_iommu_disable_stall();
    int rk_iommu_enable_paging();
    int rk_iommu_disable_paging();
    int rk_iommu_force_reset();
    void annotate_flushed();
    void rk_iommu_irq();
    void log_iova(std::size_t file, std::uint32_t iova);
    std::uint32_t read_word(std::uint64_t address);

    std::vector<IrqThread> irqs_;
};

}  // namespace xlate::kernel
