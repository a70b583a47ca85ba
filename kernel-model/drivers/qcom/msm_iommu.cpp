#include "kernel-model/drivers/qcom/msm_iommu.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/property_values.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace msm = iommu::msm;
namespace cb = iommu::msm::cb;
namespace global = iommu::msm::global;
namespace m2vcbr = iommu::msm::m2vcbr;

namespace {

constexpr std::string_view kDriver = "msm_iommu", kPrefix = "msm_iommu";
constexpr unsigned kRelease61 = 601;
constexpr std::uint64_t kPageSizes = 0x1111000, kPage = 0x1000;  // 4K, 64K, 1M, 16M
constexpr std::uint64_t kLookupUs = 2;

}  // namespace

MsmIommuDev::MsmIommuDev(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "msm_iommu_dev"),
      dev(the_dev),
      mistakes(the_mistakes),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t MsmIommuDev::get(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(base + offset, 4));
}
void MsmIommuDev::set(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(base + offset, 4, value);
}
void MsmIommuDev::set_field(std::uint32_t offset, const Field& field, std::uint32_t value) {
    const std::uint64_t was = get(offset);
    set(offset, static_cast<std::uint32_t>((was & ~field.mask()) | field.of(value)));
}

void MsmIommuDev::msm_iommu_reset() {
    Frame frame{kernel(), "msm_iommu_reset"};
    set_field(global::CR, msm::cr::RPUE, 0);
    set_field(global::CR, msm::cr::RPUEIE, 0);
    set(global::ESRRESTORE, 0);
    set_field(global::TESTBUSCR, msm::testbuscr::TBE, 0);
    set(global::CR, 0);
    set_field(global::TESTBUSCR, msm::testbuscr::SPDMBE, 0);
    set(global::TESTBUSCR, 0);
    set(global::TLBRSW, 0);
    set(global::TLBIALL, 0);
    set(global::RPU_ACR, 0);
    set_field(global::CR, msm::cr::TLBLKCRWE, 1);
    for (unsigned ctx = 0; ctx < ncb; ++ctx) {
        reset_context(ctx);
        set_ctx(ctx, cb::CONTEXTIDR, 0);
    }
}

// The bypass attributes are fields of M2VCBR by the bank's number, as Linux has it.
void MsmIommuDev::reset_context(unsigned ctx) {
    for (const Field& field : {m2vcbr::BPRCOSH, m2vcbr::BPRCISH, m2vcbr::BPRCNSH, m2vcbr::BPSHCFG, m2vcbr::BPMTCFG}) {
        set_field(global::M2VCBR(ctx), field, 0);
    }
    for (const std::uint32_t offset : {cb::ACTLR, cb::SCTLR, cb::FSRRESTORE, cb::TTBR0, cb::TTBR1, cb::TTBCR, cb::BFBCR,
                                       cb::PAR, cb::FAR, cb::TLBIALL, cb::TLBFLPTER, cb::TLBSLPTER, cb::TLBLCKR}) {
        set_ctx(ctx, offset, 0);
    }
}

void MsmIommuDev::config_mids(const MsmIommuMaster& of) {
    Frame frame{kernel(), "config_mids"};
    constexpr std::uint32_t kNonSecure = 3;
    for (const std::uint32_t mid : of.mids) {
        set(global::M2VCBR(mid), 0);
        set(global::CBACR(of.num), 0);
        set_field(global::M2VCBR(mid), m2vcbr::VMID, 0);
        set_field(global::M2VCBR(mid), m2vcbr::CBNDX, of.num);
        set_field(global::CBACR(of.num), msm::cbacr::CBVMID, 0);
        set_ctx_field(of.num, cb::CONTEXTIDR, msm::contextidr::ASID, of.num);
        set_field(global::M2VCBR(mid), m2vcbr::NSCFG, kNonSecure);
    }
}

