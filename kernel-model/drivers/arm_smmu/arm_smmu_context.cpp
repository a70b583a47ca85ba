// Context banks: which one a domain gets, and the order in which its registers are written.
// Source: docs/spec/iommu-hardware.md section 2 (attach), linux-findings.md 26, 27, 29 and NVIDIA and Marvell 18.
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_device.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace cb = iommu::smmuv2::cb;
namespace gr1 = iommu::smmuv2::gr1;
namespace cbar = iommu::smmuv2::cbar;
namespace cba2r = iommu::smmuv2::cba2r;
namespace sctlr = iommu::smmuv2::sctlr;

int ArmSmmuDevice::alloc_bank(unsigned first, unsigned last) {
    for (unsigned bank = first; bank < std::min<std::size_t>(last, context_map.size()); ++bank) {
        if (context_map[bank]) continue;
        context_map[bank] = true;
        return static_cast<int>(bank);
    }
    return -kENOSPC;
}

void ArmSmmuDevice::write_context_bank(unsigned index) {
    Frame frame{kernel(), "arm_smmu_write_context_bank"};
    const ContextBank& bank = cbs[index];
    if (bank.cfg == nullptr) {
        cb_write(index, cb::SCTLR, 0);
        return;
    }
    const ContextConfig& cfg = *bank.cfg;
    const bool stage1 = cfg.stage1();
    // MMU-401 is a version 1 with the registers that 64-bit tables need.
    const bool wide = version != Version::v1;
    if (wide) {
        std::uint64_t value = cba2r::VA64.of(cfg.format == ContextFormat::aarch64 ? 1 : 0);
        if (has(feature::kVmid16)) value |= cba2r::VMID16.of(cfg.vmid);
        gr1_write(gr1::CBA2R(index), static_cast<std::uint32_t>(value));
    }
    std::uint64_t attributes = cbar::TYPE.of(cfg.cbar);
    if (version != Version::v2) attributes |= cbar::IRPTNDX.of(cfg.irptndx);
    if (stage1) {
        // Shareability and attributes of stage 2 bypass: the weakest, so that stage 1 decides.
        attributes |= cbar::S1_BPSHCFG.of(cbar::S1_BPSHCFG_NSH) | cbar::S1_MEMATTR.of(cbar::S1_MEMATTR_WB);
    } else if (!has(feature::kVmid16)) {
        attributes |= cbar::VMID.of(cfg.vmid);
    }
    gr1_write(gr1::CBAR(index), static_cast<std::uint32_t>(attributes));
    if (stage1 && wide) cb_write(index, cb::TCR2, bank.tcr[1]);
    cb_write(index, cb::TCR, bank.tcr[0]);
    if (cfg.format == ContextFormat::aarch32_s) {
        cb_write(index, cb::CONTEXTIDR, cfg.asid);
        cb_write(index, cb::TTBR0, static_cast<std::uint32_t>(bank.ttbr[0]));
        cb_write(index, cb::TTBR1, static_cast<std::uint32_t>(bank.ttbr[1]));
    } else {
        cb_writeq(index, cb::TTBR0, bank.ttbr[0]);
        if (stage1) cb_writeq(index, cb::TTBR1, bank.ttbr[1]);
    }
    if (stage1) {
        cb_write(index, cb::MAIR0, bank.mair[0]);
        cb_write(index, cb::MAIR1, bank.mair[1]);
    }
    std::uint64_t control = 0;
    for (const Field on : {sctlr::CFIE, sctlr::CFRE, sctlr::AFE, sctlr::TRE, sctlr::M}) control |= on.mask();
    if (stage1) control |= sctlr::ASIDPNE.mask();
    impl->write_sctlr(*this, index, static_cast<std::uint32_t>(control));
}

}  // namespace xlate::kernel::arm_smmu
