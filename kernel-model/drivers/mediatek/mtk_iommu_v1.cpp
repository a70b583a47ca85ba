#include "kernel-model/drivers/mediatek/mtk_iommu_v1.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/property_values.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

namespace m4u = iommu::mediatek_v1;

namespace {

constexpr std::string_view kDriver = "mtk-iommu-v1";
constexpr unsigned kRelease61 = 601, kFirstReleaseWithoutOpsCheck = 612;
constexpr std::uint64_t kPage = std::uint64_t{1} << m4u::kPageBits;
constexpr std::uint64_t kProtectAlign = 128;
constexpr std::uint64_t kFlushTimeoutUs = 100'000;

}  // namespace

MtkIommuV1::MtkIommuV1(Kernel& the_kernel, Device& the_dev, RuntimePm& the_power, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "mtk_iommu_v1_data"),
      dev(the_dev),
      power(the_power),
      mistakes(the_mistakes),
      prefix(std::string(kDriver) + " " + the_dev.name),
      irq_(the_kernel, "irq/" + the_dev.name, 0) {}

std::uint32_t MtkIommuV1::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(base + offset, 4));
}
void MtkIommuV1::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(base + offset, 4, value);
}

void MtkIommuV1::mtk_iommu_v1_tlb_flush_all() {
    write(m4u::reg::INV_SEL, m4u::kInvSelBoth);
    write(m4u::reg::INVALIDATE, m4u::invalidate::kAll);
}

void MtkIommuV1::mtk_iommu_v1_tlb_flush_range(std::uint64_t iova, std::uint64_t size) {
    Frame frame{kernel(), "mtk_iommu_v1_tlb_flush_range"};
    write(m4u::reg::INV_SEL, m4u::kInvSelBoth);
    write(m4u::reg::INVLD_START, static_cast<std::uint32_t>(align_down(iova, kPage)));
    write(m4u::reg::INVLD_END, static_cast<std::uint32_t>(align_down(iova + size - 1, kPage)));
    write(m4u::reg::INVALIDATE, m4u::invalidate::kRange);
    const SimTime limit = kernel().machine.now() + us(kFlushTimeoutUs);
    while (read(m4u::reg::CPE_DONE) == 0) {
        if (kernel().machine.now() > limit) {
            kernel().console.warn(prefix, "Partial TLB flush timed out, falling back to full flush");
            mtk_iommu_v1_tlb_flush_all();
            break;
        }
        kernel().machine.pass(us(10));
    }
    write(m4u::reg::CPE_DONE, 0);
}

int MtkIommuV1::mtk_iommu_v1_hw_init(const firmware::Node& node) {
    Frame frame{kernel(), "mtk_iommu_v1_hw_init"};
    constexpr std::uint32_t kProtect = 2;
    write(m4u::reg::CTRL,
          static_cast<std::uint32_t>(m4u::ctrl::COHERENT_EN.of(1) | m4u::ctrl::TF_PROTECT_SEL.of(kProtect)));
    write(m4u::reg::INT_CONTROL, m4u::interrupt::kAll);
    write(m4u::reg::IVRP_PADDR, static_cast<std::uint32_t>(protect_base));
    write(m4u::reg::DCM, m4u::kDcmOn);
    kernel().machine.connect_interrupt(*dev.of_node, node.interrupts.front().name,
                                       irq_.entry([this] { mtk_iommu_v1_isr(); }));
    return 0;
}

// Which way the access went, this hardware does not say: a read, to Linux.
void MtkIommuV1::mtk_iommu_v1_isr() {
    Frame frame{kernel(), "mtk_iommu_v1_isr"};
    const std::uint32_t state = read(m4u::reg::FAULT_ST);
    const std::uint64_t iova = m4u::page(read(m4u::reg::FAULT_VA));
    const std::uint32_t pa = read(m4u::reg::INVLD_PA);
    const std::uint32_t id = read(m4u::reg::INT_ID);
    const auto larb = static_cast<int>(m4u::int_id::kLastLarb) - static_cast<int>(m4u::int_id::LARB.get(id));
    kernel().console.err(prefix, "fault type=0x{:x} iova=0x{:x} pa=0x{:x} larb={} port={}", state, iova, pa, larb,
                         m4u::int_id::PORT.get(id));
    write(m4u::reg::INT_CONTROL, read(m4u::reg::INT_CONTROL) | static_cast<std::uint32_t>(m4u::interrupt::CLR.mask()));
    mtk_iommu_v1_tlb_flush_all();
}

MtkIommuV1Domain::MtkIommuV1Domain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), memory_(memory), pgtlock_(the_kernel, "dom->pgtlock") {
    pgsize_bitmap = kPage;
}

