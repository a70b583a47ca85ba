#include "kernel-model/drivers/arm_smmu/arm_smmu_impl.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace gr0 = iommu::smmuv2::gr0;
namespace cb = iommu::smmuv2::cb;
namespace s2cr = iommu::smmuv2::s2cr;
namespace acr = iommu::smmuv2::acr;

namespace {

constexpr unsigned kReleaseWithMoreErrata = 608;

/// Two 32-bit accesses, high word first: what a 32-bit CPU does, and Marvell's bus asks for.
std::uint64_t read_high_low(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) {
    const std::uint64_t high = device.machine().mmio_read(device.at(page, offset + 4), 4);
    return high << 32 | device.machine().mmio_read(device.at(page, offset), 4);
}

void write_high_low(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint64_t value) {
    device.machine().mmio_write(device.at(page, offset + 4), 4, value >> 32);
    device.machine().mmio_write(device.at(page, offset), 4, value & low_mask(32));
}

class Mmu500Impl : public ArmSmmuImpl {
public:
    void reset(ArmSmmuDevice& device) override { arm_mmu500_reset(device); }
};

/// Erratum 27704: ASIDs and VMIDs of all SMMUs of the system are different ones.
class CaviumImpl final : public ArmSmmuImpl {
public:
    int cfg_probe(ArmSmmuDevice& device) override {
        id_base_ = *device.cavium_contexts;
        *device.cavium_contexts += device.num_context_banks;
        device.kernel().console.print(LogLevel::notice, device.prefix,
                                      "\tenabling workaround for Cavium erratum 27704");
        return 0;
    }
    void init_context(ArmSmmuDevice&, ContextConfig& cfg, PgtableRequest&, Device&) override {
        std::uint16_t& tag = cfg.stage1() ? cfg.asid : cfg.vmid;
        tag = static_cast<std::uint16_t>(tag + id_base_);
    }

private:
    unsigned id_base_ = 0;
};

/// The driver runs as secure software, and uses the non-secure copies of the registers that have one.
class CalxedaImpl final : public ArmSmmuImpl {
public:
    std::uint32_t read_reg(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) override {
        return ArmSmmuImpl::read_reg(device, page, page == 0 ? non_secure(offset) : offset);
    }
    void write_reg(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint32_t value) override {
        ArmSmmuImpl::write_reg(device, page, page == 0 ? non_secure(offset) : offset, value);
    }

private:
    static std::uint32_t non_secure(std::uint32_t offset) {
        for (const std::uint32_t banked :
             {gr0::sCR0, gr0::sACR, gr0::sGFSR, gr0::sGFSYNR0, gr0::sGFSYNR1, gr0::sGFSYNR2}) {
            if (offset == banked) return offset + gr0::kNonSecureAlias;
        }
        return offset;
    }
};

/// AP806, erratum 582743: no 64-bit accesses, and so no 64-bit tables.
class MarvellImpl final : public Mmu500Impl {
public:
    std::uint64_t read_reg64(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) override {
        return read_high_low(device, page, offset);
    }
    void write_reg64(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint64_t value) override {
        write_high_low(device, page, offset, value);
    }
    int cfg_probe(ArmSmmuDevice& device) override {
        device.features &= ~feature::kFmtAarch64;
        return 0;
    }
};

}  // namespace

std::uint32_t ArmSmmuImpl::read_reg(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) {
    return static_cast<std::uint32_t>(device.machine().mmio_read(device.at(page, offset), 4));
}

void ArmSmmuImpl::write_reg(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint32_t value) {
    device.machine().mmio_write(device.at(page, offset), 4, value);
}

std::uint64_t ArmSmmuImpl::read_reg64(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) {
    if (!device.params.cpu_64bit) return read_high_low(device, page, offset);
    return device.machine().mmio_read(device.at(page, offset), 8);
}

