#include "kernel-model/drivers/sprd/sprd_iommu.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace sp = iommu::sprd;

namespace {

constexpr std::string_view kDriver = "sprd-iommu";
constexpr unsigned kRelease61 = 601;
constexpr std::uint64_t kPage = std::uint64_t{1} << sp::kPageBits;
constexpr std::uint64_t kAperture = std::uint64_t{256} << 20;
constexpr std::uint64_t kTableBytes = kAperture / kPage * sp::kWordBytes;

}  // namespace

SprdIommu::SprdIommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "sprd_iommu_device"),
      dev(the_dev),
      mistakes(the_mistakes),
      prefix(std::string(kDriver) + " " + the_dev.name),
      dom(*this, "sdev->dom") {}

std::uint32_t SprdIommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(base + offset, 4));
}
void SprdIommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(base + offset, 4, value);
}

int SprdIommu::sprd_iommu_get_version() {
    const std::uint64_t number = sp::version::NUMBER.get(read(sp::reg::VERSION));
    if (number > static_cast<std::uint64_t>(sp::Version::vau)) return -kEINVAL;
    ver = static_cast<sp::Version>(number);
    return 0;
}

void SprdIommu::sprd_iommu_hw_en(bool en) {
    const auto mask = static_cast<std::uint32_t>(sp::cfg::EN.of(1) | sp::cfg::GATE.of(1));
    const std::uint32_t was = read(at().CFG);
    write(at().CFG, (was & ~mask) | (en ? mask : 0));
}

// It is off while its tables change.
void SprdIommu::sprd_iommu_configure(std::uint64_t table, std::uint64_t pages) {
    sprd_iommu_hw_en(false);
    write(at().FIRST_PPN, static_cast<std::uint32_t>(table >> sp::kPageBits));
    write(at().FIRST_VPN, 0);
    write(at().VPN_RANGE, static_cast<std::uint32_t>(pages - 1));
    const auto page = static_cast<std::uint32_t>(prot_page_pa.value >> sp::kPageBits);
    write(at().DEFAULT_PPN_RD, page);
    if (ver == sp::Version::vau) write(at().DEFAULT_PPN_WR, page);
    sprd_iommu_hw_en(true);
}

void SprdIommu::sprd_iommu_update() { write(at().UPDATE, sp::kUpdate); }

SprdIommuDomain::SprdIommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core, TableMemory& memory)
    : IommuDomain(the_kernel, domain_type), core_(core), memory_(memory), pgtlock_(the_kernel, "dom->pgtlock") {
    pgsize_bitmap = kPage;
    aperture_end = kAperture - 1;
}

std::optional<AddressSpace> SprdIommuDomain::address_space() const {
    if (sdev_ == nullptr) return std::nullopt;
    return AddressSpace{sdev_->base, 0};
}

// The table is made for the first IOMMU that the domain is attached to.
int SprdIommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "sprd_iommu_attach_device"};
    const Ptr<SprdIommu> priv = ptr_cast<SprdIommu>(core_.dev_iommu_priv_get(dev, "AT2"));
    SprdIommu& sdev = *priv.deref("AT2");
    if (sdev.dom.read("AT3") == this) return 0;
    if (!table_) {
        table_ = memory_.alloc_table(kTableBytes);
        if (!table_) return -kENOMEM;
        words_.assign(kTableBytes / sp::kWordBytes, 0);
        sdev_ = &sdev;
    }
    sdev.dom.write(this, "AT4");
    sdev.sprd_iommu_configure(table_->value, words_.size());
    return 0;
}

void SprdIommuDomain::detach_dev(Device& dev) {
    Frame frame{kernel(), "sprd_iommu_detach_device"};
    const Ptr<SprdIommu> priv = ptr_cast<SprdIommu>(core_.dev_iommu_priv_get(dev, "DT2"));
    SprdIommu& sdev = *priv.deref("DT2");
    if (sdev.dom.read("DT2") != this) return;
    sdev.sprd_iommu_hw_en(false);
    sdev.dom.write(nullptr, "DT2");
}

void SprdIommuDomain::store(std::uint64_t iova, const std::vector<std::uint64_t>& words) {
    const std::uint64_t index = iova >> sp::kPageBits;
    std::copy(words.begin(), words.end(), words_.begin() + static_cast<std::ptrdiff_t>(index));
    memory_.store(PhysAddr{table_->value + index * sp::kWordBytes}, words.data(), words.size(), sp::kWordBytes);
}

// No rights in the words; Linux keeps the low 32 bits of an address.
int SprdIommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool, bool) {
    Frame frame{kernel(), "sprd_iommu_map"};
    if (sdev_ == nullptr || !table_) {
        kernel().console.err("", "No sprd_iommu_device attached to the domain");
        return -kEINVAL;
    }
    if (!in_range(iova.value, size)) {
        kernel().console.err(sdev_->prefix, "(iova({:#x}) + size({:x})) are not in the range!", iova.value, size);
        return -kEINVAL;
    }
    std::vector<std::uint64_t> words;
    for (std::uint64_t done = 0; done < size; done += kPage) {
        words.push_back(((paddr.value + done) & low_mask(32)) >> sp::kPageBits);
    }
    pgtlock_.lock("SPM1");
    store(iova.value, words);
    pgtlock_.unlock("SPM2");
    sdev_->sprd_iommu_update();  // iotlb_sync_map
    return 0;
}

