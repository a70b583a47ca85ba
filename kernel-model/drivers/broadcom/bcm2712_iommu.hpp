// Raspberry Pi's Linux driver of BCM2712's IOMMU, and the one of the cache that its instances share. No kernel of
// kernel.org has them; a run of any release has them as if that had been added. Function names are theirs.
// One group, one domain at a time and one table of 2 GiB to an instance: what a domain leaves mapped, the next one has.
// Source: Raspberry Pi's Linux drivers/iommu/bcm2712-iommu.c, bcm2712-iommu-cache.c (6.6 to 6.12).
// Not modelled: tables' cache maintenance.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/simple/layout_bcm2712.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

/// Linux struct bcm2712_iommu_cache. driver_data of its device.
class Bcm2712IommuCache final : public HeapObject {
public:
    explicit Bcm2712IommuCache(Kernel& the_kernel);

    PhysAddr reg_base{};
    SpinLock hw_lock;
    void bcm2712_iommu_cache_flush();
};

class Bcm2712IommuDomain;

/// Linux struct bcm2712_iommu. driver_data of its device.
class Bcm2712Iommu final : public HeapObject {
public:
    Bcm2712Iommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes);

    Device& dev;
    const Mistakes mistakes;
    const std::string prefix;  ///< "bcm2712-iommu 1000005100.iommu"
    PhysAddr reg_base{};
    Bcm2712IommuCache* cache = nullptr;
    std::uint64_t dma_iova_offset = 0;
    Ptr<IommuDevice> iommu;
    Ptr<IommuGroup> group;
    Shared<Bcm2712IommuDomain*> domain;

    /// Pages for all tables and the page of illegal accesses. 0 or -ENOMEM.
    int alloc_tables(TableMemory& memory);
    void bcm2712_iommu_init();
    /// Of pages from `first` on, numbers from the aperture's start.
    void store(std::uint64_t first, const std::vector<std::uint64_t>& words);
    std::uint32_t word(std::uint64_t page) const;
    void bcm2712_iommu_sync_range(std::uint64_t iova, std::uint64_t size);

private:
    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);

    TableMemory* memory_ = nullptr;
    std::vector<PhysAddr> tables_;  ///< of 1024 words each
    PhysAddr directory_{}, default_page_{};
    std::vector<std::vector<std::uint32_t>> words_;  ///< of each table; empty: none has been written
    std::uint64_t nmapped_pages_ = 0;
    bool dirty_ = false;
};

/// Linux struct bcm2712_iommu_domain: 2 GiB from 40 GiB up, of the instance's one table.
class Bcm2712IommuDomain final : public IommuDomain {
public:
    Bcm2712IommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core);

    int attach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova iova, std::uint64_t size) override;
    void flush_iotlb_all() override;
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;

private:
    int bcm2712_iommu_map(std::uint64_t iova, std::uint64_t pa, std::uint64_t bytes, bool write);

    IommuCore& core_;
    Bcm2712Iommu* mmu_ = nullptr;
};

/// Linux bcm2712_iommu_ops. One for all instances.
class Bcm2712IommuOps final : public IommuOps {
public:
    Bcm2712IommuOps(IommuCore& core, BusType& platform);

    int of_xlate(Device& dev, const OfPhandleArgs& args) override;
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    bool capable_deferred_flush() const override { return false; }

private:
    IommuCore& core_;
    BusType& platform_;
};

/// The platform drivers.
class Bcm2712IommuCacheDriver final : public Driver {
public:
    Bcm2712IommuCacheDriver(IommuCore& core, BusType& platform);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}

private:
    IommuCore& core_;
};
class Bcm2712IommuDriver final : public Driver {
public:
    Bcm2712IommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device&) override {}
    Bcm2712IommuOps& ops() { return ops_; }

private:
    IommuCore& core_;
    BusType& platform_;
    TableMemory& memory_;
    const Mistakes mistakes_;
    Bcm2712IommuOps ops_;
};

/// Rows of iommu_drivers().
std::unique_ptr<Driver> make_bcm2712_iommu_cache(LinuxBoot& boot, const IommuDriverParts& parts);
std::unique_ptr<Driver> make_bcm2712_iommu(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
