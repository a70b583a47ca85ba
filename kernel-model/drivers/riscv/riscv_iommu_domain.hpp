// Domains of the RISC-V IOMMU: first-stage tables with a PSCID that is the kernel's, not an instance's; the identity
// and the blocking domain. A domain may have devices behind several IOMMUs. Source: as riscv_iommu_hw.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "kernel-model/drivers/riscv/riscv_iommu_hw.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/riscv_format.hpp"

namespace xlate::kernel {

class RiscvDomain;

/// Linux riscv_iommu_pscids: numbers from 1 on, the lowest free one.
class PscidAllocator {
public:
    std::optional<std::uint32_t> alloc();
    void free(std::uint32_t pscid) { used_.erase(pscid); }

private:
    std::set<std::uint32_t> used_;
};

/// Linux struct riscv_iommu_info: dev->iommu->priv.
class RiscvIommuInfo final : public HeapObject {
public:
    RiscvIommuInfo(Kernel& the_kernel, Ptr<RiscvIommu> the_iommu)
        : HeapObject(the_kernel, "riscv_iommu_info"), iommu(the_iommu) {}
    const Ptr<RiscvIommu> iommu;
    RiscvDomain* domain = nullptr;  ///< paging; null: identity, blocked or nothing
};

/// Linux struct riscv_iommu_domain, or one of the driver's two static domains.
class RiscvDomain final : public IommuDomain, public TlbFlush {
public:
    RiscvDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, PscidAllocator& pscids,
                TableMemory& memory);

    /// Of a paging domain: the tables that this IOMMU walks best. 0, -ENODEV, -ENOMEM.
    int init(const RiscvIommu& iommu);
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

    /// The contexts of `dev` are another domain's now.
    void riscv_iommu_bond_unlink(const Device& dev);

private:
    /// Linux struct riscv_iommu_bond.
    struct Bond {
        const Device* dev;
        RiscvIommu* iommu;
    };
    bool paging() const { return type != DomainType::identity && type != DomainType::blocked; }
    void riscv_iommu_iodir_update(Device& dev, RiscvIommu& iommu, std::uint64_t fsc, std::uint64_t ta);
    void riscv_iommu_iotlb_inval(std::uint64_t start, std::uint64_t end);

    IommuCore& core_;
    PscidAllocator& pscids_;
    TableMemory& memory_;
    SpinLock lock_;
    std::vector<Bond> bonds_;  ///< those of one IOMMU beside each other
    iommu::riscv_table::Mode mode_ = iommu::riscv_table::Mode::bare;
    std::uint32_t pscid_ = 0;
    std::unique_ptr<RiscvPgtable> tables_;
    std::map<std::uint64_t, IotlbGather> gathers_;  ///< by task
};

}  // namespace xlate::kernel
