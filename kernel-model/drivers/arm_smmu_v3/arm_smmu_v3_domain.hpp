// Domains of SMMUv3: stage 1 page tables with a context descriptor, or identity; and the masters attached to them.
// Source: docs/spec/iommu-hardware.md sections 1.2 (step 9), 1.7, 1.10; kernel-probe.md 5.1.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_contexts.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_device.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"
#include "kernel-model/pgtable/table_cost.hpp"

namespace xlate::kernel {

class ArmSmmuDomain;

/// Linux struct arm_smmu_master: the driver's data of one device, dev->iommu->priv.
class ArmSmmuMaster final : public HeapObject {
public:
    ArmSmmuMaster(Kernel& the_kernel, Device& the_dev, Ptr<ArmSmmuDevice> the_smmu)
        : HeapObject(the_kernel, "arm_smmu_master"), dev(the_dev), smmu(the_smmu) {}

    Device& dev;
    const Ptr<ArmSmmuDevice> smmu;
    Ptr<ArmSmmuDomain> domain;
    std::vector<std::uint32_t> sids;  ///< as the fwspec lists them, duplicates included
    unsigned ssid_bits = 0;
    bool stall_enabled = false;
    bool ats_enabled = false;       ///< its STEs allow ATS, and its domain's unmaps reach its ATC
    bool passes_when_idle = false;  ///< without a domain its STEs bypass: firmware has memory that it goes on using

    /// The SMMU, the root complex and the function can all do it. Linux arm_smmu_ats_supported().
    bool ats_supported() const;
    /// Its streams lead to the domain: an ATC that starts empty. Linux arm_smmu_enable_ats().
    void enable_ats();
    /// The whole ATC, and waits. Linux arm_smmu_atc_inv_master().
    int atc_inv_master();

    /// The STE of every stream, each once, for the domain that is set (none: unowned).
    void install_ste();
    void detach();
};

/// Linux struct arm_smmu_domain. A DMA or unmanaged domain belongs to the SMMU of its first master.
class ArmSmmuDomain final : public IommuDomain, public TlbFlush {
public:
    ArmSmmuDomain(Kernel& the_kernel, DomainType domain_type, AsidAllocator& the_asids);

    int attach_dev(Device& dev) override;
    /// From 6.9 on a domain is finalised for the device that it is allocated for. Here only where that can be seen:
    /// before direct mappings.
    int finalise_for(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
    void tlb_sync_gather(const IotlbGather& gather) override;

    bool translates() const { return type != DomainType::identity && type != DomainType::blocked; }
    std::uint16_t asid() const { return asid_; }
    const IoPgtable* pgtable() const { return pgtable_.get(); }
    ArmSmmuCdTable* cd_table() { return cd_table_.get(); }
    Ptr<ArmSmmuDevice> smmu() const { return smmu_; }
    void remove(const ArmSmmuMaster& master);
    /// The STE that leads to this domain.
    iommu::smmuv3::SteWords ste(const ArmSmmuMaster& master) const;

private:
    int finalise(const ArmSmmuMaster& master);
    void sync_cd(std::uint32_t ssid, bool leaf);
    void change_asid(bool invalidate_cd);
    /// The ATCs of all masters that have theirs enabled, one SYNC; `size` 0: everything. Linux
    /// arm_smmu_atc_inv_domain().
    int atc_inv_domain(std::uint64_t iova, std::uint64_t size);
    bool mistaken(Mistake mistake) const { return smmu_->params.mistakes.has(mistake); }
    enum class Wait : std::uint8_t { yes, no, no_sync };
    void tlb_inv_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule, bool leaf, Wait wait = Wait::yes);

    Mutex init_mutex_;
    SpinLock devices_lock_;
    AsidAllocator& asids_;
    Ptr<ArmSmmuDevice> smmu_;
    std::vector<ArmSmmuMaster*> masters_;  ///< under devices_lock_
    unsigned ats_masters_ = 0;             ///< of those with ATS enabled: none saves the look at the list
    std::unique_ptr<IoPgtable> pgtable_;
    TableCost table_cost_;
    std::vector<std::unique_ptr<IoPgtable>> freed_tables_;
    std::unique_ptr<ArmSmmuCdTable> cd_table_;
    std::vector<std::unique_ptr<ArmSmmuCdTable>> freed_contexts_;
    std::uint16_t asid_ = 0;
    bool changed_asid_ = false;
    bool coherent_devices_ = true;           ///< of the first master: what leaves say about caching
    std::map<TaskId, IotlbGather> gathers_;  ///< unmapped by a task, not yet synced
};

/// The commands that invalidate [iova, iova + size) of one ASID, in order.
/// `tg_log2`: the domain's smallest page. Exposed for its worked vectors (iommu-hardware.md 13.1).
std::vector<iommu::smmuv3::CommandWords> tlb_range_commands(iommu::smmuv3::Opcode opcode, std::uint16_t asid,
                                                            std::uint64_t iova, std::uint64_t size,
                                                            std::uint64_t granule, unsigned tg_log2, bool leaf,
                                                            bool range_invalidation);

/// The command that makes the ATC of a stream forget [iova, iova + size): the smallest aligned power of two of pages
/// that covers it; `size` 0: everything.
iommu::smmuv3::CommandWords atc_inv_command(std::uint32_t sid, std::uint64_t iova, std::uint64_t size);

}  // namespace xlate::kernel
