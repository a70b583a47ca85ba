// arch_setup_dma_ops and arch_teardown_dma_ops of the architecture that the kernel was built for.
// Source: docs/spec/kernel-probe.md sections 2.1 (DD12), 2.8, 4.2 (@1), 4.4 (D-1).
#pragma once

#include <cstdint>
#include <map>

#include "kernel-model/arch/arch.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// ARM32's own mapping of one device (dma_iommu_mapping): an unmanaged domain and the window of its addresses.
class ArmMapping : public HeapObject {
public:
    explicit ArmMapping(Kernel& kernel) : HeapObject(kernel, "dma_iommu_mapping") {}
    Ptr<IommuDomain> domain;
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    void visit_pointers(PointerVisitor& visitor) const override { visitor.visit(domain.get()); }
};

/// One per kernel; knows dev->archdata. Runs on a task that holds device_lock, as a rule: open-coded callers do not.
class ArchDma : public HeapObject {
public:
    /// Hooks the teardown into the driver core if the architecture has one.
    ArchDma(Kernel& kernel, IommuCore& iommu);

    const ArchRow& row() const { return row_; }
    /// `ops`: the IOMMU driver that the parser found; asked until `cap: arch_setup_uses_group`, then dev->iommu_group.
    void arch_setup_dma_ops(Device& dev, std::uint64_t base, std::uint64_t size, const IommuOps* ops, bool coherent);
    void arch_teardown_dma_ops(Device& dev);

    // ARM32's mappings, also for client drivers that make one themselves.
    /// -ENODEV: no domain to be had.
    PtrOrErr<ArmMapping> arm_iommu_create_mapping(Device& dev, std::uint64_t base, std::uint64_t size);
    /// 0: it is the device's mapping, and its DMA goes through it.
    int arm_iommu_attach_device(Device& dev, Ptr<ArmMapping> mapping);
    /// What was the device's mapping; null: it had none.
    Ptr<ArmMapping> arm_iommu_detach_device(Device& dev);
    void arm_iommu_release_mapping(Ptr<ArmMapping> mapping, const char* step);
    /// The architecture's own mapping; for oracles. nullptr: none.
    const ArmMapping* mapping_of(const Device& dev) const;
    void visit_pointers(PointerVisitor& visitor) const override;

private:
    struct ArchData {
        Ptr<ArmMapping> mapping;
        bool dma_ops_setup = false;
    };
    bool behind_iommu(Device& dev, const IommuOps* ops) const;
    void arm_setup_iommu_dma_ops(Device& dev, std::uint64_t base, std::uint64_t size);

    Kernel& k_;
    IommuCore& iommu_;
    const ArchRow& row_;
    std::map<const Device*, ArchData> archdata_;  ///< looked up, never walked for a result
};

}  // namespace xlate::kernel
