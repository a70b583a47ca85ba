// A domain of the Exynos SysMMU: two-level tables for the SysMMUs of one or more masters, whose translations are
// dropped entry by entry as it changes, on those of them that are on. Identity: no tables, the SysMMUs are off. Source:
// as sysmmu.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel-model/drivers/exynos/sysmmu.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/exynos_format.hpp"

namespace xlate::kernel {

/// dev->iommu->priv, for runtime PM's callbacks.
Ptr<ExynosIommuOwner> owner_of(Device& dev, const char* step);

/// Linux struct exynos_iommu_domain, or the driver's one identity domain.
class ExynosIommuDomain final : public IommuDomain, public TlbFlush {
public:
    /// `zero_table`: what unused words of the first level link to.
    ExynosIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory,
                      iommu::exynos::Words words, std::uint64_t zero_table);

    /// Paging types: the first level. 0 or -ENOMEM.
    int init();

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    /// Drops what it unmapped from every SysMMU that is on before it returns.
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    void free() override;

    static int identity_attach(IommuCore& core, ExynosIommuOwner& owner);

    // A second-level table gives way to a section without a word to the SysMMUs; so it does in Linux.
    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}
    void table_linked(std::uint64_t iova) override;

private:
    int exynos_iommu_map(std::uint64_t iova, std::uint64_t paddr, std::uint64_t size, const PageProt& prot);
    /// `drop`: from the caches too, as it must be.
    std::uint64_t exynos_iommu_unmap(std::uint64_t iova, std::uint64_t size, bool drop);
    void exynos_iommu_tlb_invalidate_entry(std::uint32_t iova, std::uint64_t size);
    void annotate_unmapped(std::uint64_t iova, std::uint64_t size);
    template <typename Visit>
    void for_each_client(const char* step, Visit visit) {
        list_for_each_entry(clients_, visit, [&] { report_endless_list(kernel(), "domain->clients", step); });
    }

    IommuCore& core_;
    SpinLock lock_;  ///< domain->lock: clients_
    SpinLock pgtablelock_;
    ListHead<SysmmuDrvdata> clients_;
    Mistakes mistakes_;
    const std::uint64_t output_mask_;
    ExynosPgtable tables_;
};

}  // namespace xlate::kernel
