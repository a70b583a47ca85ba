// The Linux driver of Arm SMMUv3: binds to "arm,smmu-v3", and is the IOMMU core's driver for the masters behind.
// Source: docs/spec/kernel-probe.md section 5.1, row arm-smmu-v3; iommu-hardware.md 1.2.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_device.hpp"
#include "kernel-model/drivers/arm_smmu_v3/arm_smmu_v3_domain.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux arm_smmu_ops. Shared by all instances.
class ArmSmmuOps final : public IommuOps {
public:
    /// `pci_device_group`: the PCI rule of group choice (kernel-probe.md 11.2), used for devices on bus "pci".
    ArmSmmuOps(IommuCore& core, Driver& driver, std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group,
               std::function<DomainType(Device&)> def_domain_type = {});

    bool has_of_xlate() const override;
    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    bool has_of_xlate_fwspec() const override;
    int of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;

private:
    /// A call into the code of a module that is gone is a use after free.
    void check_loaded(const char* step) const {
        if (module) module.deref(step);
    }
    Ptr<ArmSmmuDevice> get_by_fwnode(FwNode fwnode);
    int insert_master(ArmSmmuMaster& master, Ptr<IommuFwspec> fwspec);
    /// Says that `owner`, which may be the master itself, has the stream; the errno.
    int refuse_stream(const ArmSmmuMaster& master, std::uint32_t sid, const std::string& owner) const;
    void remove_master(ArmSmmuMaster& master);

    IommuCore& core_;
    Driver& driver_;
    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    std::function<DomainType(Device&)> def_domain_type_;
    AsidAllocator asids_;
};

/// The platform driver. One object however many SMMUs there are.
class ArmSmmuDriver final : public Driver {
public:
    ArmSmmuDriver(IommuCore& core, BusType& platform, PageAllocator& pages, const ArmSmmuParams& params,
                  std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    ArmSmmuOps& ops() { return ops_; }
    /// In order of probing. For reports and tests.
    const std::vector<Ptr<ArmSmmuDevice>>& instances() const { return instances_; }

private:
    int probe_steps(Device& dev, ArmSmmuDevice& smmu);
    void rmr_install_bypass_ste(const Device& dev, ArmSmmuDevice& smmu);

    IommuCore& core_;
    PageAllocator& pages_;
    const ArmSmmuParams params_;
    PlatformMsi msi_;
    ArmSmmuOps ops_;
    std::vector<Ptr<ArmSmmuDevice>> instances_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_arm_smmu_v3(LinuxBoot& boot, const IommuDriverParts& parts);
/// For BootConfig::drivers, with parameters of its own. `pages` outlives the boot.
DriverSource arm_smmu_v3_driver(PageAllocator& pages, ArmSmmuParams params = {});

}  // namespace xlate::kernel
