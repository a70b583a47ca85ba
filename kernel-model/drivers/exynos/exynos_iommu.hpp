// The Linux driver of the Exynos SysMMU: binds to its nodes, and is the IOMMU core's driver for the masters behind.
// A master may have several SysMMUs, which then share one table. The shape of all tables is that of the first SysMMU
// probed. Source: docs/spec/kernel-probe.md section 5.2, row exynos; as sysmmu.hpp.
#pragma once

#include <memory>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/exynos/exynos_domain.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux exynos_iommu_ops. One for all instances.
class ExynosIommuOps final : public IommuOps {
public:
    ExynosIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;

    /// PG_ENT_SHIFT and the like: of the first SysMMU probed.
    std::optional<iommu::exynos::Words> words;

private:
    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
    std::optional<PhysAddr> zero_lv2_table_;
};

/// The platform driver.
class ExynosIommuDriver final : public Driver {
public:
    ExynosIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    ExynosIommuOps& ops() { return ops_; }

private:
    int exynos_sysmmu_probe(Device& dev, SysmmuDrvdata& data, const firmware::Node& node);

    IommuCore& core_;
    RuntimePm& power_;
    const Mistakes mistakes_;
    ExynosIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_exynos_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
