#include "kernel-model/drivers/qcom/qcom_iommu_domain.hpp"

#include "base/bits.hpp"
#include "iommu/smmuv2/layout.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace smmu = iommu::smmuv2;
namespace cb = iommu::smmuv2::cb;
namespace sctlr = iommu::smmuv2::sctlr;
namespace tcr = iommu::smmuv2::tcr;
namespace tcr2 = iommu::smmuv2::tcr2;

namespace {

constexpr unsigned kInputBits = 32, kOutputBits = 40, kPageBits = 12;
/// 4K, 64K, 1M, 16M, of which long descriptors have the first.
constexpr std::uint64_t kPageSizes = 0x1111000;
constexpr std::uint32_t kFsrFault = 0xC00001FE;
constexpr std::uint32_t kMair1 = 0xFFFFFFFF;  ///< Linux's value is extended by its sign
constexpr std::uint64_t kSyncTimeoutUs = 5'000'000;

constexpr std::uint32_t word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

QcomIommuDomain::QcomIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      memory_(memory),
      init_mutex_(the_kernel, "qcom_domain->init_mutex"),
      pgtbl_lock_(the_kernel, "qcom_domain->pgtbl_lock") {
    pgsize_bitmap = kPageSizes;
}

/// Every bank that the domain is in. Linux takes it that each is there.
template <typename Body>
void QcomIommuDomain::for_each_ctx(Body body) {
    const unsigned ids = fwspec_.deref("QCX1")->num_ids("QCX1");
    for (unsigned i = 0; i < ids; ++i) {
        body(*Ptr<QcomIommuCtx>(iommu_->ctx(fwspec_->id(i, "QCX2"))).deref("QCX3"));
    }
}

int QcomIommuDomain::attach_dev(Device& dev) {
    if (type == DomainType::identity) return qcom_iommu_identity_attach(dev);
    Frame frame{kernel(), "qcom_iommu_attach_dev"};
    const Ptr<QcomIommuDev> iommu = ptr_cast<QcomIommuDev>(core_.dev_iommu_priv_get(dev, "AT1"));
    if (!iommu) {
        kernel().console.err(dev.prefix(), "cannot attach to IOMMU, is it on the same bus?");
        return -kENXIO;
    }
    iommu->power.get_sync(iommu->dev);
    const int err = qcom_iommu_init_domain(iommu, dev);
    iommu->power.put(iommu->dev);
    if (err != 0) return err;
    return iommu_ == iommu ? 0 : -kEINVAL;
}

int QcomIommuDomain::qcom_iommu_identity_attach(Device& dev) {
    Frame frame{kernel(), "qcom_iommu_identity_attach"};
    const Ptr<IommuDomain> old = core_.iommu_get_domain_for_dev(dev, "AT1");
    const Ptr<QcomIommuDomain> domain = ptr_cast<QcomIommuDomain>(old);
    if (!domain || domain->type == DomainType::identity) return 0;
    if (!domain->iommu_) return -kEINVAL;
    domain->iommu_->power.get_sync(domain->iommu_->dev);
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT2");
    const unsigned ids = fwspec.deref("AT2")->num_ids("AT2");
    for (unsigned i = 0; i < ids; ++i) {
        if (QcomIommuCtx* const ctx = domain->iommu_->ctx(fwspec->id(i, "AT3"))) ctx->write(cb::SCTLR, 0);
    }
    domain->iommu_->power.put(domain->iommu_->dev);
    return 0;
}

// Only the first device's banks get the tables; another bank's owner is not asked.
int QcomIommuDomain::qcom_iommu_init_domain(const Ptr<QcomIommuDev>& iommu, Device& dev) {
    Frame frame{kernel(), "qcom_iommu_init_domain"};
    int err = 0;
    init_mutex_.lock("QCI1");
    if (!iommu_) {
        IoPgtableConfig config;
        config.pgsize_bitmap = kPageSizes;
        config.ias = kInputBits;
        config.oas = kOutputBits;
        config.coherent_walk = false;
        auto tables = std::make_unique<Stage1Pgtable>(memory_, *this, config);
        if (tables->init() != 0) {
            kernel().console.err(iommu->prefix, "failed to allocate pagetable ops");
            err = -kENOMEM;
        } else {
            iommu_ = iommu;
            fwspec_ = core_.dev_iommu_fwspec_get(dev, "QCI2");
            first_device_ = Ptr<Device>(&dev);
            tables_ = std::move(tables);
            pgsize_bitmap = tables_->pgsize_bitmap();
            aperture_start = 0;
            aperture_end = low_mask(kInputBits);
            for_each_ctx([this](QcomIommuCtx& ctx) { program(ctx); });
        }
    }
    init_mutex_.unlock("QCI3");
    return err;
}

void QcomIommuDomain::program(QcomIommuCtx& ctx) {
    ctx.secure_init = true;  // qcom_scm_restore_sec_cfg()
    if (ctx.secured_ctx) return;
    const Stage1Registers regs = tables_->format().registers(tables_->root());
    ctx.write(cb::SCTLR, 0);
    ctx.write(cb::FAR, 0);
    ctx.write(cb::FSR, kFsrFault);
    ctx.writeq(cb::TTBR0, regs.ttbr | smmu::ttbr::ASID.of(ctx.asid));
    ctx.writeq(cb::TTBR1, 0);
    ctx.write(cb::TCR2, word(tcr2::PASize.of(regs.ips) | tcr2::SEP.of(tcr2::SEP_UPSTREAM)));
    ctx.write(cb::TCR, word(tcr::T0SZ.of(regs.t0sz) | tcr::TG0.of(regs.tg0) | tcr::SH0.of(regs.sh0) |
                            tcr::IRGN0.of(regs.ir0) | tcr::ORGN0.of(regs.or0) | tcr::EPD1.mask() | tcr::EAE.mask()));
    ctx.write(cb::MAIR0, word(regs.mair));
    ctx.write(cb::MAIR1, kMair1);
    ctx.write(cb::SCTLR, word(sctlr::CFIE.mask() | sctlr::CFRE.mask() | sctlr::AFE.mask() | sctlr::TRE.mask() |
                              sctlr::M.mask() | sctlr::ASIDPNE.mask() | sctlr::CFCFG.mask()));
}

// The banks keep pointing to the tables: the core has put another domain in their place, or the device is gone.
void QcomIommuDomain::free() {
    if (!iommu_ || !tables_) return;
    iommu_->power.get_sync(iommu_->dev);
    tables_->free_tables();
    iommu_->power.put(iommu_->dev);
    tables_.reset();
}

void QcomIommuDomain::qcom_iommu_tlb_sync() {
    for_each_ctx([this](QcomIommuCtx& ctx) {
        ctx.write(cb::TLBSYNC, 0);
        const SimTime limit = kernel().machine.now() + us(kSyncTimeoutUs);
        while ((ctx.read(cb::TLBSTATUS) & 1) != 0) {
            if (kernel().machine.now() > limit) {
                kernel().console.err(ctx.prefix, "timeout waiting for TLB SYNC");
                return;
            }
            kernel().machine.pass(us(1));
        }
    });
}

// The address is not taken anew for the next bank: of two banks the second is told of what lies behind the range. So
// does Linux.
void QcomIommuDomain::qcom_iommu_tlb_inv_range_nosync(std::uint64_t iova, std::uint64_t size, std::uint64_t granule,
                                                      bool leaf) {
    for_each_ctx([&](QcomIommuCtx& ctx) {
        iova = (iova >> kPageBits) << kPageBits;
        iova |= ctx.asid;
        for (std::uint64_t left = size; left != 0; left -= granule) {
            ctx.write(leaf ? cb::TLBIVAL : cb::TLBIVA, word(iova));
            iova += granule;
        }
    });
}

void QcomIommuDomain::tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    Frame frame{kernel(), "qcom_iommu_tlb_flush_walk"};
    qcom_iommu_tlb_inv_range_nosync(iova, size, granule, iommu_->mistakes.has(Mistake::leaf_only_walk));
    qcom_iommu_tlb_sync();
}

