// The Linux driver of Arm SMMUv1 and v2 (MMU-400, -401, -500, Cavium's, NVIDIA's, Qualcomm's, Marvell's): a platform
// driver, and the IOMMU core's driver for the masters behind.
// Source: docs/spec/kernel-probe.md section 5.1, row arm-smmu; iommu-hardware.md 2; linux-findings.md.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_domain.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {
struct IommuDriverParts;
}

namespace xlate::kernel::arm_smmu {

class ArmSmmuDriver;

/// Linux arm_smmu_ops. Shared by all instances.
class ArmSmmuOps final : public IommuOps {
public:
    ArmSmmuOps(IommuCore& core, ArmSmmuDriver& driver);

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
    PtrOrErr<ArmSmmuDevice> find_instance(Device& dev, Ptr<IommuFwspec>& fwspec);
    PtrOrErr<ArmSmmuDevice> register_legacy_master(Device& dev);
    void device_link_add(Device& dev, const ArmSmmuDevice& smmu) const;
    int check_ids(Device& dev, const ArmSmmuDevice& smmu, const std::vector<std::uint32_t>& ids);

    IommuCore& core_;
    ArmSmmuDriver& driver_;
};

/// The platform driver. One object however many SMMUs there are.
class ArmSmmuDriver final : public Driver {
public:
    using PciGroup = std::function<PtrOrErr<IommuGroup>(Device&)>;
    /// `pci_device_group`: the PCI rule of group choice (kernel-probe.md 11.2), used for devices on bus "pci".
    ArmSmmuDriver(IommuCore& core, BusType& platform, PageAllocator& pages, const ArmSmmuParams& params,
                  PciGroup pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    ArmSmmuOps& ops() { return ops_; }
    const ArmSmmuParams& params() const { return params_; }
    const PciGroup& pci_device_group() const { return pci_device_group_; }
    /// Some SMMU has the deprecated `mmu-masters`: all of them are taken to have it.
    bool using_legacy_binding() const { return using_legacy_binding_; }
    /// In order of probing. For reports and tests.
    const std::vector<Ptr<ArmSmmuDevice>>& instances() const { return instances_; }

private:
    int check_binding(const ArmSmmuDevice& smmu);
    int probe_steps(Device& dev, ArmSmmuDevice& smmu);

    IommuCore& core_;
    PageAllocator& pages_;
    const ArmSmmuParams params_;
    PciGroup pci_device_group_;
    bool using_legacy_binding_ = false;
    bool using_generic_binding_ = false;
    unsigned cavium_contexts_ = 0;
    ArmSmmuOps ops_;
    std::vector<Ptr<ArmSmmuDevice>> instances_;
};

/// What the kernel's configuration and command line say to the driver.
ArmSmmuParams arm_smmu_params(const BootConfig& boot);
/// For the list of drivers.
std::unique_ptr<Driver> make_arm_smmu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel::arm_smmu