void MsmIommuDev::program_context(unsigned ctx, const Vmsav7Short::Registers& registers) {
    Frame frame{kernel(), "__program_context"};
    constexpr std::uint32_t kWalkOnMiss = 3;
    reset_context(ctx);
    set_ctx_field(ctx, cb::SCTLR, msm::sctlr::TRE, 1);
    set_ctx_field(ctx, cb::SCTLR, msm::sctlr::AFE, 1);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::TLBMCFG, kWalkOnMiss);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::V2PCFG, kWalkOnMiss);
    set_ctx(ctx, cb::TTBCR, registers.ttbcr);
    set_ctx(ctx, cb::TTBR0, registers.ttbr0);
    set_ctx(ctx, cb::TTBR1, 0);
    set_ctx(ctx, cb::PRRR, registers.prrr);
    set_ctx(ctx, cb::NMRR, registers.nmrr);
    set_ctx(ctx, cb::TLBIALL, 0);
    set_field(global::CBACR(ctx), msm::cbacr::IRPTNDX, 0);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::CFEIE, 1);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::CFCFG, 1);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::RCISH, 1);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::RCOSH, 1);
    set_ctx_field(ctx, cb::ACTLR, msm::actlr::RCNSH, 1);
    set_ctx_field(ctx, cb::BFBCR, msm::bfbcr::BFBDFE, 1);
    set_ctx_field(ctx, cb::SCTLR, msm::sctlr::M, 1);
}

// Linux reads PAR at once: the hardware holds that read until the walk is done, which the model's registers do not.
std::uint32_t MsmIommuDev::v2p(unsigned ctx, std::uint64_t va) {
    set_ctx(ctx, cb::V2PPR, msm::tlbiva::va(va));
    kernel().machine.pass(us(kLookupUs));
    return get_ctx(ctx, cb::PAR);
}

void MsmIommuDev::request_irq(const firmware::Node& node) {
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { msm_iommu_fault_handler(); }));
}

void MsmIommuDev::msm_iommu_fault_handler() {
    Frame frame{kernel(), "msm_iommu_fault_handler"};
    Console& console = kernel().console;
    console.err(kPrefix, "Unexpected IOMMU page fault!");
    console.err(kPrefix, "base = {:08x}", base.value);
    for (unsigned ctx = 0; ctx < ncb; ++ctx) {
        if (get_ctx(ctx, cb::FSR) == 0) continue;
        console.err(kPrefix, "Fault occurred in context {}.", ctx);
        console.err(kPrefix, "Interesting registers:");
        print_ctx_regs(ctx);
        set_ctx(ctx, cb::FSR, msm::fsr::kTaken);
    }
}

void MsmIommuDev::print_ctx_regs(unsigned ctx) {
    Console& console = kernel().console;
    struct Cause {
        std::uint32_t bit;
        const char* name;
    };
    constexpr Cause kCauses[] = {{0x02, "TF "},       {0x04, "AFF "},        {0x08, "APF "}, {0x10, "TLBMF "},
                                 {0x20, "HTWDEEF "},  {0x40, "HTWSEEF "},    {0x80, "MHF "}, {0x10000, "SL "},
                                 {0x40000000, "SS "}, {0x80000000, "MULTI "}};
    const std::uint32_t fsr = get_ctx(ctx, cb::FSR);
    std::string causes;
    for (const Cause& one : kCauses) {
        if ((fsr & one.bit) != 0) causes += one.name;
    }
    const std::uint32_t far = get_ctx(ctx, cb::FAR);
    console.err(kPrefix, "FAR    = {:08x}    PAR    = {:08x}", far, get_ctx(ctx, cb::PAR));
    console.err(kPrefix, "FSR    = {:08x} [{}]", fsr, causes);
    const std::uint32_t syndrome = get_ctx(ctx, cb::FSYNR0);
    console.err(kPrefix, "FSYNR0 = {:08x}    FSYNR1 = {:08x}", syndrome, get_ctx(ctx, cb::FSYNR1));
    const std::uint32_t ttbr0 = get_ctx(ctx, cb::TTBR0);
    console.err(kPrefix, "TTBR0  = {:08x}    TTBR1  = {:08x}", ttbr0, get_ctx(ctx, cb::TTBR1));
    const std::uint32_t control = get_ctx(ctx, cb::SCTLR);
    console.err(kPrefix, "SCTLR  = {:08x}    ACTLR  = {:08x}", control, get_ctx(ctx, cb::ACTLR));
}