void QcomIommuDomain::tlb_sync_gather(const IotlbGather& gather) {
    if (gather.pgsize == 0 || iommu_->mistakes.has(Mistake::unmap_without_tlbi)) return;
    Frame frame{kernel(), "qcom_iommu_tlb_add_page"};
    std::uint64_t size = gather.end - gather.start + 1;
    if (iommu_->mistakes.has(Mistake::short_range)) size -= gather.pgsize;
    for (std::uint64_t done = 0; done < size; done += gather.pgsize) {
        qcom_iommu_tlb_inv_range_nosync(gather.start + done, gather.pgsize, gather.pgsize, true);
    }
}

int QcomIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "qcom_iommu_map"};
    if (!tables_) return -kENODEV;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    const Device& dev = *first_device_;
    prot.cacheable = dev.dma_coherent || (dev.of_node && core_.description.node(*dev.of_node).dma_coherent);
    pgtbl_lock_.lock("QCM1");
    const int err = tables_->map(iova, paddr, size, prot);
    pgtbl_lock_.unlock("QCM2");
    return err;
}

std::uint64_t QcomIommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "qcom_iommu_unmap"};
    if (!tables_) return 0;
    iommu_->power.get_sync(iommu_->dev);
    pgtbl_lock_.lock("QCU1");
    IotlbGather gather;
    const std::uint64_t unmapped = tables_->unmap(iova, size, gather);
    tlb_sync_gather(gather);
    pgtbl_lock_.unlock("QCU2");
    iommu_->power.put(iommu_->dev);
    return unmapped;
}

void QcomIommuDomain::iotlb_sync(Iova iova, std::uint64_t size) {
    flush_iotlb_all();
    annotate_other_banks(iova, size);
}

// What is unmapped is so in every bank; the DMA layer speaks of the first one (address_space()).
void QcomIommuDomain::annotate_other_banks(Iova iova, std::uint64_t size) {
    if (!tables_ || size == 0) return;
    bool first = true;
    for_each_ctx([&](QcomIommuCtx& ctx) {
        if (!first) {
            Annotation annotation;
            annotation.kind = Annotation::Kind::unmapped;
            annotation.iommu = ctx.base;
            annotation.context = ctx.asid;
            annotation.first = iova.value;
            annotation.bytes = size;
            kernel().machine.annotate(annotation);
        }
        first = false;
    });
}

// Linux waits here, and invalidates nothing.
void QcomIommuDomain::flush_iotlb_all() {
    if (!tables_ || iommu_->mistakes.has(Mistake::tlbi_without_sync)) return;
    Frame frame{kernel(), "qcom_iommu_flush_iotlb_all"};
    iommu_->power.get_sync(iommu_->dev);
    qcom_iommu_tlb_sync();
    iommu_->power.put(iommu_->dev);
}

std::optional<PhysAddr> QcomIommuDomain::iova_to_phys(Iova iova) {
    return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

std::optional<AddressSpace> QcomIommuDomain::address_space() const {
    if (!iommu_ || !tables_ || fwspec_.get()->peek_ids().empty()) return std::nullopt;
    const QcomIommuCtx* const first = iommu_.get()->ctx(fwspec_.get()->peek_ids().front());
    if (first == nullptr) return std::nullopt;
    return AddressSpace{first->base, static_cast<std::uint16_t>(first->asid)};
}

}  // namespace xlate::kernel