std::optional<AddressSpace> MtkIommuV1Domain::address_space() const {
    if (data_ == nullptr) return std::nullopt;
    return AddressSpace{data_->base, 0};
}

// The ports of a device: written to hardware when the larb is resumed.
void MtkIommuV1Domain::mtk_iommu_v1_config(MtkIommuV1& data, Device& dev, bool enable) {
    Frame frame{kernel(), "mtk_iommu_v1_config"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "AT2");
    const unsigned ids = fwspec.deref("AT2")->num_ids("AT2");
    for (unsigned i = 0; i < ids; ++i) {
        const std::uint32_t id = fwspec->id(i, "AT3");
        const std::uint32_t bit = std::uint32_t{1} << m4u::port_of(id) % 32;
        std::uint32_t& mmu = data.larb_imu[m4u::larb_of(id)].mmu;
        mmu = enable ? mmu | bit : mmu & ~bit;
    }
    if (enable) data.power.set_up(dev);
}

// Of all domains the one of the driver's own mapping counts; another one is taken and nothing done.
int MtkIommuV1Domain::attach_dev(Device& dev) {
    const Ptr<MtkIommuV1> priv = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "AT1"));
    MtkIommuV1& data = *priv.deref("AT1");
    if (type == DomainType::identity) {
        Frame frame{kernel(), "mtk_iommu_v1_identity_attach"};
        mtk_iommu_v1_config(data, dev, false);
        return 0;
    }
    Frame frame{kernel(), "mtk_iommu_v1_attach_device"};
    if (data.mapping.deref("AT1")->domain.get() != this) return 0;
    if (data.m4u_dom == nullptr) {
        table_ = memory_.alloc_table(m4u::kTableBytes);  // mtk_iommu_v1_domain_finalise()
        if (!table_) return -kENOMEM;
        words_.assign(m4u::kTableBytes / m4u::kWordBytes, 0);
        data.m4u_dom = this;
        data_ = &data;
        aperture_start = 0;
        aperture_end = low_mask(m4u::kInputBits);
        data.write(m4u::reg::PT_BASE, static_cast<std::uint32_t>(table_->value));
    }
    mtk_iommu_v1_config(data, dev, true);
    return 0;
}

void MtkIommuV1Domain::detach_dev(Device& dev) {
    Frame frame{kernel(), "mtk_iommu_v1_detach_device"};
    const Ptr<MtkIommuV1> priv = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "DT1"));
    mtk_iommu_v1_config(*priv.deref("DT1"), dev, false);
}

void MtkIommuV1Domain::store(std::uint64_t iova, const std::vector<std::uint64_t>& words) {
    const std::uint64_t index = iova >> m4u::kPageBits;
    std::copy(words.begin(), words.end(), words_.begin() + static_cast<std::ptrdiff_t>(index));
    memory_.store(PhysAddr{table_->value + index * m4u::kWordBytes}, words.data(), words.size(), m4u::kWordBytes);
}

// What is mapped before a page that has something stays; rights are not kept.
int MtkIommuV1Domain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool, bool) {
    Frame frame{kernel(), "mtk_iommu_v1_map"};
    if (data_ == nullptr || iova.value + size > aperture_end + 1) return -kEINVAL;
    std::vector<std::uint64_t> words;
    pgtlock_.lock("MVM1");
    for (std::uint64_t done = 0; done < size; done += kPage) {
        if (words_[(iova.value + done) >> m4u::kPageBits] != 0) break;
        words.push_back(keep(paddr.value + done, 31, m4u::kPageBits) | m4u::word::VALID.of(1) |
                        m4u::word::NONSEC.of(1));
    }
    if (!words.empty()) store(iova.value, words);
    pgtlock_.unlock("MVM2");
    data_->mtk_iommu_v1_tlb_flush_range(iova.value, words.size() * kPage);
    return words.size() * kPage == size ? 0 : -kEEXIST;
}

std::uint64_t MtkIommuV1Domain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "mtk_iommu_v1_unmap"};
    if (data_ == nullptr || iova.value + size > aperture_end + 1) return 0;
    const bool flush = !data_->mistakes.has(Mistake::unmap_without_tlbi);
    const std::uint64_t covered = data_->mistakes.has(Mistake::short_range) && size > kPage ? size - kPage : size;
    pgtlock_.lock("MVU1");
    store(iova.value, std::vector<std::uint64_t>(size / kPage, 0));
    pgtlock_.unlock("MVU2");
    if (flush) data_->mtk_iommu_v1_tlb_flush_range(iova.value, covered);
    return size;
}

std::optional<PhysAddr> MtkIommuV1Domain::iova_to_phys(Iova iova) {
    if (!table_ || iova.value > aperture_end) return std::nullopt;
    const std::uint32_t bits = words_[iova.value >> m4u::kPageBits];
    if (!m4u::word::VALID.test(bits)) return std::nullopt;
    return PhysAddr{m4u::page(bits) | (iova.value & low_mask(m4u::kPageBits))};
}

