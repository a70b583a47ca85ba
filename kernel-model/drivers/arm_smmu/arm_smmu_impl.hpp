// What differs between implementations of Arm SMMUv1 and SMMUv2, as far as Linux's driver knows them. The base class is
// what the driver does without one.
// Source: Linux drivers/iommu/arm/arm-smmu/arm-smmu-impl.c, arm-smmu-qcom.c, arm-smmu-nvidia.c;
// docs/spec/linux-findings.md, Qualcomm SMMU-500 and NVIDIA and Marvell SMMU-500.
#pragma once

#include <cstdint>
#include <memory>

#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"

namespace xlate::kernel {
class DriverCore;
}

namespace xlate::kernel::arm_smmu {

/// What a context's tables are asked to be; a hook may change it.
struct PgtableRequest {
    std::uint64_t pgsize_bitmap = 0;
    unsigned ias = 0;
    unsigned oas = 0;
};

class ArmSmmuImpl {
public:
    virtual ~ArmSmmuImpl() = default;

    virtual std::uint32_t read_reg(ArmSmmuDevice& smmu, std::uint64_t page, std::uint32_t offset);
    virtual void write_reg(ArmSmmuDevice& smmu, std::uint64_t page, std::uint32_t offset, std::uint32_t value);
    virtual std::uint64_t read_reg64(ArmSmmuDevice& smmu, std::uint64_t page, std::uint32_t offset);
    virtual void write_reg64(ArmSmmuDevice& smmu, std::uint64_t page, std::uint32_t offset, std::uint64_t value);

    /// At the end of what the ID registers say. 0 or -errno.
    virtual int cfg_probe(ArmSmmuDevice&) { return 0; }
    /// Before translation is switched on.
    virtual void reset(ArmSmmuDevice&) {}
    virtual void init_context(ArmSmmuDevice&, ContextConfig&, PgtableRequest&, Device&) {}
    virtual int alloc_context_bank(ArmSmmuDevice& smmu, Device& dev, unsigned first);
    virtual void write_s2cr(ArmSmmuDevice& smmu, unsigned index);
    virtual void write_sctlr(ArmSmmuDevice& smmu, unsigned bank, std::uint32_t value);
    /// What is written to TLBSYNC: Qualcomm's hardware wants all ones, and takes them everywhere.
    virtual std::uint32_t sync_operand() const { return 0xFFFFFFFF; }
    /// TLBSTATUS of all register files.
    virtual std::uint32_t sync_status(ArmSmmuDevice& smmu, std::uint64_t page, std::uint32_t offset);
    /// `none`: no wish.
    virtual DomainType def_domain_type(ArmSmmuDevice&, Device&) { return DomainType::none; }
    /// Each register file has its own fault registers.
    virtual unsigned fault_files(const ArmSmmuDevice&) const { return 1; }
};

/// Linux arm_smmu_impl_init(): chooses by the node's compatibles. 0, -EPROBE_DEFER (what it needs is not bound yet),
/// -ENOENT, -ENODEV.
int arm_smmu_impl_init(ArmSmmuDevice& smmu, DriverCore& drivers);

/// MMU-500: sACR and ACTLR, against errata of its prefetcher.
void arm_mmu500_reset(ArmSmmuDevice& smmu);

/// Sets `impl` if the node is one of Qualcomm's that needs one. 0 or -EPROBE_DEFER (its firmware driver is not bound).
int qcom_smmu_impl_init(ArmSmmuDevice& smmu, DriverCore& drivers);
/// 0, -ENOENT (no nvidia,memory-controller), -ENODEV, -EPROBE_DEFER.
int nvidia_smmu_impl_init(ArmSmmuDevice& smmu, DriverCore& drivers);

}  // namespace xlate::kernel::arm_smmu