MsmIommuDomain::MsmIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, MsmIommuOps& ops,
                               TableMemory& memory)
    : IommuDomain(the_kernel, domain_type),
      core_(core),
      ops_(ops),
      memory_(memory),
      pgtlock_(the_kernel, "priv->pgtlock") {
    pgsize_bitmap = kPageSizes;
    aperture_end = low_mask(32);
}

int MsmIommuDomain::attach_dev(Device& dev) {
    if (type == DomainType::identity) return msm_iommu_identity_attach(dev);
    Frame frame{kernel(), "msm_iommu_attach_dev"};
    if (!tables_) {
        auto tables = std::make_unique<PgtableOf<Vmsav7Short>>(memory_, *this, kPageSizes, false);
        if (tables->init() != 0) {
            kernel().console.err(dev.prefix(), "Failed to allocate pagetable");
        } else {
            tables_ = std::move(tables);
        }
    }
    if (!tables_) return 0;  // Linux does not look, and would write an empty configuration
    int ret = 0;
    ops_.msm_iommu_lock.lock("MSA1");
    for (MsmIommuDev* const iommu : ops_.qcom_iommu_devices) {
        if (!MsmIommuOps::is_master(*iommu, dev)) continue;
        MsmIommuMaster& master = *iommu->master.get();
        if (master.num != 0) {
            kernel().console.err(dev.prefix(), "domain already attached");
            ret = -kEEXIST;
            break;
        }
        const auto free = std::find(iommu->context_map.begin(), iommu->context_map.end(), false);
        if (free == iommu->context_map.end()) {
            ret = -kENODEV;
            break;
        }
        *free = true;
        master.num = static_cast<unsigned>(free - iommu->context_map.begin());
        iommu->config_mids(master);
        iommu->program_context(master.num, tables_->format().registers(tables_->root()));
        list_attached_.insert(list_attached_.begin(), iommu);
    }
    ops_.msm_iommu_lock.unlock("MSA2");
    return ret;
}

// 6.1: msm_iommu_detach_dev().
void MsmIommuDomain::detach_dev(Device&) {
    Frame frame{kernel(), "msm_iommu_detach_dev"};
    ops_.msm_iommu_lock.lock("MSD1");
    for (MsmIommuDev* const iommu : list_attached_) {
        const unsigned bank = iommu->master.get()->num;
        iommu->context_map[bank] = false;
        iommu->reset_context(bank);
    }
    ops_.msm_iommu_lock.unlock("MSD2");
    free();
}

// A bank's number stays its master's, and an instance stays on the list of the domain that it has left. So does Linux.
int MsmIommuDomain::msm_iommu_identity_attach(Device& dev) {
    Frame frame{kernel(), "msm_iommu_identity_attach"};
    const Ptr<MsmIommuDomain> old = ptr_cast<MsmIommuDomain>(core_.iommu_get_domain_for_dev(dev, "MSI1"));
    if (!old || old.get() == this) return 0;
    old->detach_dev(dev);
    return 0;
}

void MsmIommuDomain::free() {
    if (!tables_) return;
    tables_->free_tables();
    tables_.reset();
}

void MsmIommuDomain::flush_iotlb_range(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    for (MsmIommuDev* const iommu : list_attached_) {
        const unsigned bank = iommu->master.get()->num;
        for (std::uint64_t left = size; left != 0; left -= std::min(left, granule)) {
            const std::uint32_t asid =
                static_cast<std::uint32_t>(msm::contextidr::ASID.get(iommu->get_ctx(bank, cb::CONTEXTIDR)));
            iommu->set_ctx(bank, cb::TLBIVA, msm::tlbiva::va(iova) | asid);
            iova += granule;
        }
    }
}

void MsmIommuDomain::flush_iotlb_all() {
    Frame frame{kernel(), "__flush_iotlb"};
    for (MsmIommuDev* const iommu : list_attached_) iommu->set_ctx(iommu->master.get()->num, cb::TLBIALL, 0);
}

void MsmIommuDomain::tlb_flush_walk(std::uint64_t iova, std::uint64_t size, std::uint64_t granule) {
    Frame frame{kernel(), "__flush_iotlb_walk"};
    flush_iotlb_range(iova, size, granule);
}

