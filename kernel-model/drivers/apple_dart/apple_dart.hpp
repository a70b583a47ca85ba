// The Linux driver of Apple's DART: binds to its nodes, and is the IOMMU core's driver for the masters behind.
// Source: docs/spec/kernel-probe.md section 5.1, row apple-dart; docs/spec/linux-findings.md ("Apple DART").
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/apple_dart/apple_dart_domain.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// Linux apple_dart_iommu_ops. One for all instances.
class AppleDartOps final : public IommuOps {
public:
    AppleDartOps(IommuCore& core, BusType& platform, PageAllocator& pages, unsigned cpu_page_log2,
                 std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    Ptr<IommuDomain> blocked_domain() override;
    std::vector<ReservedRegion> get_resv_regions(Device& dev) override;
    bool capable_deferred_flush() const override { return false; }

    /// A group of a DART's streams goes: its streams forget it. Linux apple_dart_release_group().
    void apple_dart_release_group(const IommuGroup& group);

private:
    Ptr<IommuDomain> make_static(Ptr<IommuDomain>& kept, DomainType type);

    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
    const unsigned cpu_page_log2_;
    const std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group_;
    Mutex apple_dart_groups_lock_;
    std::vector<std::pair<unsigned, DartStreamMaps>> group_streams_;  ///< by group id: its iommudata
    Ptr<IommuDomain> identity_;
    Ptr<IommuDomain> blocked_;
};

/// The platform driver.
class AppleDartDriver final : public Driver {
public:
    AppleDartDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                    std::function<PtrOrErr<IommuGroup>(Device&)> pci_device_group);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

    AppleDartOps& ops() { return ops_; }
    /// In order of probing. For reports and tests.
    const std::vector<Ptr<AppleDart>>& instances() const { return instances_; }

private:
    IommuCore& core_;
    const Mistakes mistakes_;
    const unsigned cpu_page_log2_;
    AppleDartOps ops_;
    std::vector<Ptr<AppleDart>> instances_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_apple_dart(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
