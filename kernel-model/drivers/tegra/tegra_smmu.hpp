// The SMMU of a Tegra memory controller, as Linux's tegra-smmu drives it: one instance. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 7; docs/spec/linux-findings.md 18 to 23 and 39 to 41 (register logs of
// 6.12.107); docs/spec/kernel-probe.md section 5.1, row tegra-smmu.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "iommu/tegra/layout_soc.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/mistakes.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

class TegraSmmuAs;

/// Linux struct tegra_smmu_group: of a swgroup, or of those that the SoC puts together.
struct TegraSmmuGroup {
    unsigned id = 0;  ///< IommuGroup::id
    std::uint32_t swgroup = 0;
    const iommu::tegra::GroupSoc* soc = nullptr;
    Ptr<IommuGroup> group;
};

/// Linux struct tegra_smmu. Task side only.
class TegraSmmu final : public HeapObject {
public:
    TegraSmmu(Kernel& the_kernel, Device& the_dev, const iommu::tegra::Soc& the_soc, PhysAddr the_regs,
              const Mistakes& the_mistakes);

    Device& dev;
    const iommu::tegra::Soc& soc;
    const PhysAddr regs;
    const Mistakes mistakes;
    Ptr<IommuDevice> iommu;
    Mutex lock;                          ///< Linux smmu->lock: ASIDs and groups
    std::vector<TegraSmmuGroup> groups;  ///< under lock, in order of making

    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);

    /// Caches on, everything dropped, translation on.
    void hw_init();
    void smmu_flush_ptc(PhysAddr table, std::uint32_t offset);
    void smmu_flush_tlb_asid(unsigned asid);
    void smmu_flush_tlb_section(unsigned asid, std::uint64_t iova);
    void smmu_flush_tlb_group(unsigned asid, std::uint64_t iova);
    /// Orders what was written before: reads PTB_ASID.
    void smmu_flush();

    /// 0 or -ENOSPC: the lowest that is free.
    int tegra_smmu_alloc_asid(unsigned& id);
    void tegra_smmu_free_asid(unsigned id) { asids_[id] = false; }
    /// The swgroup's ASID register, then the enables of its clients.
    void tegra_smmu_enable(std::uint32_t swgroup, unsigned asid);
    void tegra_smmu_disable(std::uint32_t swgroup, unsigned asid);
    const iommu::tegra::GroupSoc* tegra_smmu_find_group(std::uint32_t swgroup) const;

    void visit_pointers(PointerVisitor& visitor) const override;

private:
    void write_client_enables(std::uint32_t swgroup, bool on);

    std::vector<bool> asids_;
};

}  // namespace xlate::kernel