std::uint64_t SprdIommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "sprd_iommu_unmap"};
    if (!table_ || !in_range(iova.value, size)) return 0;
    pgtlock_.lock("SPU1");
    store(iova.value, std::vector<std::uint64_t>(size / kPage, 0));
    pgtlock_.unlock("SPU2");
    return size;
}

void SprdIommuDomain::iotlb_sync(Iova, std::uint64_t) {
    if (sdev_ == nullptr || sdev_->mistakes.has(Mistake::unmap_without_tlbi)) return;
    sdev_->sprd_iommu_update();
}

std::optional<PhysAddr> SprdIommuDomain::iova_to_phys(Iova iova) {
    if (!table_ || !in_range(iova.value, 1)) return std::nullopt;
    const std::uint32_t word = words_[iova.value >> sp::kPageBits];
    if (word == 0) return std::nullopt;
    return PhysAddr{sp::page(word) | (iova.value & low_mask(sp::kPageBits))};
}

// Linux sprd_iommu_cleanup(): the hardware goes off as the table goes.
void SprdIommuDomain::free() {
    if (!table_) return;
    if (sdev_ != nullptr && sdev_->dom.peek() == this) {
        sdev_->sprd_iommu_hw_en(false);
        sdev_->dom.write(nullptr, "SPF1");
    }
    memory_.free_table(*table_, kTableBytes);
    table_.reset();
    sdev_ = nullptr;
}

SprdIommuOps::SprdIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = core.variant.release < 612;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// Of several providers the first one is it, and there are no ids.
int SprdIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "sprd_iommu_of_xlate"};
    if (core_.dev_iommu_priv_get(dev, "OX1")) return 0;
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    core_.dev_iommu_priv_set(dev, Ptr<SprdIommu>(static_cast<SprdIommu*>(provider.deref("OX1")->driver_data)), "OX2");
    return 0;
}

// No check of priv: D-11 (i).
PtrOrErr<IommuDevice> SprdIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "sprd_iommu_probe_device"};
    if (properties.checks_fwspec) {
        const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR1");
        if (!fwspec || core_.iommu_fwspec_ops(fwspec, "PR1") != this) return {{}, -kENODEV};
    }
    const Ptr<SprdIommu> sdev = ptr_cast<SprdIommu>(core_.dev_iommu_priv_get(dev, "PR2"));
    return {sdev.deref("PR3")->iommu, 0};
}

PtrOrErr<IommuGroup> SprdIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "sprd_iommu_device_group"};
    return core_.generic_single_device_group(dev);
}

Ptr<IommuDomain> SprdIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "sprd_iommu_domain_alloc_paging"};
    const bool lazy = type == DomainType::dma_fq && core_.variant.release > kRelease61;
    if (type != DomainType::unmanaged && type != DomainType::dma && !lazy) return {};
    return core_.k.heap.make<SprdIommuDomain>("SPN1", type, core_, pages_);
}

SprdIommuDriver::SprdIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool SprdIommuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

int SprdIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "sprd_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<SprdIommu> made = core_.k.heap.make<SprdIommu>("SPP1", dev, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    SprdIommu& sdev = *made.get();
    if (node.regs.empty()) return -kEINVAL;
    sdev.base = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    const auto page = pages_.alloc_zeroed(kPage);
    if (!page) return -kENOMEM;
    sdev.prot_page_pa = *page;
    dev.driver_data = &sdev;
    sdev.iommu = core_.k.heap.make<IommuDevice>("SPP2", dev.name);
    if (!sdev.iommu) return -kENOMEM;
    if (core_.variant.release <= kRelease61) {
        // 6.1: the instance's group is there before any master is.
        const PtrOrErr<IommuGroup> group = core_.iommu_group_alloc();
        if (group.err != 0) return group.err;
        sdev.iommu->singleton_group.write(group.value, "SPP3");
    }
    int err = core_.iommu_device_register(sdev.iommu, &ops_, Ptr<Device>(&dev));
    if (err == 0) {
        err = sdev.sprd_iommu_get_version();
        if (err == 0) return 0;
        core_.k.console.err(sdev.prefix, "iommu version({}) is invalid.", err);
        core_.iommu_device_unregister(sdev.iommu);
    }
    core_.k.heap.release(sdev.iommu, "SPP4");
    sdev.iommu = {};
    dev.driver_data = nullptr;
    pages_.free(sdev.prot_page_pa, kPage);
    return err;
}

void SprdIommuDriver::remove(Device& dev) {
    auto& sdev = *static_cast<SprdIommu*>(dev.driver_data);
    core_.iommu_device_unregister(sdev.iommu);
    core_.k.heap.release(sdev.iommu, "SPR1");
    sdev.iommu = {};
    pages_.free(sdev.prot_page_pa, kPage);
}

std::unique_ptr<Driver> make_sprd_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<SprdIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
