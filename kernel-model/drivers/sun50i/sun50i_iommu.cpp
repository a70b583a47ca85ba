#include "kernel-model/drivers/sun50i/sun50i_iommu.hpp"

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace sun = iommu::sun50i;
namespace reg = iommu::sun50i::reg;

namespace {

constexpr std::string_view kDriver = "sun50i-iommu";
constexpr unsigned kRelease61 = 601;
constexpr std::uint64_t kSection = std::uint64_t{1} << sun::kDirectoryShift;
constexpr std::uint64_t kPage = std::uint64_t{1} << sun::kPageBits;
constexpr std::uint64_t kClearTimeoutUs = 2000;

/// What a domain allows no master to do.
constexpr std::uint32_t denied(Sun50iAci aci, bool read, bool write) {
    std::uint32_t word = 0;
    const auto domain = static_cast<unsigned>(aci);
    for (unsigned master = 0; master < sun::kMasters; ++master) {
        if (read) word |= std::uint32_t{1} << sun::authority::no_read(domain, master);
        if (write) word |= std::uint32_t{1} << sun::authority::no_write(domain, master);
    }
    return word;
}

}  // namespace

Sun50iIommu::Sun50iIommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "sun50i_iommu"),
      dev(the_dev),
      mistakes(the_mistakes),
      prefix(std::string(kDriver) + " " + the_dev.name),
      domain(*this, "iommu->domain"),
      iommu_lock_(the_kernel, "iommu->iommu_lock"),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t Sun50iIommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(regs + offset, 4));
}
void Sun50iIommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(regs + offset, 4, value);
}

int Sun50iIommu::wait_clear(std::uint32_t offset) {
    const SimTime limit = kernel().machine.now() + us(kClearTimeoutUs);
    for (;;) {
        if (read(offset) == 0) return 0;
        if (kernel().machine.now() > limit) return -kETIMEDOUT;
        kernel().machine.pass(us(1));
    }
}

int Sun50iIommu::sun50i_iommu_flush_all_tlb() {
    Frame frame{kernel(), "sun50i_iommu_flush_all_tlb"};
    write(reg::TLB_FLUSH, sun::flush::kAll);
    const int err = wait_clear(reg::TLB_FLUSH);
    if (err != 0) kernel().console.warn(prefix, "TLB Flush timed out!");
    return err;
}

void Sun50iIommu::flush_all_tlb_locked() {
    iommu_lock_.lock("SNF1");
    sun50i_iommu_flush_all_tlb();
    iommu_lock_.unlock("SNF2");
}

void Sun50iIommu::sun50i_iommu_zap_iova(std::uint64_t iova) {
    Frame frame{kernel(), "sun50i_iommu_zap_iova"};
    write(reg::TLB_IVLD_ADDR, static_cast<std::uint32_t>(iova));
    write(reg::TLB_IVLD_ADDR_MASK, static_cast<std::uint32_t>(~(kPage - 1)));
    write(reg::TLB_IVLD_ENABLE, 1);
    if (wait_clear(reg::TLB_IVLD_ENABLE) != 0) kernel().console.warn(prefix, "TLB invalidation timed out!");
}

void Sun50iIommu::sun50i_iommu_zap_ptw_cache(std::uint64_t iova) {
    Frame frame{kernel(), "sun50i_iommu_zap_ptw_cache"};
    write(reg::PC_IVLD_ADDR, static_cast<std::uint32_t>(iova));
    write(reg::PC_IVLD_ENABLE, 1);
    if (wait_clear(reg::PC_IVLD_ENABLE) != 0) kernel().console.warn(prefix, "PTW cache invalidation timed out!");
}

// Its ends and one page, one directory word more behind each: the addresses wrap at 4 GiB.
void Sun50iIommu::sun50i_iommu_zap_range(std::uint64_t iova, std::uint64_t size) {
    Frame frame{kernel(), "sun50i_iommu_zap_range"};
    iommu_lock_.lock("SNZ1");
    write(reg::AUTO_GATING, 0);
    sun50i_iommu_zap_iova(iova);
    sun50i_iommu_zap_iova(iova + kPage);
    if (size > kPage) {
        sun50i_iommu_zap_iova(iova + size);
        sun50i_iommu_zap_iova(iova + size + kPage);
    }
    sun50i_iommu_zap_ptw_cache(iova);
    sun50i_iommu_zap_ptw_cache(iova + kSection);
    if (size > kSection) {
        sun50i_iommu_zap_ptw_cache(iova + size);
        sun50i_iommu_zap_ptw_cache(iova + size + kSection);
    }
    write(reg::AUTO_GATING, 1);
    iommu_lock_.unlock("SNZ2");
}

