// Domains of Arm SMMUv1 and v2: a context bank with its page tables, or identity; and the devices attached to them.
// Source: docs/spec/iommu-hardware.md section 2 (attach, map), kernel-probe.md 5.1; linux-findings.md 24 to 30b.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel::arm_smmu {

/// Linux struct arm_smmu_master_cfg: the driver's data of one device, dev->iommu->priv.
class ArmSmmuMasterCfg final : public HeapObject {
public:
    static constexpr int kInvalidEntry = -1;
    ArmSmmuMasterCfg(Kernel& the_kernel, Ptr<ArmSmmuDevice> the_smmu)
        : HeapObject(the_kernel, "arm_smmu_master_cfg"), smmu(the_smmu) {}

    const Ptr<ArmSmmuDevice> smmu;
    std::vector<int> smendx;  ///< stream map entry of each id of the fwspec

    /// Linux arm_smmu_master_alloc_smes(). 0, -EINVAL (overlap), -ENOSPC; what was taken is given back.
    int alloc_smes(const std::vector<std::uint32_t>& ids);
    void free_smes();
    /// Linux arm_smmu_master_install_s2crs(): writes those that change.
    void install_s2crs(std::uint64_t type, unsigned cbndx);
};

/// Linux struct arm_smmu_domain. A domain that translates belongs to the SMMU of its first device.
class ArmSmmuDomain final : public IommuDomain, public TlbFlush {
public:
    enum class Stage : std::uint8_t { s1, s2, bypass };

    ArmSmmuDomain(Kernel& the_kernel, DomainType domain_type);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
    void tlb_sync_gather(const IotlbGather& gather) override;

    Stage stage() const { return stage_; }
    const ContextConfig& cfg() const { return cfg_; }
    const IoPgtable* pgtable() const { return pgtable_.get(); }
    Ptr<ArmSmmuDevice> smmu() const { return smmu_; }

private:
    /// Linux arm_smmu_init_domain_context(). 0, -EINVAL (no usable format), -ENOSPC (no bank), -ENOMEM.
    int init_domain_context(Ptr<ArmSmmuDevice> smmu, Device& dev);
    int choose_format(const ArmSmmuDevice& smmu, PgtableRequest& request);
    int make_pgtable(ArmSmmuDevice& smmu, const PgtableRequest& request, ContextBank& bank);
    void destroy_domain_context();
    /// TLBIs of [start, end] with pages of `pgsize`, without waiting.
    void add_pages(const IotlbGather& gather);
    void tlb_inv_range(std::uint32_t offset, std::uint64_t iova, std::uint64_t size, std::uint64_t granule);
    void tlb_inv_context();
    void tlb_sync_context();
    std::optional<PhysAddr> iova_to_phys_hard(Iova iova);
    bool mistaken(Mistake mistake) const { return smmu_->params.mistakes.has(mistake); }

    Mutex init_mutex_;
    SpinLock cb_lock_;
    Stage stage_ = Stage::s1;
    Ptr<ArmSmmuDevice> smmu_;
    ContextConfig cfg_;
    std::unique_ptr<IoPgtable> pgtable_;
    std::vector<std::unique_ptr<IoPgtable>> freed_tables_;
    Ptr<Device> first_device_;    ///< its coherency is what leaves say about caching
    std::set<TaskId> unmapping_;  ///< tasks inside unmap(): what they gather is invalidated, and not yet synced
};

}  // namespace xlate::kernel::arm_smmu
