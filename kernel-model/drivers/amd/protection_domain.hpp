// Domains of the AMD driver: v1 tables; v2 tables behind a GCR3 table of one entry, for requests without a PASID; or
// none at all (identity). Attach and detach rewrite device table entries, a device's own and those of its aliases.
// Function names are Linux's. Source: docs/spec/iommu-hardware.md section 4; Linux drivers/iommu/amd/iommu.c as of 6.1.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "kernel-model/drivers/amd/amd_iommu.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/amd_format.hpp"
#include "kernel-model/pgtable/table_cost.hpp"

namespace xlate::kernel {

class ProtectionDomain;

/// Linux struct iommu_dev_data. Kept when its device goes, and used again when it comes back.
class AmdDevData final : public HeapObject {
public:
    AmdDevData(Kernel& the_kernel, Device& device, AmdIommu& the_iommu, std::uint16_t id)
        : HeapObject(the_kernel, "iommu_dev_data"), dev(&device), iommu(the_iommu), devid(id) {}
    Device* dev;
    AmdIommu& iommu;
    const std::uint16_t devid;
    std::vector<std::uint16_t> aliases;  ///< ids whose entries are copies of its own
    bool ats_supported = false;    ///< AMD_IOMMU_DEVICE_FLAG_ATS_SUP; up to 6.6: of every function that is capable
    bool pasid_supported = false;  ///< AMD_IOMMU_DEVICE_FLAG_PASID_SUP; up to 6.6: iommu_v2
    bool ats_enabled = false;
    ProtectionDomain* domain = nullptr;
};

/// Domain ids of all IOMMUs; 0 belongs to none.
class DomainIds {
public:
    std::optional<std::uint16_t> alloc();
    void free(std::uint16_t id) { used_.erase(id); }

private:
    std::set<std::uint16_t> used_;
};

/// Linux struct protection_domain.
class ProtectionDomain final : public IommuDomain, public TlbFlush {
public:
    /// `v2`: its tables, if it translates.
    ProtectionDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, DomainIds& ids, PageAllocator& pages,
                     const Mistakes& mistakes, bool v2);

    /// 0, -ENOMEM.
    int init();
    int attach_dev(Device& dev) override;
    void detach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    void tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) override;
    void tlb_sync_gather(const IotlbGather& gather) override;

    /// Linux detach_device(), of this domain.
    void detach_device(AmdDevData& data);

    std::uint16_t id() const { return id_; }

private:
    bool paging() const { return type != DomainType::identity && type != DomainType::blocked; }
    void set_dte_entry(AmdDevData& data);
    void clear_dte_entry(AmdDevData& data);
    void write_dtes(AmdDevData& data, std::uint64_t word0, std::uint64_t word1);
    void device_flush_dte(AmdDevData& data);
    void claim_installed(const AmdDevData& data);
    void amd_iommu_domain_flush_pages(std::uint64_t first, std::uint64_t last);
    void domain_flush_complete();
    void flush_np_cache(std::uint64_t first, std::uint64_t last);
    int increase_address_space(std::uint64_t last);
    std::vector<AmdIommu*> iommus() const;

    IommuCore& core_;
    DomainIds& ids_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    SpinLock lock_;
    std::vector<AmdDevData*> dev_list_;
    std::uint16_t id_ = 0;
    const bool v2_;
    std::unique_ptr<IoPgtable> tables_;
    AmdV1Pgtable* v1_tables_ = nullptr;  ///< tables_, if they are such
    TableCost table_cost_;
    std::optional<PhysAddr> gcr3_;                  ///< with v2 tables
    std::map<std::uint64_t, IotlbGather> gathers_;  ///< by task
};

}  // namespace xlate::kernel
