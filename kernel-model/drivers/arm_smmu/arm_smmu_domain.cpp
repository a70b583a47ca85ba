#include "kernel-model/drivers/arm_smmu/arm_smmu_domain.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/drivers/freed_tables.hpp"
#include "kernel-model/pgtable/vmsav7_short.hpp"
#include "kernel-model/pgtable/vmsav8_stage1.hpp"
#include "kernel-model/pgtable/vmsav8_stage2.hpp"

namespace xlate::kernel::arm_smmu {

namespace smmu = iommu::smmuv2;
namespace cb = iommu::smmuv2::cb;
namespace cbar = iommu::smmuv2::cbar;
namespace tcr = iommu::smmuv2::tcr;
namespace tcr2 = iommu::smmuv2::tcr2;

namespace {

constexpr const char* kTables = "the page tables of an iommu_domain that is freed";
/// Page sizes of VMSAv7 long descriptors.
constexpr std::uint64_t kLongSizes = (1ull << 12) | (1ull << 21) | (1ull << 30);
constexpr unsigned kA32InputBits = 32, kA32OutputBits = 40;
/// Linux builds MAIR1 from a value whose sign it extends.
constexpr std::uint32_t kMair1 = 0xFFFFFFFF;
/// TCR of stage 2 has a bit that is one.
constexpr std::uint64_t kVtcrRes1 = std::uint64_t{1} << 31;
constexpr SimTime kAtsTimeout = us(50);
constexpr SimTime kAtsInterval = us(5);

std::uint64_t table_attributes(std::uint64_t t0sz, std::uint64_t tg0, std::uint64_t sh0, std::uint64_t irgn,
                               std::uint64_t orgn) {
    return tcr::T0SZ.of(t0sz) | tcr::TG0.of(tg0) | tcr::SH0.of(sh0) | tcr::IRGN0.of(irgn) | tcr::ORGN0.of(orgn);
}

}  // namespace

ArmSmmuDomain::ArmSmmuDomain(Kernel& the_kernel, DomainType domain_type)
    : IommuDomain(the_kernel, domain_type),
      init_mutex_(the_kernel, "smmu_domain->init_mutex"),
      cb_lock_(the_kernel, "smmu_domain->cb_lock") {}

int ArmSmmuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "arm_smmu_attach_dev"};
    const Ptr<DevIommu> param = dev.iommu.read("SA1");
    const Ptr<ArmSmmuMasterCfg> master = ptr_cast<ArmSmmuMasterCfg>(param.deref("SA1")->priv.read("SA2"));
    if (!master) return -kENODEV;
    if (type == DomainType::identity || type == DomainType::blocked) {
        stage_ = Stage::bypass;
        const bool identity = type == DomainType::identity;
        master->install_s2crs(identity ? smmu::s2cr::TYPE_BYPASS : smmu::s2cr::TYPE_FAULT, 0);
        return 0;
    }
    if (const int err = init_domain_context(master->smmu, dev); err != 0) return err;
    if (smmu_ != master->smmu) return -kEINVAL;
    master->install_s2crs(smmu::s2cr::TYPE_TRANS, cfg_.cbndx);
    return 0;
}

// Stage and format: stage 1 if the hardware has it; the 64-bit format if kernel and hardware have it.
int ArmSmmuDomain::choose_format(const ArmSmmuDevice& device, PgtableRequest& request) {
    stage_ = device.has(feature::kTransS1) ? Stage::s1 : Stage::s2;
    cfg_.format = ContextFormat::none;
    if (device.has(feature::kFmtAarch32L)) cfg_.format = ContextFormat::aarch32_l;
    if (!device.params.cpu_64bit && !device.params.cpu_lpae && device.has(feature::kFmtAarch32S) &&
        stage_ == Stage::s1) {
        cfg_.format = ContextFormat::aarch32_s;
    }
    if ((device.params.cpu_64bit || cfg_.format == ContextFormat::none) && device.has(feature::kFmtAarch64)) {
        cfg_.format = ContextFormat::aarch64;
    }
    if (cfg_.format == ContextFormat::none) return -kEINVAL;
    request.pgsize_bitmap = device.pgsize_bitmap;
    if (stage_ == Stage::s1) {
        cfg_.cbar = cbar::TYPE_S1_TRANS_S2_BYPASS;
        request.ias = device.va_size;
        request.oas = device.ipa_size;
        if (cfg_.format != ContextFormat::aarch64) request.ias = std::min(request.ias, kA32InputBits);
        if (cfg_.format == ContextFormat::aarch32_l) request.oas = std::min(request.oas, kA32OutputBits);
        if (cfg_.format == ContextFormat::aarch32_s) request.oas = std::min(request.oas, kA32InputBits);
    } else {
        cfg_.cbar = cbar::TYPE_S2_TRANS;
        request.ias = device.ipa_size;
        request.oas = device.pa_size;
        if (cfg_.format != ContextFormat::aarch64) {
            request.ias = std::min(request.ias, kA32OutputBits);
            request.oas = std::min(request.oas, kA32OutputBits);
        }
    }
    return 0;
}

