// The Linux driver of the RISC-V IOMMU on the platform bus: binds to "riscv,iommu". One PSCID space for all instances.
// The PCI form is not there: its registers are behind a BAR that no model has.
// Source: as riscv_iommu_hw.hpp; docs/spec/iommu-hardware.md section 11.
#pragma once

#include <functional>
#include <memory>

#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/riscv/riscv_iommu_domain.hpp"

namespace xlate::kernel {

/// Linux riscv_iommu_ops. Shared by all instances.
class RiscvIommuOps final : public IommuOps {
public:
    RiscvIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages,
                  std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> domain_alloc_for(Device& dev, DomainType type) override;
    Ptr<IommuDomain> identity_domain() override { return make_static(identity_, DomainType::identity); }
    Ptr<IommuDomain> blocked_domain() override { return make_static(blocked_, DomainType::blocked); }

private:
    Ptr<RiscvIommu> find(FwNode fwnode);
    Ptr<IommuDomain> make_static(Ptr<IommuDomain>& kept, DomainType type);

    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    PscidAllocator pscids_;
    Ptr<IommuDomain> identity_, blocked_;
};

/// The platform driver.
class RiscvIommuDriver final : public Driver {
public:
    RiscvIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                     std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    RiscvIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    RiscvIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_riscv_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