void ArmSmmuImpl::write_reg64(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset, std::uint64_t value) {
    if (!device.params.cpu_64bit) return write_high_low(device, page, offset, value);
    device.machine().mmio_write(device.at(page, offset), 8, value);
}

int ArmSmmuImpl::alloc_context_bank(ArmSmmuDevice& device, Device&, unsigned first) {
    return device.alloc_bank(first, device.num_context_banks);
}

void ArmSmmuImpl::write_s2cr(ArmSmmuDevice& device, unsigned index) {
    const S2cr& entry = device.s2crs[index];
    std::uint64_t value = s2cr::TYPE.of(entry.type) | s2cr::CBNDX.of(entry.cbndx) | s2cr::PRIVCFG.of(entry.privcfg);
    if (device.has(feature::kExids) && !device.smrs.empty() && device.smrs[index].valid) {
        value |= s2cr::EXIDVALID.mask();
    }
    device.gr0_write(gr0::S2CR(index), static_cast<std::uint32_t>(value));
}

void ArmSmmuImpl::write_sctlr(ArmSmmuDevice& device, unsigned bank, std::uint32_t value) {
    device.cb_write(bank, cb::SCTLR, value);
}

std::uint32_t ArmSmmuImpl::sync_status(ArmSmmuDevice& device, std::uint64_t page, std::uint32_t offset) {
    return read_reg(device, page, offset);
}

void arm_mmu500_reset(ArmSmmuDevice& device) {
    Frame frame{device.kernel(), "arm_mmu500_reset"};
    const std::uint64_t revision = smmu::idr7::MAJOR.get(device.gr0_read(gr0::IDR7));
    std::uint64_t control = device.gr0_read(gr0::sACR);
    // From r2p0 on a lock keeps the banks' ACTLRs as they are.
    if (revision >= 2) control = acr::CACHE_LOCK.set(control, 0);
    // Streams that match nothing may have TLB entries, for speed.
    control |= acr::SMTNMB_TLBEN.mask() | acr::S2CRB_TLBEN.mask();
    device.gr0_write(gr0::sACR, static_cast<std::uint32_t>(control));
    bool refused = false;
    for (unsigned bank = 0; bank < device.num_context_banks; ++bank) {
        const std::uint64_t value = smmu::actlr::CPRE.set(device.cb_read(bank, cb::ACTLR), 0);
        device.cb_write(bank, cb::ACTLR, static_cast<std::uint32_t>(value));
        refused = smmu::actlr::CPRE.test(device.cb_read(bank, cb::ACTLR)) || refused;
    }
    if (!refused) return;
    device.kernel().console.warn(
        device.prefix, device.kernel().variant.release >= kReleaseWithMoreErrata
                           ? "Failed to disable prefetcher for errata workarounds, check SACR.CACHE_LOCK"
                           : "Failed to disable prefetcher [errata #841119 and #826419], check ACR.CACHE_LOCK");
}

// The model's part first; what a platform built around it comes on top, or instead.
int arm_smmu_impl_init(ArmSmmuDevice& device, DriverCore& drivers) {
    Frame frame{device.kernel(), "arm_smmu_impl_init"};
    if (device.model == Model::cavium) {
        device.impl = std::make_unique<CaviumImpl>();
        return 0;
    }
    if (device.model == Model::mmu500) device.impl = std::make_unique<Mmu500Impl>();
    if (device.node.has("calxeda,smmu-secure-config-access")) device.impl = std::make_unique<CalxedaImpl>();
    for (const char* const tegra : {"nvidia,tegra234-smmu", "nvidia,tegra194-smmu", "nvidia,tegra186-smmu"}) {
        if (device.node.is_compatible(tegra)) return nvidia_smmu_impl_init(device, drivers);
    }
    if (const int err = qcom_smmu_impl_init(device, drivers); err != 0) return err;
    if (device.node.is_compatible("marvell,ap806-smmu-500")) device.impl = std::make_unique<MarvellImpl>();
    return 0;
}

}  // namespace xlate::kernel::arm_smmu
