// The ops and the platform driver of OMAP's IOMMU: until 6.12 no of_xlate, so that only a walk of the bus finds its
// clients, by the phandles of their `iommus`; one group an instance; no default domain before there were identity
// domains. Source: docs/spec/kernel-probe.md section 5.1 and 6.5; docs/spec/linux-findings.md 14 to 17; c9b4a3185fcb.
#pragma once

#include <memory>

#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/omap/omap_iommu_domain.hpp"

namespace xlate::kernel {

/// Linux omap_iommu_ops. One for all instances.
class OmapIommuOps final : public IommuOps {
public:
    OmapIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    bool has_of_xlate() const override;
    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

private:
    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    Ptr<IommuDomain> identity_;
};

class OmapIommuDriver final : public Driver {
public:
    OmapIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;
    OmapIommuOps& ops() { return ops_; }

private:
    int find_resources(OmapIommu& obj, const firmware::Node& node);
    int omap_iommu_dra7_get_dsp_system_cfg(OmapIommu& obj, const firmware::Node& node);
    int register_with_core(OmapIommu& obj);

    IommuCore& core_;
    BusType& platform_;
    RuntimePm& power_;
    const Mistakes mistakes_;
    OmapIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_omap_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