void MsmIommuDomain::tlb_sync_gather(const IotlbGather& gather) {
    if (gather.pgsize == 0 || list_attached_.empty()) return;
    const Mistakes& mistakes = list_attached_.front()->mistakes;
    if (mistakes.has(Mistake::unmap_without_tlbi)) return;
    Frame frame{kernel(), "__flush_iotlb_page"};
    std::uint64_t size = gather.end - gather.start + 1;
    if (mistakes.has(Mistake::short_range)) size -= gather.pgsize;
    for (std::uint64_t done = 0; done < size; done += gather.pgsize) {
        flush_iotlb_range(gather.start + done, gather.pgsize, gather.pgsize);
    }
}

int MsmIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "msm_iommu_map"};
    if (!tables_) return -kENODEV;
    PageProt prot;
    prot.read = read;
    prot.write = write;
    pgtlock_.lock("MSM1");
    const int err = tables_->map(iova, paddr, size, prot);
    pgtlock_.unlock("MSM2");
    if (err == 0) flush_iotlb_range(iova.value, size, kPage);  // msm_iommu_sync_map()
    return err;
}

std::uint64_t MsmIommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "msm_iommu_unmap"};
    if (!tables_) return 0;
    pgtlock_.lock("MSU1");
    IotlbGather gather;
    const std::uint64_t unmapped = tables_->unmap(iova, size, gather);
    tlb_sync_gather(gather);
    pgtlock_.unlock("MSU2");
    return unmapped;
}

// By the hardware, as Linux does.
std::optional<PhysAddr> MsmIommuDomain::iova_to_phys(Iova iova) {
    Frame frame{kernel(), "msm_iommu_iova_to_phys"};
    if (list_attached_.empty()) return std::nullopt;
    MsmIommuDev& iommu = *list_attached_.front();
    const unsigned bank = iommu.master.get()->num;
    iommu.set_ctx(bank, cb::TLBIALL, 0);
    const std::uint32_t par = iommu.v2p(bank, iova.value);
    if (msm::par::FAULT.test(par)) return std::nullopt;
    return PhysAddr{msm::par::page(par) | (iova.value & low_mask(12))};
}

std::optional<AddressSpace> MsmIommuDomain::address_space() const {
    if (list_attached_.empty()) return std::nullopt;
    const MsmIommuDev& iommu = *list_attached_.front();
    return AddressSpace{iommu.base, static_cast<std::uint16_t>(iommu.master.get()->num)};
}

MsmIommuOps::MsmIommuOps(IommuCore& core, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), msm_iommu_lock(core.k, "msm_iommu_lock"), core_(core), pages_(pages) {
    properties.checks_fwspec = false;
    properties.instance_lookup = InstanceLookup::list;
}

bool MsmIommuOps::is_master(const MsmIommuDev& iommu, const Device& dev) {
    return iommu.master && dev.of_node && iommu.master.get()->of_node == *dev.of_node;
}

// A second device of an instance has no master of its own: its private data is followed all the same.
int MsmIommuOps::insert_iommu_master(Device& dev, MsmIommuDev& iommu, std::uint32_t mid) {
    Frame frame{core_.k, "insert_iommu_master"};
    Ptr<MsmIommuMaster> master = ptr_cast<MsmIommuMaster>(core_.dev_iommu_priv_get(dev, "OX2"));
    if (!iommu.master) {
        master = core_.k.heap.make<MsmIommuMaster>("OX3", *dev.of_node);
        if (!master) {
            core_.k.console.err(dev.prefix(), "Failed to allocate iommu_master");
            return -kENOMEM;
        }
        iommu.master = master;
        core_.dev_iommu_priv_set(dev, master, "OX3");
    }
    std::vector<std::uint32_t>& mids = master.deref("OX4")->mids;
    const auto found = std::find(mids.begin(), mids.end(), mid);
    if (found != mids.end()) {
        core_.k.console.warn(dev.prefix(), "Stream ID 0x{:x} repeated; ignoring", found - mids.begin());
        return 0;
    }
    mids.push_back(mid);
    return 0;
}

int MsmIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "qcom_iommu_of_xlate"};
    int ret = -kENODEV;
    msm_iommu_lock.lock("OX1");
    for (MsmIommuDev* const iommu : qcom_iommu_devices) {
        if (!(iommu->dev.of_node == args.np)) continue;
        ret = insert_iommu_master(dev, *iommu, args.args.empty() ? 0 : args.args.front());
        break;
    }
    msm_iommu_lock.unlock("OX5");
    return ret;
}

PtrOrErr<IommuDevice> MsmIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "msm_iommu_probe_device"};
    msm_iommu_lock.lock("PR1");
    const auto found = std::find_if(qcom_iommu_devices.begin(), qcom_iommu_devices.end(),
                                    [&](const MsmIommuDev* iommu) { return is_master(*iommu, dev); });
    msm_iommu_lock.unlock("PR2");
    if (found == qcom_iommu_devices.end()) return {{}, -kENODEV};
    return {(*found)->iommu, 0};
}

PtrOrErr<IommuGroup> MsmIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "msm_iommu_device_group"};
    return core_.generic_device_group(dev);
}

Ptr<IommuDomain> MsmIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "msm_iommu_domain_alloc_paging"};
    const bool dma = type == DomainType::dma && core_.variant.release > kRelease61;
    if (type != DomainType::unmanaged && !dma) return {};
    return core_.k.heap.make<MsmIommuDomain>("MSN1", type, core_, *this, pages_);
}

Ptr<IommuDomain> MsmIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<MsmIommuDomain>("MSN2", DomainType::identity, core_, *this, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

MsmIommuDriver::MsmIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform), core_(core), mistakes_(parts.mistakes), ops_(core, parts.pages) {}

bool MsmIommuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

// A look-up tells whether there is hardware: its answer is never zero.
int MsmIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "msm_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<MsmIommuDev> made = core_.k.heap.make<MsmIommuDev>("MSP1", dev, mistakes_);
    if (!made) return -kENODEV;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    MsmIommuDev& iommu = *made.get();
    for (const char* clock : {"smmu_pclk", "iommu_clk"}) {
        if (firmware::has_string(node, "clock-names", clock)) continue;
        core_.k.console.err(dev.prefix(), "could not get {}", clock);
        return -kENOENT;
    }
    if (node.regs.empty()) return -kEINVAL;
    iommu.base = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (node.interrupts.empty()) return -kENODEV;
    const auto ncb = node.u32("qcom,ncb");
    if (!ncb) {
        core_.k.console.err(dev.prefix(), "could not get ncb");
        return -kEINVAL;
    }
    iommu.ncb = *ncb;
    iommu.context_map.assign(iommu.ncb, false);
    iommu.msm_iommu_reset();
    iommu.set_ctx_field(0, cb::SCTLR, msm::sctlr::M, 1);
    iommu.set_ctx(0, cb::PAR, 0);
    iommu.set_ctx_field(0, cb::ACTLR, msm::actlr::V2PCFG, 1);
    const std::uint32_t par = iommu.v2p(0, 0);
    iommu.set_ctx_field(0, cb::ACTLR, msm::actlr::V2PCFG, 0);
    iommu.set_ctx_field(0, cb::SCTLR, msm::sctlr::M, 0);
    if (par == 0) {
        core_.k.console.err(kPrefix, "Invalid PAR value detected");
        return -kENODEV;
    }
    iommu.request_irq(node);
    ops_.qcom_iommu_devices.insert(ops_.qcom_iommu_devices.begin(), &iommu);
    iommu.iommu = core_.k.heap.make<IommuDevice>("MSP2", fmt::format("msm-smmu.{:#010x}", iommu.base.value));
    if (!iommu.iommu) return -kENOMEM;
    dev.driver_data = &iommu;
    if (const int err = core_.iommu_device_register(iommu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.console.err(kPrefix, "Could not register msm-smmu at {:#010x}", iommu.base.value);
        return err;
    }
    core_.k.console.info(kPrefix, "device mapped at {:#010x}, with {} ctx banks", iommu.base.value, iommu.ncb);
    return 0;
}

std::unique_ptr<Driver> make_msm_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<MsmIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
