// Domains of VT-d: a page table, and in each unit that has a device of it a domain id of its own. Function names are
// Linux's. Source: Linux drivers/iommu/intel/iommu.c of 6.1 to 6.12; docs/spec/iommu-hardware.md section 3.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kernel-model/drivers/intel/intel_iommu_unit.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/table_cost.hpp"
#include "kernel-model/pgtable/vtd_format.hpp"

namespace xlate::kernel {

class DmarDomain;

/// Linux struct device_domain_info: dev->iommu->priv.
class DeviceDomainInfo final : public HeapObject {
public:
    DeviceDomainInfo(Kernel& the_kernel, Ptr<IntelIommu> the_iommu, std::vector<std::uint16_t> the_sources)
        : HeapObject(the_kernel, "device_domain_info"), iommu(the_iommu), sources(std::move(the_sources)) {}
    const Ptr<IntelIommu> iommu;
    const std::vector<std::uint16_t> sources;  ///< requester ids: its own and its aliases
    bool ats_supported = false;                ///< the unit, the function and firmware say so
    bool ats_enabled = false;
    DmarDomain* domain = nullptr;
    std::optional<PhysAddr> pasid_directory;  ///< scalable mode
    std::optional<PhysAddr> pasid_table;
};

/// Linux struct dmar_domain; identity domains too (si_domain, later a static one).
class DmarDomain final : public IommuDomain, public TlbFlush {
public:
    DmarDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    /// Of a paging domain: tables that this unit walks. 0 or -ENOMEM.
    int init(const IntelIommu& iommu, bool superpages);
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

    /// Its device leaves: contexts are cleared, the last one of a unit gives the domain id back.
    void dmar_remove_one_dev_info(Device& dev, DeviceDomainInfo& info);

private:
    /// Linux struct iommu_domain_info.
    struct InUnit {
        IntelIommu* iommu = nullptr;
        std::uint16_t did = 0;
        unsigned refcnt = 0;
        std::vector<const DeviceDomainInfo*> device_tlbs{};  ///< devices with ATS on
    };
    /// cache_tags. The lock guards a list of units that does not change here: it is there for the time that it costs.
    bool flushes_under_lock() const;
    bool paging() const { return type != DomainType::identity && type != DomainType::blocked; }
    int domain_attach_iommu(IntelIommu& iommu);
    void domain_detach_iommu(IntelIommu& iommu);
    int domain_context_mapping_one(IntelIommu& iommu, const DeviceDomainInfo& info, std::uint16_t source);
    void iommu_enable_pci_ats(Device& dev, DeviceDomainInfo& info);
    void iommu_disable_pci_ats(Device& dev, DeviceDomainInfo& info);
    void domain_context_clear_one(IntelIommu& iommu, std::uint16_t source);
    int pasid_setup(IntelIommu& iommu, DeviceDomainInfo& info, std::uint16_t source);
    void iommu_flush_iotlb_psi(IntelIommu& iommu, std::uint16_t did, std::uint64_t start, std::uint64_t pages,
                               bool leaf_only);
    static void iommu_flush_dev_iotlb(const InUnit& unit, std::uint64_t start, std::uint64_t pages);
    void flush_range(std::uint64_t start, std::uint64_t end, bool leaf_only);
    std::uint16_t did_in(const IntelIommu& iommu) const;

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock lock_;
    SpinLock cache_lock_;               ///< cache_tags: whoever flushes, and every map and unmap
    std::map<unsigned, InUnit> units_;  ///< by seq_id
    std::unique_ptr<IoPgtable> tables_;
    TableCost table_cost_;
    unsigned levels_ = 0;
    bool first_level_ = false;
    std::map<std::uint64_t, IotlbGather> gathers_;  ///< by task
};

}  // namespace xlate::kernel
