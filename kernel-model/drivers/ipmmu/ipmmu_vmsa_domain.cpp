#include "kernel-model/drivers/ipmmu/ipmmu_vmsa_domain.hpp"

#include "base/bits.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace hw = iommu::ipmmu;
namespace reg = iommu::ipmmu::reg;
namespace imctr = iommu::ipmmu::imctr;
namespace imttbcr = iommu::ipmmu::imttbcr;
namespace imuctr = iommu::ipmmu::imuctr;

namespace {

constexpr unsigned kInputBits = 32, kOutputBits = 40;
constexpr std::uint64_t kPageSizes = (std::uint64_t{1} << 12) | (std::uint64_t{1} << 21) | (std::uint64_t{1} << 30);
constexpr std::uint64_t kTlbLoopTimeoutUs = 100;
constexpr unsigned kUtlbMax = 64;  ///< IPMMU_UTLB_MAX: places in utlb_ctx

constexpr std::uint32_t word(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

IpmmuVmsaDomain::IpmmuVmsaDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), memory_(memory), mutex_(the_kernel, "domain->mutex") {
    pgsize_bitmap = kPageSizes;
}

int IpmmuVmsaDomain::attach_dev(Device& dev) {
    if (type == DomainType::identity) return ipmmu_iommu_identity_attach(dev);
    Frame frame{kernel(), "ipmmu_attach_device"};
    const Ptr<IpmmuVmsaDevice> mmu = ptr_cast<IpmmuVmsaDevice>(core_.dev_iommu_priv_get(dev, "AT1"));
    if (!mmu) {
        kernel().console.err(dev.prefix(), "Cannot attach to IPMMU");
        return -kENXIO;
    }
    int err = 0;
    mutex_.lock("IPA1");
    if (!mmu_) {
        mmu_ = mmu;
        err = ipmmu_domain_init_context();
        if (err == 0) {
            first_device_ = Ptr<Device>(&dev);
            kernel().console.info(dev.prefix(), "Using IPMMU context {}", context_id_);
        } else {
            kernel().console.err(dev.prefix(), "Unable to initialize IPMMU context");
            mmu_ = {};
        }
    } else if (mmu_ != mmu) {
        err = -kEINVAL;
    } else {
        kernel().console.info(dev.prefix(), "Reusing IPMMU context {}", context_id_);
    }
    mutex_.unlock("IPA2");
    if (err != 0) return err;
    // The ids of every provider that firmware names, though only the first one is known.
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT2");
    const unsigned ids = fwspec.deref("AT2")->num_ids("AT2");
    for (unsigned i = 0; i < ids; ++i) ipmmu_utlb_enable(fwspec->id(i, "AT3"));
    return 0;
}

// What the group was attached to goes off; its context stays.
int IpmmuVmsaDomain::ipmmu_iommu_identity_attach(Device& dev) {
    Frame frame{kernel(), "ipmmu_iommu_identity_attach"};
    const Ptr<IommuDomain> old = core_.iommu_get_domain_for_dev(dev, "AT1");
    if (!old || old.get() == this) return 0;
    const Ptr<IpmmuVmsaDomain> domain = ptr_cast<IpmmuVmsaDomain>(old);
    if (!domain || domain->type == DomainType::identity) return 0;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT2");
    const unsigned ids = fwspec.deref("AT2")->num_ids("AT2");
    for (unsigned i = 0; i < ids; ++i) domain->ipmmu_utlb_disable(fwspec->id(i, "AT3"));
    return 0;
}

int IpmmuVmsaDomain::ipmmu_domain_init_context() {
    Frame frame{kernel(), "ipmmu_domain_init_context"};
    IoPgtableConfig config;
    config.pgsize_bitmap = kPageSizes;
    config.ias = kInputBits;
    config.oas = kOutputBits;
    config.coherent_walk = false;
    config.non_secure = true;
    const int context = root().ipmmu_domain_allocate_context(*this);
    if (context < 0) return context;
    context_id_ = static_cast<unsigned>(context);
    tables_ = std::make_unique<Stage1Pgtable>(memory_, *this, config);
    if (tables_->init() != 0) {
        tables_.reset();
        root().ipmmu_domain_free_context(context_id_);
        return -kEINVAL;
    }
    pgsize_bitmap = tables_->pgsize_bitmap();
    aperture_start = 0;
    aperture_end = low_mask(kInputBits);
    ipmmu_domain_setup_context();
    return 0;
}

void IpmmuVmsaDomain::ipmmu_domain_setup_context() {
    IpmmuVmsaDevice& mmu = root();
    const IpmmuFeatures& features = mmu.features;
    const Stage1Registers regs = tables_->format().registers(tables_->root());
    mmu.ipmmu_ctx_write(context_id_, reg::IMTTLBR0, word(regs.ttbr));
    mmu.ipmmu_ctx_write(context_id_, reg::IMTTUBR0, word(regs.ttbr >> 32));
    std::uint64_t control = imttbcr::EAE.of(1);
    control |= features.shape().two_bit_level ? imttbcr::SL0_TWO_BIT.of(2) : imttbcr::SL0_ONE_BIT.of(1);
    if (features.cache_snoop) control |= imttbcr::SH0.of(3) | imttbcr::ORGN0.of(1) | imttbcr::IRGN0.of(1);
    mmu.ipmmu_ctx_write(context_id_, reg::IMTTBCR, word(control));
    mmu.ipmmu_ctx_write(context_id_, reg::IMMAIR0, word(regs.mair));
    if (features.setup_imbuscr) {
        const std::uint32_t old = mmu.ipmmu_ctx_read(context_id_, reg::IMBUSCR);
        constexpr std::uint64_t kUsed = hw::imbuscr::DVM.mask() | hw::imbuscr::BUSSEL.mask();
        mmu.ipmmu_ctx_write(context_id_, reg::IMBUSCR, old & ~word(kUsed));
    }
    mmu.ipmmu_ctx_write(context_id_, reg::IMSTR, mmu.ipmmu_ctx_read(context_id_, reg::IMSTR));
    const std::uint64_t flush = mmu.mistakes.has(Mistake::attach_without_zap) ? 0 : imctr::FLUSH.of(1);
    ipmmu_ctx_write_all(reg::IMCTR, word(imctr::INTEN.of(1) | flush | imctr::MMUEN.of(1)));
}

void IpmmuVmsaDomain::ipmmu_domain_destroy_context() {
    Frame frame{kernel(), "ipmmu_domain_destroy_context"};
    ipmmu_ctx_write_all(reg::IMCTR, word(imctr::FLUSH.of(1)));
    ipmmu_tlb_sync();
    root().ipmmu_domain_free_context(context_id_);
}

void IpmmuVmsaDomain::free() {
    if (!mmu_ || !tables_) return;
    ipmmu_domain_destroy_context();
    tables_->free_tables();
    tables_.reset();
    mmu_ = {};
}

// The cache first, then the root.
void IpmmuVmsaDomain::ipmmu_ctx_write_all(std::uint32_t reg, std::uint32_t value, bool cache_only) {
    if (!mmu_->is_root()) mmu_->ipmmu_ctx_write(context_id_, reg, value);
    if (!cache_only || mmu_->is_root()) root().ipmmu_ctx_write(context_id_, reg, value);
}

// Whose micro-TLB it is already is not looked at, nor whether there is one of that number.
void IpmmuVmsaDomain::ipmmu_utlb_enable(unsigned utlb) {
    Frame frame{kernel(), "ipmmu_utlb_enable"};
    mmu_->ipmmu_imuasid_write(utlb, 0);
    mmu_->ipmmu_imuctr_write(utlb, word(imuctr::TTSEL.of(context_id_) | imuctr::FLUSH.of(1) | imuctr::MMUEN.of(1)));
    if (utlb >= kUtlbMax) {
        kernel().reports.warn("ipmmu_utlb_enable: a micro-TLB beyond utlb_ctx[] is written: memory is overwritten",
                              "IPU1");
    }
}
void IpmmuVmsaDomain::ipmmu_utlb_disable(unsigned utlb) {
    Frame frame{kernel(), "ipmmu_utlb_disable"};
    mmu_->ipmmu_imuctr_write(utlb, 0);
}

void IpmmuVmsaDomain::ipmmu_tlb_sync() {
    const SimTime limit = kernel().machine.now() + us(kTlbLoopTimeoutUs);
    for (;;) {
        if (!imctr::FLUSH.test(root().ipmmu_ctx_read(context_id_, reg::IMCTR))) return;
        if (kernel().machine.now() > limit) break;
        kernel().machine.pass(us(1));
    }
    kernel().console.err(device_prefix(), "TLB sync timed out -- MMU may be deadlocked");
}

void IpmmuVmsaDomain::ipmmu_tlb_invalidate() {
    const std::uint32_t old = root().ipmmu_ctx_read(context_id_, reg::IMCTR);
    ipmmu_ctx_write_all(reg::IMCTR, old | word(imctr::FLUSH.of(1)), mmu_->mistakes.has(Mistake::flush_cache_only));
    ipmmu_tlb_sync();
}

void IpmmuVmsaDomain::ipmmu_tlb_flush_all() {
    Frame frame{kernel(), "ipmmu_tlb_flush_all"};
    if (mmu_) ipmmu_tlb_invalidate();
}
void IpmmuVmsaDomain::iotlb_sync(Iova, std::uint64_t) {
    if (mmu_ && mmu_->mistakes.has(Mistake::unmap_without_tlbi)) return;
    ipmmu_tlb_flush_all();
}
void IpmmuVmsaDomain::flush_iotlb_all() { ipmmu_tlb_flush_all(); }

int IpmmuVmsaDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "ipmmu_map"};
    if (!tables_) return -kENODEV;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    const Device& dev = *first_device_;
    prot.cacheable = dev.dma_coherent || (dev.of_node && core_.description.node(*dev.of_node).dma_coherent);
    return tables_->map(iova, paddr, size, prot);
}

std::uint64_t IpmmuVmsaDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "ipmmu_unmap"};
    if (!tables_) return 0;
    IotlbGather gather;
    gather.queued = true;  // iotlb_sync flushes the context
    return tables_->unmap(iova, size, gather);
}

std::optional<PhysAddr> IpmmuVmsaDomain::iova_to_phys(Iova iova) {
    return tables_ ? tables_->iova_to_phys(iova) : std::nullopt;
}

std::optional<AddressSpace> IpmmuVmsaDomain::address_space() const {
    if (!mmu_ || !tables_) return std::nullopt;
    return AddressSpace{mmu_.get()->regs, static_cast<std::uint16_t>(context_id_)};
}

}  // namespace xlate::kernel