int ArmSmmuDomain::init_domain_context(Ptr<ArmSmmuDevice> owner, Device& dev) {
    Frame frame{kernel(), "arm_smmu_init_domain_context"};
    init_mutex_.lock("SA3");
    if (smmu_) {
        init_mutex_.unlock("SA3");
        return 0;
    }
    ArmSmmuDevice& device = *owner;
    PgtableRequest request;
    int err = choose_format(device, request);
    int bank = -1;
    if (err == 0) {
        // Banks of stage 2 only come first.
        bank = device.impl->alloc_context_bank(device, dev, stage_ == Stage::s1 ? device.num_s2_context_banks : 0);
        if (bank < 0) err = bank;
    }
    if (err == 0) {
        smmu_ = owner;
        cfg_.cbndx = static_cast<unsigned>(bank);
        cfg_.irptndx = cfg_.cbndx;
        // Interrupts of version 1 go round, from the second one on.
        if (device.version != Version::v2) cfg_.irptndx = ++device.next_irptndx % device.num_context_irqs;
        if (stage_ == Stage::s1) {
            cfg_.asid = static_cast<std::uint16_t>(cfg_.cbndx);
        } else {
            cfg_.vmid = static_cast<std::uint16_t>(cfg_.cbndx + 1);
        }
        device.impl->init_context(device, cfg_, request, dev);
        ContextBank registers;
        err = make_pgtable(device, request, registers);
        if (err != 0) {
            smmu_ = {};
            device.context_map[cfg_.cbndx] = false;
        } else {
            registers.cfg = &cfg_;
            registers.domain = this;
            device.cbs[cfg_.cbndx] = registers;
            first_device_ = Ptr<Device>(&dev);
            device.write_context_bank(cfg_.cbndx);
            device.request_context_irq(cfg_);
        }
    }
    init_mutex_.unlock("SA4");
    return err;
}

// The tables, and what the bank's registers say about them (Linux arm_smmu_init_context_bank()).
int ArmSmmuDomain::make_pgtable(ArmSmmuDevice& device, const PgtableRequest& request, ContextBank& bank) {
    const bool wide = cfg_.format == ContextFormat::aarch64;
    IoPgtableConfig config;
    config.pgsize_bitmap = wide ? request.pgsize_bitmap : request.pgsize_bitmap & kLongSizes;
    config.ias = request.ias;
    config.oas = request.oas;
    config.coherent_walk = device.has(feature::kCoherentWalk);
    config.cpu_page_bytes = device.pages.page_bytes();
    if (cfg_.format == ContextFormat::aarch32_s) {
        auto tables =
            std::make_unique<PgtableOf<Vmsav7Short>>(device.pages, *this, request.pgsize_bitmap, config.coherent_walk);
        if (const int err = tables->init(); err != 0) return err;
        const Vmsav7Short::Registers regs = tables->format().registers(tables->root());
        bank.tcr[0] = regs.ttbcr;
        bank.ttbr[0] = regs.ttbr0;
        bank.mair = {regs.prrr, regs.nmrr};
        pgtable_ = std::move(tables);
    } else if (stage_ == Stage::s1) {
        auto tables = std::make_unique<Stage1Pgtable>(device.pages, *this, config);
        if (const int err = tables->init(); err != 0) return err;
        const Stage1Registers regs = tables->format().registers(tables->root());
        std::uint64_t control = table_attributes(regs.t0sz, regs.tg0, regs.sh0, regs.ir0, regs.or0);
        std::uint64_t sizes = tcr2::PASize.of(regs.ips) | tcr2::SEP.of(tcr2::SEP_UPSTREAM);
        control |= tcr::EPD1.mask();
        if (wide) {
            sizes |= tcr2::AS.mask();
        } else {
            control |= tcr::EAE.mask();
        }
        bank.tcr = {static_cast<std::uint32_t>(control), static_cast<std::uint32_t>(sizes)};
        bank.ttbr = {regs.ttbr | smmu::ttbr::ASID.of(cfg_.asid), smmu::ttbr::ASID.of(cfg_.asid)};
        bank.mair = {static_cast<std::uint32_t>(regs.mair), kMair1};
        pgtable_ = std::move(tables);
    } else {
        auto tables = std::make_unique<PgtableOf<Vmsav8Stage2>>(device.pages, *this, config);
        if (const int err = tables->init(); err != 0) return err;
        const Vmsav8Stage2::Registers regs = tables->format().registers(tables->root());
        const std::uint64_t control = table_attributes(regs.t0sz, regs.tg0, regs.sh0, regs.ir0, regs.or0) |
                                      tcr::SL0.of(regs.sl0) | tcr::PS.of(regs.ps) | kVtcrRes1;
        bank.tcr[0] = static_cast<std::uint32_t>(control);
        bank.ttbr[0] = regs.vttbr;
        pgtable_ = std::move(tables);
    }
    pgsize_bitmap = pgtable_->pgsize_bitmap();
    aperture_start = 0;
    aperture_end = low_mask(request.ias);
    return 0;
}

