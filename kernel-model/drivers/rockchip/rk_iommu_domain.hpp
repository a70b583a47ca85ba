// A domain of the Rockchip IOMMU: two-level tables for any number of IOMMUs, whose translations are dropped page by
// page as it changes, on those of them that are powered. Identity: no tables, paging is off. Source: as rk_iommu.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel-model/drivers/rockchip/rk_iommu.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/rockchip_format.hpp"

namespace xlate::kernel {

/// Linux struct rk_iommu_domain, or the driver's one identity domain.
class RkIommuDomain final : public IommuDomain, public TlbFlush {
public:
    RkIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                  iommu::rockchip::Version version);

    /// Paging types: the directory. 0 or -ENOMEM.
    int init();
    std::uint32_t dte_addr() const { return tables_.format().dte_addr(tables_.root()); }

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    /// Drops what it unmapped from every TLB before it returns.
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova iova) override { return tables_.iova_to_phys(iova); }
    void free() override;

    // Only an error's rollback asks, of pages that no access was told of.
    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}

private:
    int identity_attach(RkIommu& iommu);
    int rk_iommu_map(std::uint64_t iova, std::uint64_t paddr, std::uint64_t size, const PageProt& prot);
    std::uint64_t rk_iommu_unmap(std::uint64_t iova, std::uint64_t size);
    void rk_iommu_zap_iova(std::uint64_t iova, std::uint64_t size);
    void annotate_unmapped(std::uint64_t iova, std::uint64_t size);

    IommuCore& core_;
    SpinLock dt_lock_;
    SpinLock iommus_lock_;
    std::vector<RkIommu*> iommus_;  ///< under iommus_lock_, in order of attaching
    RockchipPgtable tables_;
};

/// Linux struct rk_iommudata: dev->iommu->priv of a master.
class RkIommuData final : public HeapObject {
public:
    explicit RkIommuData(Kernel& the_kernel) : HeapObject(the_kernel, "rk_iommudata") {}
    Ptr<RkIommu> iommu;
    bool linked = false;
    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(iommu.get()); }
};

}  // namespace xlate::kernel