void MtkIommuV1Domain::free() {
    if (!table_) return;
    memory_.free_table(*table_, m4u::kTableBytes);
    table_.reset();
    data_ = nullptr;
}

MtkIommuV1Ops::MtkIommuV1Ops(IommuCore& core, BusType& platform, RuntimePm& power, PageAllocator& pages, Arch arch)
    : IommuOps(std::string(kDriver)),
      core_(core),
      platform_(platform),
      power_(power),
      pages_(pages),
      arch_(std::move(arch)) {
    properties.checks_fwspec = core.variant.release < kFirstReleaseWithoutOpsCheck;
    properties.uses_ids_after_probe = true;
    properties.instance_lookup = InstanceLookup::priv;
}

int MtkIommuV1Ops::mtk_iommu_v1_create_mapping(Device& dev, const firmware::IommuEntry& entry) {
    Frame frame{core_.k, "mtk_iommu_v1_create_mapping"};
    if (entry.args.size() != 1) {
        core_.k.console.err(dev.prefix(), "invalid #iommu-cells({}) property for IOMMU", entry.args.size());
        return -kEINVAL;
    }
    if (const int err = core_.iommu_fwspec_init(dev, entry.provider, this); err != 0) return err;
    if (!core_.dev_iommu_priv_get(dev, "PR2")) {
        Device* const m4udev = core_.driver_core.bus_find_device_by_fwnode(platform_, entry.provider, "PR2");
        if (m4udev == nullptr) {
            core_.k.reports.warn("mtk_iommu_v1_create_mapping: no such device", "PR2");
            return -kEINVAL;
        }
        core_.dev_iommu_priv_set(dev, Ptr<MtkIommuV1>(static_cast<MtkIommuV1*>(m4udev->driver_data)), "PR2");
    }
    if (const int err = core_.iommu_fwspec_add_ids(dev, {entry.args.front()}); err != 0) return err;
    const Ptr<MtkIommuV1> data = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "PR3"));
    if (data.deref("PR3")->mapping) return 0;
    const PtrOrErr<ArmMapping> made = arch_().arm_iommu_create_mapping(dev, 0, std::uint64_t{1} << m4u::kInputBits);
    if (made.err != 0) return made.err;
    data->mapping = made.value;
    return 0;
}

// What firmware's parser has left goes first: here the entries are read again.
PtrOrErr<IommuDevice> MtkIommuV1Ops::probe_device(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_v1_probe_device"};
    if (core_.dev_iommu_fwspec_get(dev, "PR1")) core_.iommu_fwspec_free(dev);
    if (dev.of_node) {
        for (const firmware::IommuEntry& entry : core_.description.node(*dev.of_node).iommus) {
            if (!entry.provider) break;
            if (const int err = mtk_iommu_v1_create_mapping(dev, entry); err != 0) return {{}, err};
        }
    }
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR4");
    if (properties.checks_fwspec && (!fwspec || core_.iommu_fwspec_ops(fwspec, "PR4") != this)) return {{}, -kENODEV};
    const Ptr<MtkIommuV1> data = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "PR5"));
    const unsigned larb = m4u::larb_of(fwspec.deref("PR5")->id(0, "PR5"));
    if (larb >= m4u::kLarbs) return {{}, -kEINVAL};
    for (unsigned i = 1; i < fwspec->num_ids("PR6"); ++i) {
        const unsigned other = m4u::larb_of(fwspec->id(i, "PR6"));
        if (other == larb) continue;
        core_.k.console.err(dev.prefix(), "Can only use one larb. Fail@larb{}-{}.", larb, other);
        return {{}, -kEINVAL};
    }
    Device* const larbdev = data.deref("PR7")->larb_imu[larb].dev;
    if (larbdev == nullptr) return {{}, -kEINVAL};
    power_.link(dev, *larbdev);
    return {data->iommu, 0};
}

void MtkIommuV1Ops::probe_finalize(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_v1_probe_finalize"};
    const Ptr<MtkIommuV1> data = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "PF1"));
    if (arch_().arm_iommu_attach_device(dev, data.deref("PF1")->mapping) != 0)
        core_.k.console.err(dev.prefix(), "Can't create IOMMU mapping - DMA-OPS will not work");
}

void MtkIommuV1Ops::release_device(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_v1_release_device"};
    const Ptr<MtkIommuV1> data = ptr_cast<MtkIommuV1>(core_.dev_iommu_priv_get(dev, "RE1"));
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "RE1");
    const unsigned larb = m4u::larb_of(fwspec.deref("RE1")->id(0, "RE1"));
    if (Device* const larbdev = data.deref("RE1")->larb_imu[larb].dev; larbdev != nullptr) power_.unlink(dev, *larbdev);
    if (core_.variant.release <= kRelease61) core_.iommu_fwspec_free(dev);
}

