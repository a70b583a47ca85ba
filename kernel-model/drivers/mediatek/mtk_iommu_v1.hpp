// The Linux driver of MediaTek's first M4U (mt2701, mt7623), for 32-bit Arm alone: one table for all masters, reached
// through a mapping of the architecture that the driver makes itself; no of_xlate: it reads `iommus` in probe_device.
// Function names are Linux's. Not modelled: clocks beyond their names; suspend.
// Source: docs/spec/kernel-probe.md section 5.2, row mediatek v1; Linux drivers/iommu/mtk_iommu_v1.c, 6.1 to 6.12.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "iommu/mediatek/layout_v1.hpp"
#include "kernel-model/arch/arch_dma.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/driver-core/runtime_pm.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/drivers/irq_thread.hpp"
#include "kernel-model/drivers/mediatek/mtk_smi.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pgtable/table_memory.hpp"

namespace xlate::kernel {

class MtkIommuV1Domain;

/// Linux struct mtk_iommu_v1_data. driver_data of its device.
class MtkIommuV1 final : public HeapObject {
public:
    MtkIommuV1(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes);

    Device& dev;
    RuntimePm& power;
    const Mistakes mistakes;
    const std::string prefix;  ///< "mtk-iommu-v1 10205000.iommu"
    PhysAddr base{};
    std::uint64_t protect_base = 0;
    MtkIommuV1Domain* m4u_dom = nullptr;
    Ptr<IommuDevice> iommu;
    Ptr<ArmMapping> mapping;  ///< of all masters
    std::array<MtkLarbIommu, 32> larb_imu{};

    std::uint32_t read(std::uint32_t offset);
    void write(std::uint32_t offset, std::uint32_t value);
    void mtk_iommu_v1_tlb_flush_all();
    void mtk_iommu_v1_tlb_flush_range(std::uint64_t iova, std::uint64_t size);
    /// 0, or why its interrupt is not to be had.
    int mtk_iommu_v1_hw_init(const firmware::Node& node);
    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(mapping.get()); }

private:
    void mtk_iommu_v1_isr();
    IrqThread irq_;
};

/// Linux struct mtk_iommu_v1_domain, or the driver's one identity domain.
class MtkIommuV1Domain final : public IommuDomain {
public:
    MtkIommuV1Domain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory);

    int attach_dev(Device& dev) override;
    void detach_dev(Device& dev) override;
    int map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) override;
    std::uint64_t unmap(Iova iova, std::uint64_t size) override;
    void iotlb_sync(Iova, std::uint64_t) override {}  // Linux flushes in unmap
    void flush_iotlb_all() override {}
    std::optional<PhysAddr> iova_to_phys(Iova iova) override;
    std::optional<AddressSpace> address_space() const override;
    void free() override;

private:
    void mtk_iommu_v1_config(MtkIommuV1& data, Device& dev, bool enable);
    void store(std::uint64_t iova, const std::vector<std::uint64_t>& words);

    IommuCore& core_;
    TableMemory& memory_;
    SpinLock pgtlock_;
    MtkIommuV1* data_ = nullptr;
    std::optional<PhysAddr> table_;
    std::vector<std::uint32_t> words_;
};

/// Linux mtk_iommu_v1_ops. One for all instances.
class MtkIommuV1Ops final : public IommuOps {
public:
    using Arch = std::function<ArchDma&()>;
    MtkIommuV1Ops(IommuCore& core, BusType& platform, RuntimePm& power, PageAllocator& pages, Arch arch);

    bool has_of_xlate() const override { return false; }
    int of_xlate(Device&, const OfPhandleArgs&) override { return -kENODEV; }
    PtrOrErr<IommuDevice> probe_device(Device& dev) override;
    void probe_finalize(Device& dev) override;
    void release_device(Device& dev) override;
    PtrOrErr<IommuGroup> device_group(Device& dev) override;
    DomainType def_domain_type(Device& dev) override;
    Ptr<IommuDomain> domain_alloc(DomainType type) override;
    Ptr<IommuDomain> identity_domain() override;
    bool capable_deferred_flush() const override { return false; }

private:
    int mtk_iommu_v1_create_mapping(Device& dev, const firmware::IommuEntry& entry);

    IommuCore& core_;
    BusType& platform_;
    RuntimePm& power_;
    PageAllocator& pages_;
    const Arch arch_;
    Ptr<IommuDomain> identity_;
};

/// The platform driver.
class MtkIommuV1Driver : public Driver {
public:
    MtkIommuV1Driver(IommuCore& core, BusType& platform, const IommuDriverParts& parts, MtkIommuV1Ops::Arch arch);

    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;
    MtkIommuV1Ops& ops() { return ops_; }

private:
    int find_larbs(MtkIommuV1& data, const firmware::Node& node);
    void mtk_iommu_v1_bind(MtkIommuV1& data);

    IommuCore& core_;
    RuntimePm& power_;
    PageAllocator& pages_;
    const Mistakes mistakes_;
    MtkIommuV1Ops ops_;
};

/// Its row of iommu_drivers().
std::unique_ptr<Driver> make_mtk_iommu_v1(LinuxBoot& boot, const IommuDriverParts& parts);

}  // namespace xlate::kernel