void ArmSmmuDomain::destroy_domain_context() {
    Frame frame{kernel(), "arm_smmu_destroy_domain_context"};
    ArmSmmuDevice& device = *smmu_;
    // The bank is off before its tables go.
    device.cbs[cfg_.cbndx].cfg = nullptr;
    device.cbs[cfg_.cbndx].domain = nullptr;
    device.write_context_bank(cfg_.cbndx);
    tlb_inv_context();
    // Another task may still be in them, which is its bug: they end with the domain's object.
    freed_tables_.push_back(std::move(pgtable_));
    freed_tables_.back()->free_tables();
    device.context_map[cfg_.cbndx] = false;
    smmu_ = {};
}

void ArmSmmuDomain::free() {
    if (smmu_ && pgtable_) destroy_domain_context();
}

std::optional<AddressSpace> ArmSmmuDomain::address_space() const {
    if (!pgtable_) return std::nullopt;
    return AddressSpace{smmu_->base(), stage_ == Stage::s1 ? cfg_.asid : cfg_.vmid};
}

int ArmSmmuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    if (!pgtable_) return -kENODEV;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    // The direct mappings of firmware are made before dev->dma_coherent is set.
    const Device& dev = *first_device_;
    prot.cacheable = dev.dma_coherent || (dev.of_node && smmu_->firmware.node(*dev.of_node).dma_coherent);
    return pgtable_->map(iova, paddr, size, prot);
}

// Each page is invalidated as it goes; the wait for all of them is iotlb_sync's.
std::uint64_t ArmSmmuDomain::unmap(Iova iova, std::uint64_t size) {
    if (!pgtable_) return 0;
    IotlbGather gather;
    gather.queued = type == DomainType::dma_fq;
    const TaskId task = kernel().sched.current().id;
    unmapping_.insert(task);
    std::uint64_t done = 0;
    if (mistaken(Mistake::split_in_place)) {
        const std::uint64_t page = pgsize_bitmap & (~pgsize_bitmap + 1);
        while (done < size && live(kernel(), pgtable_, kTables).unmap(Iova{iova.value + done}, page, gather) == page) {
            done += page;
        }
    } else {
        done = live(kernel(), pgtable_, kTables).unmap(iova, size, gather);
    }
    unmapping_.erase(task);
    if (!gather.queued) add_pages(gather);
    return done;
}

std::optional<PhysAddr> ArmSmmuDomain::iova_to_phys(Iova iova) {
    if (stage_ == Stage::bypass) return PhysAddr{iova.value};
    if (!pgtable_) return std::nullopt;
    if (smmu_->has(feature::kTransOps) && stage_ == Stage::s1) return iova_to_phys_hard(iova);
    return pgtable_->iova_to_phys(iova);
}

std::optional<PhysAddr> ArmSmmuDomain::iova_to_phys_hard(Iova iova) {
    Frame frame{kernel(), "arm_smmu_iova_to_phys_hard"};
    ArmSmmuDevice& device = *smmu_;
    const std::uint64_t page = iova.value & ~low_mask(12);
    cb_lock_.lock("SAT1");
    if (cfg_.format == ContextFormat::aarch64) {
        device.cb_writeq(cfg_.cbndx, cb::ATS1PR, page);
    } else {
        device.cb_write(cfg_.cbndx, cb::ATS1PR, static_cast<std::uint32_t>(page));
    }
    bool active = true;
    for (SimTime waited{}; active && waited <= kAtsTimeout; waited = waited + kAtsInterval) {
        active = smmu::atsr::ACTIVE.test(device.cb_read(cfg_.cbndx, cb::ATSR));
        if (active) device.machine().pass(kAtsInterval);
    }
    if (active) {
        cb_lock_.unlock("SAT2");
        kernel().console.err(device.prefix, "iova to phys timed out on {:#x}. Falling back to software table walk.",
                             iova.value);
        return live(kernel(), pgtable_, kTables).iova_to_phys(iova);
    }
    const std::uint64_t answer = device.cb_readq(cfg_.cbndx, cb::PAR);
    cb_lock_.unlock("SAT2");
    if (smmu::par::F.test(answer)) {
        kernel().console.err(device.prefix, "translation fault!");
        kernel().console.err(device.prefix, "PAR = {:#x}", answer);
        return std::nullopt;
    }
    return PhysAddr{(answer & (low_mask(40) & ~low_mask(12))) | (iova.value & low_mask(12))};
}

}  // namespace xlate::kernel::arm_smmu
