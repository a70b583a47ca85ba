// The Linux driver of the Rockchip IOMMU: binds to its nodes, and is the IOMMU core's driver for the masters behind.
// Source: docs/spec/kernel-probe.md section 5.2, row rockchip; docs/findings.md F17.
#pragma once

#include <memory>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/rockchip/rk_iommu_domain.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux rk_iommu_ops. One for all instances, which are of one version on every SoC.
class RkIommuOps final : public IommuOps {
public:
    RkIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

    iommu::rockchip::Version version = iommu::rockchip::Version::v1;
    /// The driver's global of that name: the first instance whose probe has come past its registration.
    Ptr<Device> dma_dev;

private:
    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class RkIommuDriver final : public Driver {
public:
    RkIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    RkIommuOps& ops() { return ops_; }
    /// In order of probing. For reports and tests.
    const std::vector<Ptr<RkIommu>>& instances() const { return instances_; }

private:
    int rk_iommu_probe(Device& dev, RkIommu& iommu, const firmware::Node& node);

    IommuCore& core_;
    RuntimePm& power_;
    const Mistakes mistakes_;
    RkIommuOps ops_;
    std::vector<Ptr<RkIommu>> instances_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_rockchip_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
