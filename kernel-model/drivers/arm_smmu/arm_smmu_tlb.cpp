// Invalidation: TLBIs by stage, written as entries go, and the SYNC that waits for them.
// Source: docs/spec/iommu-hardware.md section 2 (map), linux-findings.md SMMUv2 in general 19, NVIDIA 15.
#include "base/bits.hpp"
#include "kernel-model/drivers/arm_smmu/arm_smmu_domain.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace cb = iommu::smmuv2::cb;
namespace gr0 = iommu::smmuv2::gr0;
namespace tlbiva = iommu::smmuv2::tlbiva;

namespace {

constexpr unsigned kIpaShift = 12;  // TLBI operands count 4 KiB
constexpr unsigned kSpins = 10;
constexpr unsigned kFirstDelayUs = 1, kTimeoutUs = 1'000'000;

}  // namespace

void ArmSmmuDevice::tlb_sync(std::uint64_t page, std::uint32_t sync, std::uint32_t status) {
    Frame frame{kernel(), "__arm_smmu_tlb_sync"};
    impl->write_reg(*this, page, sync, impl->sync_operand());
    // Ten looks, then a pause that doubles until it would reach a second.
    for (unsigned delay = kFirstDelayUs; delay < kTimeoutUs; delay *= 2) {
        for (unsigned spin = 0; spin < kSpins; ++spin) {
            if (!smmu::tlbstatus::GSACTIVE.test(impl->sync_status(*this, page, status))) return;
        }
        machine().pass(us(delay));
    }
    ++stats.sync_timeouts;
    kernel().console.err(prefix, "TLB sync timed out -- SMMU may be deadlocked");
}

void ArmSmmuDevice::tlb_sync_global() {
    global_sync_lock_.lock("TLB1");
    tlb_sync(0, gr0::sTLBGSYNC, gr0::sTLBGSTATUS);
    global_sync_lock_.unlock("TLB2");
}

void ArmSmmuDomain::tlb_sync_context() {
    ArmSmmuDevice& device = *smmu_;
    if (mistaken(Mistake::tlbi_without_sync)) return;
    if (device.version != Version::v2 && stage_ == Stage::s2) return device.tlb_sync_global();
    cb_lock_.lock("TLB3");
    device.tlb_sync(device.numpage + cfg_.cbndx, cb::TLBSYNC, cb::TLBSTATUS);
    cb_lock_.unlock("TLB4");
}

void ArmSmmuDomain::tlb_inv_context() {
    ArmSmmuDevice& device = *smmu_;
    if (stage_ == Stage::s1) {
        Frame frame{kernel(), "arm_smmu_tlb_inv_context_s1"};
        device.cb_write(cfg_.cbndx, cb::TLBIASID, cfg_.asid);
        tlb_sync_context();
    } else {
        Frame frame{kernel(), "arm_smmu_tlb_inv_context_s2"};
        device.gr0_write(gr0::TLBIVMID, cfg_.vmid);
        device.tlb_sync_global();
    }
}

void ArmSmmuDomain::tlb_inv_range(std::uint32_t offset, std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    ArmSmmuDevice& device = *smmu_;
    std::uint16_t asid = cfg_.asid;
    if (mistaken(Mistake::wrong_asid)) ++asid;
    for (std::uint64_t at = iova; at < iova + size; at += granule) {
        const bool wide = cfg_.format == ContextFormat::aarch64;
        if (stage_ == Stage::s1 && wide) {
            device.cb_writeq(cfg_.cbndx, offset, tlbiva::VA.of(at >> kIpaShift) | tlbiva::ASID.of(asid));
        } else if (stage_ == Stage::s1) {
            const std::uint64_t operand = tlbiva::A32_VA.of(at >> kIpaShift) | tlbiva::A32_ASID.of(asid);
            device.cb_write(cfg_.cbndx, offset, static_cast<std::uint32_t>(operand));
        } else if (wide) {
            device.cb_writeq(cfg_.cbndx, offset, at >> kIpaShift);
        } else {
            device.cb_write(cfg_.cbndx, offset, static_cast<std::uint32_t>(at >> kIpaShift));
        }
    }
}

void ArmSmmuDomain::add_pages(const IotlbGather& gather) {
    if (gather.pgsize == 0 || mistaken(Mistake::unmap_without_tlbi)) return;
    Frame frame{kernel(), "arm_smmu_tlb_add_page"};
    std::uint64_t size = gather.end - gather.start + 1;
    if (mistaken(Mistake::short_range)) size -= gather.pgsize;
    if (stage_ == Stage::s1) {
        tlb_inv_range(cb::TLBIVAL, gather.start, size, gather.pgsize);
    } else if (smmu_->version == Version::v2) {
        tlb_inv_range(cb::TLBIIPAS2L, gather.start, size, gather.pgsize);
    } else {
        // No TLBI by IPA in version 1: each page drops the whole VMID.
        for (std::uint64_t done = 0; done < size; done += gather.pgsize) smmu_->gr0_write(gr0::TLBIVMID, cfg_.vmid);
    }
}

void ArmSmmuDomain::tlb_sync_gather(const IotlbGather& gather) {
    add_pages(gather);
    if (unmapping_.count(kernel().sched.current().id) == 0) tlb_sync_context();
}

void ArmSmmuDomain::tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    Frame frame{kernel(), "arm_smmu_tlb_inv_walk"};
    const bool leaf_only = mistaken(Mistake::leaf_only_walk);
    if (stage_ == Stage::s1) {
        if (cfg_.flush_walk_prefer_tlbiasid && !leaf_only) return tlb_inv_context();
        tlb_inv_range(leaf_only ? cb::TLBIVAL : cb::TLBIVA, iova, size, granule);
    } else if (smmu_->version == Version::v2) {
        tlb_inv_range(leaf_only ? cb::TLBIIPAS2L : cb::TLBIIPAS2, iova, size, granule);
    } else {
        return tlb_inv_context();
    }
    if (!mistaken(Mistake::table_freed_before_sync)) tlb_sync_context();
}

void ArmSmmuDomain::flush_iotlb_all() {
    if (!pgtable_ || mistaken(Mistake::flush_without_tlbi)) return;
    Frame frame{kernel(), "arm_smmu_flush_iotlb_all"};
    tlb_inv_context();
}

void ArmSmmuDomain::iotlb_sync(Iova, std::uint64_t) {
    if (!smmu_ || !pgtable_) return;
    Frame frame{kernel(), "arm_smmu_iotlb_sync"};
    if (mistaken(Mistake::unmap_without_tlbi) || mistaken(Mistake::return_before_sync)) return;
    tlb_sync_context();
}

}  // namespace xlate::kernel::arm_smmu
