// The Linux driver of Allwinner's IOMMU (H6, H616). Function names are Linux's.
// Source: docs/spec/iommu-hardware.md section 16.6, docs/spec/linux-findings.md 30, 34 and 38 (register logs
// of 6.12.107); docs/spec/kernel-probe.md section 5.1, row sun50i. Not modelled: clocks; the reset line is asked for,
// not switched.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/sun50i_format.hpp"

namespace xlate::kernel {

class Sun50iDomain;

/// Linux struct sun50i_iommu. Task side only; sun50i_iommu_irq is called by IrqThread.
class Sun50iIommu final : public HeapObject {
public:
    Sun50iIommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes);

    Device& dev;
    const Mistakes mistakes;
    const std::string prefix;  ///< "sun50i-iommu 30f0000.iommu"
    PhysAddr regs{};
    Ptr<IommuDevice> iommu;
    Shared<Sun50iDomain*> domain;  ///< what is attached; null: identity, off

    void request_irq(const firmware::Node& node);
    int sun50i_iommu_enable(std::uint64_t root);
    void sun50i_iommu_disable();
    void sun50i_iommu_zap_range(std::uint64_t iova, std::uint64_t size);
    void flush_all_tlb_locked();

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    int wait_clear(std::uint32_t offset);
    int sun50i_iommu_flush_all_tlb();
    void sun50i_iommu_zap_iova(std::uint64_t iova);
    void sun50i_iommu_zap_ptw_cache(std::uint64_t iova);
    void sun50i_iommu_irq();
    void report_fault(unsigned master, std::uint64_t iova, bool write);

    SpinLock iommu_lock_;
    IrqThread irq_;
};

/// Linux struct sun50i_iommu_domain, or the driver's one identity domain.
class Sun50iDomain final : public IommuDomain, public TlbFlush {
public:
    Sun50iDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    int init();
    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override { return tables_.iova_to_phys(iova); }
    std::optional<AddressSpace> address_space() const override;
    void free() override { tables_.free_tables(); }

    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}

private:
    friend class Sun50iIommu;
    void detach(Sun50iIommu& iommu);

    IommuCore& core_;
    Sun50iIommu* iommu_ = nullptr;  ///< that it is attached to
    Sun50iPgtable tables_;
};

/// Linux sun50i_iommu_ops. One for all instances.
class Sun50iIommuOps final : public IommuOps {
public:
    Sun50iIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device&) override {}
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

/// The platform driver.
class Sun50iIommuDriver final : public Driver {
public:
    Sun50iIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}

    Sun50iIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    const Mistakes mistakes_;
    Sun50iIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_sun50i_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