// The rights of domains 2 and 3 share a register that is written twice, so that only the second write counts: pages
// that are only to be read can be written too. So does Linux.
int Sun50iIommu::sun50i_iommu_enable(std::uint64_t root) {
    Frame frame{kernel(), "sun50i_iommu_enable"};
    iommu_lock_.lock("SNE1");
    write(reg::TTB, static_cast<std::uint32_t>(root));
    write(reg::TLB_PREFETCH, sun::kAllMasters);
    write(reg::BYPASS, 0);
    write(reg::INT_ENABLE, sun::interrupt::kAll);
    write(reg::dm_aut(static_cast<unsigned>(Sun50iAci::none)), denied(Sun50iAci::none, true, true));
    write(reg::dm_aut(static_cast<unsigned>(Sun50iAci::read)), denied(Sun50iAci::read, false, true));
    write(reg::dm_aut(static_cast<unsigned>(Sun50iAci::write)), denied(Sun50iAci::write, true, false));
    int err = 0;
    if (!mistakes.has(Mistake::attach_without_zap)) err = sun50i_iommu_flush_all_tlb();
    if (err == 0) {
        write(reg::AUTO_GATING, 1);
        write(reg::ENABLE, 1);
    }
    iommu_lock_.unlock("SNE2");
    return err;
}

void Sun50iIommu::sun50i_iommu_disable() {
    iommu_lock_.lock("SND1");
    write(reg::ENABLE, 0);
    iommu_lock_.unlock("SND2");
}

void Sun50iIommu::request_irq(const firmware::Node& node) {
    if (node.interrupts.empty()) return;
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { sun50i_iommu_irq(); }));
}

void Sun50iIommu::report_fault(unsigned master, std::uint64_t iova, bool is_write) {
    kernel().console.err(prefix, "Page fault for {:#018x} (master {}, dir {})", iova, master, is_write ? "wr" : "rd");
}

void Sun50iIommu::sun50i_iommu_irq() {
    Frame frame{kernel(), "sun50i_iommu_irq"};
    iommu_lock_.lock("SNI1");
    const std::uint32_t status = read(reg::INT_STA);
    if ((status & sun::interrupt::kAll) != 0) {
        const std::uint32_t l1 = read(reg::L1PG_INT), l2 = read(reg::L2PG_INT);
        const auto master_of = [](std::uint32_t bits) {
            const std::uint32_t masters = bits & sun::kAllMasters;
            return masters == 0 ? 0U : log2_floor(masters);
        };
        if (sun::interrupt::L2_INVALID.test(status)) {
            report_fault(master_of(l2), read(reg::INT_ERR_ADDR_L2), false);
        } else if (sun::interrupt::L1_INVALID.test(status)) {
            report_fault(master_of(l1), read(reg::INT_ERR_ADDR_L1), false);
        } else {
            const unsigned master = master_of(status);
            const auto iova = read(reg::err_addr(master));
            const auto aci = static_cast<Sun50iAci>(sun::pte::ACI.get(read(reg::err_data(master))));
            report_fault(master, iova, aci == Sun50iAci::read);  // what the page does not allow was tried
        }
        write(reg::INT_CLR, status);
        const std::uint32_t resets = (status | l1 | l2) & sun::kAllMasters;
        write(reg::RESET, ~resets);
        write(reg::RESET, 0xFFFFFFFF);
    }
    iommu_lock_.unlock("SNI2");
}

Sun50iDomain::Sun50iDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), tables_(memory, *this) {
    if (domain_type == DomainType::identity) return;
    pgsize_bitmap = kPage;
    aperture_end = low_mask(sun::kInputBits);
}

int Sun50iDomain::init() { return tables_.init(); }

std::optional<AddressSpace> Sun50iDomain::address_space() const {
    if (iommu_ == nullptr) return std::nullopt;
    return AddressSpace{iommu_->regs, 0};
}

