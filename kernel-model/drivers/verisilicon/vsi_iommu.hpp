// The Linux driver of Verisilicon's IOMMU, from 7.2 on. Function names are Linux's.
// Source: Linux drivers/iommu/vsi-iommu.c. Not modelled: clocks, autosuspend's delay.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/verisilicon_format.hpp"

namespace xlate::kernel {

class VsiIommuDomain;

/// Linux struct vsi_iommu. driver_data of its device.
class VsiIommu final : public HeapObject {
public:
    VsiIommu(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes);

    Device& dev;
    RuntimePm& power;
    const Mistakes mistakes;
    const std::string prefix;  ///< "vsi_iommu fdca0000.iommu"
    PhysAddr regs{};
    bool enable = false;
    Ptr<IommuDevice> iommu;
    Shared<VsiIommuDomain*> domain;
    SpinLock lock;

    void vsi_iommu_enable(const VsiIommuDomain& with);
    void vsi_iommu_disable();
    void flush();
    void request_irq(const firmware::Node& node);
    int resume();
    void suspend();

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void vsi_iommu_irq();
    IrqThread irq_;
};

/// Linux struct vsi_iommu_domain, or the driver's one identity domain.
class VsiIommuDomain final : public IommuDomain, public TlbFlush {
public:
    VsiIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    /// Paging types: the directory and the table array that names it. 0 or -ENOMEM.
    int init();
    std::uint32_t pta_dma() const { return static_cast<std::uint32_t>(pta_->value); }

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    /// Flushes before it returns.
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova iova) override { return tables_.iova_to_phys(iova); }
    std::optional<AddressSpace> address_space() const override;
    void free() override;

    // Only an error's rollback asks, of pages that no access was told of.
    void tlb_flush_walk(std::uint64_t, std::uint64_t, std::uint64_t) override {}
    void tlb_sync_gather(const IotlbGather&) override {}

private:
    int vsi_iommu_identity_attach(VsiIommu& iommu);
    void vsi_iommu_flush_tlb();

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock lock_;
    std::vector<VsiIommu*> iommus_;
    VerisiliconPgtable tables_;
    std::optional<PhysAddr> pta_;
};

/// Linux vsi_iommu_ops. One for all instances.
class VsiIommuOps final : public IommuOps {
public:
    VsiIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages);

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

/// The platform driver.
class VsiIommuDriver final : public Driver {
public:
    VsiIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}  // suppress_bind_attrs
    VsiIommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    RuntimePm& power_;
    const Mistakes mistakes_;
    VsiIommuOps ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_vsi_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
