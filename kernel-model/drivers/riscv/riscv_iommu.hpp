// The Linux drivers of the RISC-V IOMMU: on the platform bus ("riscv,iommu"), and on PCI, for the function that
// firmware names ("riscv,pci-iommu"; firmware/pci_iommus places its BAR). One PSCID space for all instances. Not
// modelled: the MSI-X table of the PCI form, whose vector is the one wire here, so that FCTL.WSI stays as it is.
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
    /// `pci`: where instances are too; nullptr: on the platform bus alone.
    RiscvIommuOps(IommuCore& core, BusType& platform, BusType* pci, PageAllocator& pages,
                  std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> domain_alloc_for(Device& dev, DomainType type) override;
    Ptr<IommuDomain> identity_domain() override { return make_static(identity_, DomainType::identity); }
    Ptr<IommuDomain> blocked_domain() override { return make_static(blocked_, DomainType::blocked); }

    std::uint64_t iohgatp = 0;  ///< riscv_below_guest.hpp, once made

private:
    Ptr<RiscvIommu> find(FwNode fwnode);
    Ptr<IommuDomain> make_static(Ptr<IommuDomain>& kept, DomainType type);

    IommuCore& core_;
    BusType& platform_;
    BusType* const pci_;
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
    RiscvIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                     std::shared_ptr<RiscvIommuOps> ops);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    RiscvIommuOps& ops() { return *ops_; }

private:
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    const std::shared_ptr<RiscvIommuOps> ops_;
};

/// The PCI driver.
class RiscvIommuPciDriver final : public Driver {
public:
    RiscvIommuPciDriver(IommuCore& core, BusType& pci, const IommuDriverParts& parts,
                        std::shared_ptr<RiscvIommuOps> ops);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

private:
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    const std::shared_ptr<RiscvIommuOps> ops_;
};

/// Their rows of iommu_drivers().
std::unique_ptr<Driver> make_riscv_iommu(LinuxBoot& boot, const IommuDriverParts& parts);
std::unique_ptr<Driver> make_riscv_iommu_pci(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