// Linux sun50i_iommu_detach_domain().
void Sun50iDomain::detach(Sun50iIommu& iommu) {
    iommu.sun50i_iommu_disable();
    iommu.domain.write(nullptr, "AT3");
    iommu_ = nullptr;
}

int Sun50iDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "sun50i_iommu_attach_device"};
    const Ptr<Sun50iIommu> priv = ptr_cast<Sun50iIommu>(core_.dev_iommu_priv_get(dev, "AT2"));
    Sun50iIommu& iommu = *priv.deref("AT2");
    Sun50iDomain* const old = iommu.domain.read("AT3");
    if (type == DomainType::identity) {
        if (old != nullptr) old->detach(iommu);
        return 0;
    }
    if (old == this) return 0;
    if (old != nullptr) old->detach(iommu);
    iommu.domain.write(this, "AT4");
    iommu_ = &iommu;
    return iommu.sun50i_iommu_enable(tables_.root());
}

int Sun50iDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "sun50i_iommu_map"};
    PageProt prot;
    prot.read = read;
    prot.write = write;
    // The words hold 32 bits of address.
    if ((paddr.value + size - 1) >> 32 != 0) {
        if (iommu_ != nullptr) {
            kernel().console.err(iommu_->prefix, "attempt to map address beyond 32-bit limit");
        }
        return -kEINVAL;
    }
    if (const int err = tables_.map(iova, paddr, size, prot); err != 0) return err;
    if (iommu_ != nullptr) iommu_->sun50i_iommu_zap_range(iova.value, size);  // iotlb_sync_map
    return 0;
}

std::uint64_t Sun50iDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "sun50i_iommu_unmap"};
    IotlbGather gather;
    gather.queued = true;  // iotlb_sync drops everything
    return tables_.unmap(iova, size, gather);
}

void Sun50iDomain::iotlb_sync(Iova, std::uint64_t) {
    if (iommu_ == nullptr || iommu_->mistakes.has(Mistake::unmap_without_tlbi)) return;
    iommu_->flush_all_tlb_locked();
}
void Sun50iDomain::flush_iotlb_all() {
    if (iommu_ != nullptr) iommu_->flush_all_tlb_locked();
}

Sun50iIommuOps::Sun50iIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// Any master number is taken; of two providers the last one wins, and both ids stay.
int Sun50iIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "sun50i_iommu_of_xlate"};
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    core_.dev_iommu_priv_set(dev, Ptr<Sun50iIommu>(static_cast<Sun50iIommu*>(provider.deref("OX1")->driver_data)),
                             "OX2");
    return core_.iommu_fwspec_add_ids(dev, {args.args.empty() ? 0 : args.args.front()});
}

PtrOrErr<IommuDevice> Sun50iIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "sun50i_iommu_probe_device"};
    const Ptr<Sun50iIommu> iommu = ptr_cast<Sun50iIommu>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!iommu) return {{}, -kENODEV};
    return {iommu.deref("PR3")->iommu, 0};
}

PtrOrErr<IommuGroup> Sun50iIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "sun50i_iommu_device_group"};
    return core_.generic_single_device_group(dev);
}

Ptr<IommuDomain> Sun50iIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "sun50i_iommu_domain_alloc_paging"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    const Ptr<Sun50iDomain> domain = core_.k.heap.make<Sun50iDomain>("SNA1", type, core_, pages_);
    if (!domain) return {};
    if (domain->init() != 0) {
        core_.k.heap.release(domain, "SNA2");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> Sun50iIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<Sun50iDomain>("SNA3", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

Sun50iIommuDriver::Sun50iIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool Sun50iIommuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

// It writes no register: the first attach does.
int Sun50iIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "sun50i_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<Sun50iIommu> made = core_.k.heap.make<Sun50iIommu>("SNP1", dev, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    Sun50iIommu& iommu = *made.get();
    if (node.regs.empty()) return -kEINVAL;
    iommu.regs = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (!node.has("resets")) {
        core_.k.console.err(iommu.prefix, "Couldn't get our reset line.");
        return -kENOENT;
    }
    dev.driver_data = &iommu;
    iommu.iommu = core_.k.heap.make<IommuDevice>("SNP2", dev.name);
    if (!iommu.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(iommu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.heap.release(iommu.iommu, "SNP3");
        iommu.iommu = {};
        return err;
    }
    iommu.request_irq(node);
    return 0;
}

std::unique_ptr<Driver> make_sun50i_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<Sun50iIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
