// The Linux driver of Renesas' IPMMU (R-Car Gen2 to Gen4, RZ/G2): binds to its nodes, a root before its caches, and is
// the IOMMU core's driver for the masters behind. Function names are Linux's.
// Source: docs/spec/kernel-probe.md section 5.2, row ipmmu-vmsa; docs/spec/linux-findings.md 35 and 36.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/ipmmu/ipmmu_soc.hpp"
#include "kernel-model/drivers/ipmmu/ipmmu_vmsa_domain.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux ipmmu_ops. One for all instances.
class IpmmuVmsaOps final : public IommuOps {
public:
    IpmmuVmsaOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

private:
    int ipmmu_init_platform_device(Device& dev, const OfPhandleArgs& args);

    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    const IpmmuSoc soc_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class IpmmuVmsaDriver final : public Driver {
public:
    IpmmuVmsaDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    IpmmuVmsaOps& ops() { return ops_; }

private:
    Ptr<IpmmuVmsaDevice> ipmmu_find_root() const;
    int ipmmu_register(Device& dev, IpmmuVmsaDevice& mmu);

    IommuCore& core_;
    const Mistakes mistakes_;
    IpmmuVmsaOps ops_;
    std::vector<Ptr<IpmmuVmsaDevice>> instances_;  ///< bound ones, in order of probing
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_ipmmu_vmsa(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