PtrOrErr<IommuGroup> MtkIommuV1Ops::device_group(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_v1_device_group"};
    return core_.generic_device_group(dev);
}

DomainType MtkIommuV1Ops::def_domain_type(Device&) {
    return core_.variant.release <= kRelease61 ? DomainType::unmanaged : DomainType::none;
}

Ptr<IommuDomain> MtkIommuV1Ops::domain_alloc(DomainType type) {
    Frame frame{core_.k, "mtk_iommu_v1_domain_alloc_paging"};
    if (type != DomainType::unmanaged) return {};
    return core_.k.heap.make<MtkIommuV1Domain>("MVD1", type, core_, pages_);
}

Ptr<IommuDomain> MtkIommuV1Ops::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<MtkIommuV1Domain>("MVD2", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

MtkIommuV1Driver::MtkIommuV1Driver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                   MtkIommuV1Ops::Arch arch)
    : Driver(std::string(kDriver), platform),
      core_(core),
      power_(parts.power),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.power, parts.pages, std::move(arch)) {}

bool MtkIommuV1Driver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

int MtkIommuV1Driver::probe(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_v1_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<MtkIommuV1> made = core_.k.heap.make<MtkIommuV1>("MVP1", dev, power_, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    MtkIommuV1& data = *made.get();
    const std::optional<PhysAddr> protect = pages_.alloc_zeroed(2 * kProtectAlign);
    if (!protect) return -kENOMEM;
    data.protect_base = align_up(protect->value, kProtectAlign);
    if (node.regs.empty()) return -kEINVAL;
    data.base = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (node.interrupts.empty()) return -kENXIO;
    if (!firmware::has_string(node, "clock-names", "bclk")) return -kENOENT;
    if (const int err = find_larbs(data, node); err != 0) return err;
    dev.driver_data = &data;
    if (const int err = data.mtk_iommu_v1_hw_init(node); err != 0) return err;
    data.iommu = core_.k.heap.make<IommuDevice>("MVP2", dev.name);
    if (!data.iommu) return -kENOMEM;
    if (const int err = core_.iommu_device_register(data.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.heap.release(data.iommu, "MVP3");
        data.iommu = {};
        dev.driver_data = nullptr;
        return err;
    }
    mtk_iommu_v1_bind(data);
    return 0;
}

// Numbered by their place in the list, whatever their own number is.
int MtkIommuV1Driver::find_larbs(MtkIommuV1& data, const firmware::Node& node) {
    if (!node.has("mediatek,larbs")) return -kENOENT;
    const std::vector<std::uint32_t> larbs = firmware::cells_of(node, "mediatek,larbs");
    for (std::size_t i = 0; i < larbs.size() && i < data.larb_imu.size(); ++i) {
        const auto at = core_.description.find_phandle(larbs[i]);
        if (!at) return -kEINVAL;
        if (!core_.description.node(*at).available) continue;
        Device* const larb = core_.driver_core.bus_find_device_by_fwnode(bus, at, "MVL1");
        if (larb == nullptr) return -kENODEV;
        if (larb->driver.read("MVL2") == nullptr) return -kEPROBE_DEFER;
        data.larb_imu[i].dev = larb;
    }
    return 0;
}

// The component framework: all larbs are there, so that the master is bound at once.
void MtkIommuV1Driver::mtk_iommu_v1_bind(MtkIommuV1& data) {
    Frame frame{core_.k, "mtk_iommu_v1_bind"};
    for (unsigned i = 0; i < data.larb_imu.size(); ++i) {
        Device* const larb = data.larb_imu[i].dev;
        if (larb == nullptr || larb->driver_data == nullptr) continue;
        auto& one = *static_cast<MtkSmiLarb*>(larb->driver_data);
        one.larbid = i;
        one.mmu = &data.larb_imu[i];
        core_.k.console.info(data.prefix, "bound {} (ops mtk_smi_larb_component_ops [mtk_smi])", larb->name);
    }
}

void MtkIommuV1Driver::remove(Device& dev) {
    auto* const data = static_cast<MtkIommuV1*>(dev.driver_data);
    if (data != nullptr) core_.iommu_device_unregister(data->iommu);
}

std::unique_ptr<Driver> make_mtk_iommu_v1(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<MtkIommuV1Driver>(boot.iommu(), *boot.drivers().buses().front(), parts,
                                              [&boot]() -> ArchDma& { return boot.of().arch(); });
}

}  // namespace xlate::kernel
