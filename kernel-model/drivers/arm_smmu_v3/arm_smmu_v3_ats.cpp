// Address translation services: which masters may cache translations themselves, and how they are made to forget.
// Source: Linux drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c; docs/spec/iommu-hardware.md sections 1.7, 1.13, 13.1.
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_domain.hpp"
#include "kernel-model/pci/ats.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv3;

namespace {

constexpr unsigned kPageLog2 = 12;     // what ATC_INV counts in, whatever the granule
constexpr std::uint8_t kAllLog2 = 52;  // ATC_INV's SIZE for the whole address space

}  // namespace

smmu::CommandWords atc_inv_command(std::uint32_t sid, std::uint64_t iova, std::uint64_t size) {
    if (size == 0) return smmu::command::atc_inv(StreamId{sid}, std::nullopt, 0, kAllLog2);
    const std::uint64_t first = iova >> kPageLog2;
    const std::uint64_t last = (iova + size - 1) >> kPageLog2;
    // The highest bit in which first and last page differ: below it, all pages.
    const unsigned span = first == last ? 0 : log2_floor(first ^ last) + 1;
    return smmu::command::atc_inv(StreamId{sid}, std::nullopt, (first & ~low_mask(span)) << kPageLog2,
                                  static_cast<std::uint8_t>(span));
}

bool ArmSmmuMaster::ats_supported() const {
    if (!smmu->has(smmu_feature::kAts)) return false;
    const Ptr<DevIommu> param = dev.iommu.read("SMT1");
    const Ptr<IommuFwspec> fwspec = param ? param->fwspec.read("SMT1") : Ptr<IommuFwspec>{};
    if (!fwspec || (fwspec->flags.read("SMT1") & kFwspecPciRcAts) == 0) return false;
    const auto* pdev = dynamic_cast<const PciDevice*>(&dev);
    return pdev != nullptr && pci_ats_supported(*pdev);
}

void ArmSmmuMaster::enable_ats() {
    Frame frame{kernel(), "arm_smmu_enable_ats"};
    auto* const pdev = dynamic_cast<PciDevice*>(&dev);
    if (pdev == nullptr) return;
    atc_inv_master();
    const unsigned unit = log2_floor(smmu->pgsize_bitmap & (~smmu->pgsize_bitmap + 1));
    if (pci_enable_ats(*pdev, unit) != 0) {
        kernel().console.err(dev.prefix(), "Failed to enable ATS (STU {})", unit);
    }
}

int ArmSmmuMaster::atc_inv_master() {
    Frame frame{kernel(), "arm_smmu_atc_inv_master"};
    CommandBatch batch;
    for (const std::uint32_t sid : sids) smmu->cmdq.batch_add(batch, atc_inv_command(sid, 0, 0));
    return smmu->cmdq.batch_submit(batch);
}

int ArmSmmuDomain::atc_inv_domain(std::uint64_t iova, std::uint64_t size) {
    if (ats_masters_ == 0 || mistaken(Mistake::unmap_without_atc_inv)) return 0;
    Frame frame{kernel(), "arm_smmu_atc_inv_domain"};
    ArmSmmuCmdq& cmdq = smmu_->get_cmdq();
    CommandBatch batch;
    devices_lock_.lock("SMT2");
    for (const ArmSmmuMaster* master : masters_) {
        if (!master->ats_enabled) continue;
        for (const std::uint32_t sid : master->sids) {
            cmdq.batch_add(batch, atc_inv_command(sid, iova, size));
        }
    }
    devices_lock_.unlock("SMT3");
    return batch.commands.empty() ? 0 : cmdq.batch_submit(batch);
}

}  // namespace xlate::kernel
