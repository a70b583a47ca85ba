// Linux struct omap_iommu_domain, or the driver's one identity domain (6.7 and later). One client at a time; a table
// for each of its MMUs, which map alike.
// Source: docs/spec/iommu-hardware.md section 6; docs/spec/linux-findings.md 17; docs/spec/kernel-probe.md 5.1, row
// omap.
#pragma once

#include <memory>
#include <vector>

#include "kernel-model/drivers/omap/omap_iommu.hpp"

namespace xlate::kernel {

/// Linux struct omap_iommu_arch_data[]: a device's instances, in firmware's order.
class OmapArchData final : public HeapObject {
public:
    explicit OmapArchData(Kernel& the_kernel) : HeapObject(the_kernel, "omap_iommu_arch_data") {}
    std::vector<Ptr<OmapIommu>> iommu_dev;
};

class OmapIommuDomain final : public IommuDomain {
public:
    OmapIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    int attach_dev(Device& dev) override;
    void detach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}  // every unmap has flushed
    void flush_iotlb_all() override {}                // Linux has none
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    void free() override;

    bool attached() const { return dev_ != nullptr; }

private:
    struct Part {
        std::unique_ptr<Iopgtable> pgtable;
        OmapIommu* iommu_dev = nullptr;
    };
    int omap_iommu_attach_init(const OmapArchData& data);
    void detach(Device& dev);
    int omap_iommu_map(std::uint32_t da, std::uint32_t pa, std::uint64_t bytes);
    std::uint64_t omap_iommu_unmap(std::uint32_t da);
    void annotate_unmapped(std::uint64_t iova, std::uint64_t size);

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock lock_;
    Device* dev_ = nullptr;
    std::vector<Part> iommus_;
};

}  // namespace xlate::kernel
