// The Linux driver of Spreadtrum's IOMMU. Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 16.7, docs/spec/linux-findings.md 34 (register logs of 6.12.107);
// docs/spec/kernel-probe.md section 5.2, row sprd. Not modelled: the clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/simple/layout_sprd.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

class SprdIommuDomain;

/// Linux struct sprd_iommu_device. Task side only.
class SprdIommu final : public HeapObject {
public:
    SprdIommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes);

    Device& dev;
    const Mistakes mistakes;
    const std::string prefix;  ///< "sprd-iommu 63000000.iommu"
    PhysAddr base{};
    iommu::sprd::Version ver = iommu::sprd::Version::ex;
    PhysAddr prot_page_pa{};  ///< where accesses land that nothing is mapped for
    Ptr<IommuDevice> iommu;
    Shared<SprdIommuDomain*> dom;

    int sprd_iommu_get_version();
    void sprd_iommu_configure(std::uint64_t table, std::uint64_t pages);
    void sprd_iommu_hw_en(bool en);
    void sprd_iommu_update();

private:
    const iommu::sprd::Registers& at() const { return iommu::sprd::registers(ver); }
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
};

/// Linux struct sprd_iommu_domain: 256 MiB from address 0 up.
class SprdIommuDomain final : public IommuDomain {
public:
    SprdIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    int attach_dev(Device& dev) override;
    void detach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override {}  // Linux has none
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

private:
    bool in_range(std::uint64_t iova, std::uint64_t size) const { return iova + size <= aperture_end + 1; }
    void store(std::uint64_t iova, const std::vector<std::uint64_t>& words);

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock pgtlock_;
    SprdIommu* sdev_ = nullptr;
    std::optional<PhysAddr> table_;
    std::vector<std::uint32_t> words_;
};

/// Linux sprd_iommu_ops. One for all instances.
class SprdIommuOps final : public IommuOps {
public:
    SprdIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device&) override {}
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    bool capable_deferred_flush() const override { return false; }

private:
    IommuCore& core_;
    BusType& platform_;
    PageAllocator& pages_;
};

/// The platform driver.
class SprdIommuDriver final : public Driver {
public:
    SprdIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;
    SprdIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    SprdIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_sprd_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
