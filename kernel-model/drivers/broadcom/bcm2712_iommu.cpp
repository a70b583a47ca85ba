#include "kernel-model/drivers/broadcom/bcm2712_iommu.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "firmware/property_values.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/pgtable/io_pgtable.hpp"

namespace xlate::kernel {

namespace bcm = iommu::bcm2712;
namespace reg = iommu::bcm2712::reg;

namespace {

constexpr std::string_view kDriver = "bcm2712-iommu", kCompatible = "brcm,bcm2712-iommu";
constexpr std::string_view kCacheDriver = "bcm2712-iommu-cache", kCacheCompatible = "brcm,bcm2712-iommuc";
constexpr std::uint64_t kPage = std::uint64_t{1} << bcm::kPageBits;
constexpr std::uint64_t kBase = std::uint64_t{40} << 30, kSize = std::uint64_t{2} << 30, kTop = kBase + kSize;
constexpr std::uint64_t kPages = kSize / kPage, kTables = kPages / bcm::kEntries;
constexpr std::uint64_t kSizes = 1 << 22 | 1 << 21 | 1 << 20 | 1 << 16 | 1 << 14 | 1 << 12;
constexpr auto kOperating = static_cast<std::uint32_t>(
    bcm::ctrl::CAP_EXCEEDED_ABORT_EN.mask() | bcm::ctrl::PT_INVALID_ABORT_EN.mask() |
    bcm::ctrl::WRITE_VIOLATION_ABORT_EN.mask() | bcm::ctrl::STATS_ENABLE.mask() | bcm::ctrl::ENABLE.mask());
constexpr auto kEnable = static_cast<std::uint32_t>(bcm::kEnable.mask());
constexpr unsigned kPolls = 1024;

PhysAddr base_of(const firmware::Node& node) {
    return PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
}

}  // namespace

Bcm2712IommuCache::Bcm2712IommuCache(Kernel& the_kernel)
    : HeapObject(the_kernel, "bcm2712_iommu_cache"), hw_lock(the_kernel, "cache->hw_lock") {}

void Bcm2712IommuCache::bcm2712_iommu_cache_flush() {
    Frame frame{kernel(), "bcm2712_iommu_cache_flush"};
    namespace shared = bcm::shared_cache;
    hw_lock.lock("BCF1");
    Machine& machine = kernel().machine;
    machine.mmio_write(reg_base + shared::CONTROL, 4, shared::ENABLE.mask() | shared::FLUSH.mask());
    for (unsigned i = 0; i < kPolls; ++i) {
        if (!shared::FLUSHING.test(machine.mmio_read(reg_base + shared::CONTROL, 4))) break;
    }
    hw_lock.unlock("BCF2");
}

Bcm2712Iommu::Bcm2712Iommu(Kernel& the_kernel, Device& the_dev, const Mistakes& the_mistakes)
    : HeapObject(the_kernel, "bcm2712_iommu"),
      dev(the_dev),
      mistakes(the_mistakes),
      prefix(std::string(kDriver) + " " + the_dev.name),
      domain(*this, "mmu->domain") {}

std::uint32_t Bcm2712Iommu::read(std::uint32_t offset) {
    return static_cast<std::uint32_t>(kernel().machine.mmio_read(reg_base + offset, 4));
}
void Bcm2712Iommu::write(std::uint32_t offset, std::uint32_t value) {
    kernel().machine.mmio_write(reg_base + offset, 4, value);
}

int Bcm2712Iommu::alloc_tables(TableMemory& memory) {
    memory_ = &memory;
    for (std::uint64_t i = 0; i < kTables + 2; ++i) {
        const auto page = memory.alloc_table(kPage);
        if (!page) return -kENOMEM;
        tables_.push_back(*page);
    }
    default_page_ = tables_.back();
    tables_.pop_back();
    directory_ = tables_.back();
    tables_.pop_back();
    words_.resize(kTables);
    return 0;
}

void Bcm2712Iommu::bcm2712_iommu_init() {
    Frame frame{kernel(), "bcm2712_iommu_init"};
    const std::uint32_t info = read(reg::DEBUG_INFO);
    kernel().console.info(prefix, "bcm2712_iommu_init: DEBUG_INFO = 0x{:08x}", info);
    const unsigned shift = bcm::debug_info::BYPASS_4M.test(info) ? bcm::kDirectoryShift : bcm::kCapShift;
    write(reg::CTRL,
          bcm::ctrl::kSticky | static_cast<std::uint32_t>(bcm::ctrl::STATS_CLEAR.mask() | bcm::ctrl::TLB_CLEAR.mask()));
    write(reg::MISC, read(reg::MISC) & ~static_cast<std::uint32_t>(bcm::misc::SINGLE_TABLE.mask()));
    write(reg::ADDR_CAP, kEnable | static_cast<std::uint32_t>((kTop >> bcm::kCapShift) - 1));
    write(reg::BYPASS_START, kEnable | static_cast<std::uint32_t>(bcm::bypass::INVERT.mask()) |
                                 static_cast<std::uint32_t>((kBase >> shift) - 1));
    write(reg::BYPASS_END, kEnable | static_cast<std::uint32_t>(kTop >> shift));
    std::vector<std::uint64_t> directory;
    for (const PhysAddr table : tables_) directory.push_back(bcm::word::VALID.of(1) | bcm::word::number(table.value));
    memory_->store(directory_, directory.data(), directory.size(), bcm::kWordBytes);
    write(reg::PT_PA_BASE,
          static_cast<std::uint32_t>(bcm::word::number(directory_.value) - (kBase >> bcm::kChunkShift)));
    write(reg::ILLEGAL_ADR, kEnable | bcm::word::number(default_page_.value));
    if (cache != nullptr) cache->bcm2712_iommu_cache_flush();
    write(reg::CTRL, kOperating);
}

void Bcm2712Iommu::store(std::uint64_t first, const std::vector<std::uint64_t>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::vector<std::uint32_t>& table = words_[(first + i) / bcm::kEntries];
        table.resize(bcm::kEntries);
        std::uint32_t& word = table[(first + i) % bcm::kEntries];
        nmapped_pages_ += (word == 0 && words[i] != 0 ? 1 : 0);
        nmapped_pages_ -= (word != 0 && words[i] == 0 ? 1 : 0);
        word = static_cast<std::uint32_t>(words[i]);
    }
    for (std::size_t i = 0; i < words.size();) {
        const std::uint64_t page = first + i, index = page % bcm::kEntries;
        const std::size_t count = std::min<std::size_t>(words.size() - i, bcm::kEntries - index);
        memory_->store(tables_[page / bcm::kEntries] + index * bcm::kWordBytes, words.data() + i, count,
                       bcm::kWordBytes);
        i += count;
    }
    dirty_ = true;
}

void Bcm2712Iommu::bcm2712_iommu_sync_range(std::uint64_t iova, std::uint64_t size) {
    Frame frame{kernel(), "bcm2712_iommu_sync_range"};
    if (!dirty_) return;
    dirty_ = false;
    if (cache != nullptr) cache->bcm2712_iommu_cache_flush();
    iova -= dma_iova_offset;
    const std::uint64_t end = std::min(kTop, iova + size);
    iova = std::max(kBase, iova);
    if (nmapped_pages_ == 0 || end - iova >= kSize / 8) {
        write(reg::CTRL, kOperating | static_cast<std::uint32_t>(bcm::ctrl::TLB_CLEAR.mask()));
        for (unsigned i = 0; i < kPolls && bcm::ctrl::TLB_CLEARING.test(read(reg::CTRL)); ++i) {
        }
        return;
    }
    constexpr unsigned kLineShift = bcm::kPageBits + bcm::shoot_down::kLine;
    for (std::uint64_t line = iova >> kLineShift; line < (end + 3 * kPage) >> kLineShift; ++line) {
        write(reg::SHOOT_DOWN,
              static_cast<std::uint32_t>(bcm::shoot_down::SHOOT.mask() | line << bcm::shoot_down::kLine));
        for (unsigned i = 0; i < kPolls && bcm::shoot_down::SHOOTING.test(read(reg::SHOOT_DOWN)); ++i) {
        }
    }
}

std::uint32_t Bcm2712Iommu::word(std::uint64_t page) const {
    const std::vector<std::uint32_t>& table = words_[page / bcm::kEntries];
    return table.empty() ? 0 : table[page % bcm::kEntries];
}

Bcm2712IommuDomain::Bcm2712IommuDomain(Kernel& the_kernel, DomainType domain_type, IommuCore& core)
    : IommuDomain(the_kernel, domain_type), core_(core) {
    pgsize_bitmap = kSizes;
    aperture_start = kBase;
    aperture_end = kTop - 1;
}

std::optional<AddressSpace> Bcm2712IommuDomain::address_space() const {
    if (mmu_ == nullptr) return std::nullopt;
    return AddressSpace{mmu_->reg_base, 0};
}

// It writes no register: the table is the instance's.
int Bcm2712IommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "bcm2712_iommu_attach_dev"};
    const Ptr<Bcm2712Iommu> priv = ptr_cast<Bcm2712Iommu>(core_.dev_iommu_priv_get(dev, "AT2"));
    if (!priv) return -kEINVAL;
    Bcm2712Iommu& mmu = *priv.deref("AT2");
    kernel().console.info(dev.prefix(), "bcm2712_iommu_attach_dev: MMU {}", mmu.dev.name);
    mmu_ = &mmu;
    mmu.domain.write(this, "AT4");
    aperture_start = kBase + mmu.dma_iova_offset;
    aperture_end = kTop - 1 + mmu.dma_iova_offset;
    return 0;
}

int Bcm2712IommuDomain::bcm2712_iommu_map(std::uint64_t iova, std::uint64_t pa, std::uint64_t bytes, bool write) {
    Frame frame{kernel(), "bcm2712_iommu_map"};
    iova -= mmu_->dma_iova_offset;
    if (iova < kBase || iova + bytes > kTop) {
        if (iova + bytes <= kBase && iova == pa) return 0;
        kernel().console.warn(mmu_->prefix, "bcm2712_iommu_map: iova=0x{:x} pa=0x{:x} size=0x{:x} OUT OF RANGE!", iova,
                              pa, bytes);
        return -kEINVAL;
    }
    constexpr unsigned kLog2[] = {22, 20, 16};
    const auto align = static_cast<std::uint32_t>(iova | pa | bytes);
    std::uint64_t word = bcm::word::VALID.of(1) | bcm::word::number(pa) | bcm::word::WRITABLE.of(write ? 1 : 0);
    for (unsigned i = 0; i < std::size(kLog2); ++i) {
        if ((align & low_mask(kLog2[i])) != 0) continue;
        word |= bcm::word::SIZE.of(3 - i);
        break;
    }
    std::vector<std::uint64_t> words;
    for (std::uint64_t done = 0; done < bytes; done += kPage) words.push_back(word++);
    mmu_->store((iova - kBase) / kPage, words);
    return 0;
}

// The core's iommu_map(): a call of the driver for each page that fits, and one iotlb_sync_map.
int Bcm2712IommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool) {
    if (mmu_ == nullptr) return -kEINVAL;
    for (std::uint64_t done = 0; done < size;) {
        const PageRun run = iommu_pgsize(pgsize_bitmap, iova.value + done, paddr.value + done, size - done);
        if (run.pgsize == 0) return -kEINVAL;
        const int err = bcm2712_iommu_map(iova.value + done, paddr.value + done, run.pgsize, write);
        if (err != 0) return err;
        done += run.pgsize;
    }
    mmu_->bcm2712_iommu_sync_range(iova.value, size);
    return 0;
}

std::uint64_t Bcm2712IommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "bcm2712_iommu_unmap"};
    if (mmu_ == nullptr) return 0;
    const std::uint64_t at = iova.value - mmu_->dma_iova_offset;
    if (at >= kBase && at + size <= kTop)
        mmu_->store((at - kBase) / kPage, std::vector<std::uint64_t>(size / kPage, 0));
    return size;
}

void Bcm2712IommuDomain::iotlb_sync(Iova iova, std::uint64_t size) {
    if (mmu_ == nullptr || mmu_->mistakes.has(Mistake::unmap_without_tlbi)) return;
    mmu_->bcm2712_iommu_sync_range(iova.value, size);
}
void Bcm2712IommuDomain::flush_iotlb_all() {
    if (mmu_ != nullptr) mmu_->bcm2712_iommu_sync_range(kBase, kSize);
}

// An unmapped page reads as page 0 in Linux; here as nothing.
std::optional<PhysAddr> Bcm2712IommuDomain::iova_to_phys(Iova iova) {
    if (mmu_ == nullptr) return std::nullopt;
    const std::uint64_t at = iova.value - mmu_->dma_iova_offset;
    if (at < kBase) return PhysAddr{at};
    if (at >= kTop) return std::nullopt;
    const std::uint32_t word = mmu_->word((at - kBase) / kPage);
    if (word == 0) return std::nullopt;
    return PhysAddr{bcm::word::page(word) | (at & low_mask(bcm::kPageBits))};
}

Bcm2712IommuOps::Bcm2712IommuOps(IommuCore& core, BusType& platform)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

int Bcm2712IommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "bcm2712_iommu_of_xlate"};
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    const Ptr<Bcm2712Iommu> mmu(static_cast<Bcm2712Iommu*>(provider.deref("OX1")->driver_data));
    core_.dev_iommu_priv_set(dev, mmu, "OX2");
    core_.k.console.info(dev.prefix(), "bcm2712_iommu_of_xlate: MMU {}", mmu.deref("OX3")->dev.name);
    return 0;
}

// Without of_xlate's priv it looks the provider up itself: `iommus` of exactly one phandle.
PtrOrErr<IommuDevice> Bcm2712IommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "bcm2712_iommu_probe_device"};
    Ptr<Bcm2712Iommu> mmu = ptr_cast<Bcm2712Iommu>(core_.dev_iommu_priv_get(dev, "PR1"));
    if (!mmu) {
        if (!dev.of_node) return {{}, -kENODEV};
        const std::vector<std::uint32_t> cells = firmware::cells_of(core_.description.node(*dev.of_node), "iommus");
        if (cells.size() != 1) return {{}, -kENODEV};
        const auto node = core_.description.find_phandle(cells.front());
        if (!node) return {{}, -kEINVAL};
        const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, *node, "PR2"));
        if (provider) mmu = Ptr<Bcm2712Iommu>(static_cast<Bcm2712Iommu*>(provider->driver_data));
        if (!mmu) return {{}, -kENODEV};
    }
    core_.k.console.info(dev.prefix(), "bcm2712_iommu_probe_device: MMU {}", mmu.deref("PR3")->dev.name);
    core_.dev_iommu_priv_set(dev, mmu, "PR4");
    return {mmu->iommu, 0};
}

void Bcm2712IommuOps::release_device(Device& dev) { core_.dev_iommu_priv_set(dev, Ptr<Bcm2712Iommu>(), "RE1"); }

PtrOrErr<IommuGroup> Bcm2712IommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "bcm2712_iommu_device_group"};
    const Ptr<Bcm2712Iommu> mmu = ptr_cast<Bcm2712Iommu>(core_.dev_iommu_priv_get(dev, "DG1"));
    if (!mmu || !mmu->group) return {{}, -kEINVAL};
    core_.k.console.info(dev.prefix(), "bcm2712_iommu_device_group: MMU {}", mmu->dev.name);
    core_.iommu_group_ref_get(mmu->group, "DG2");
    return {mmu->group, 0};
}

Ptr<IommuDomain> Bcm2712IommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "bcm2712_iommu_domain_alloc"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    return core_.k.heap.make<Bcm2712IommuDomain>("BCN1", type, core_);
}

Bcm2712IommuCacheDriver::Bcm2712IommuCacheDriver(IommuCore& core, BusType& platform)
    : Driver(std::string(kCacheDriver), platform), core_(core) {}

bool Bcm2712IommuCacheDriver::match(const Device& device) const {
    return device.of_node && core_.description.node(*device.of_node).is_compatible(kCacheCompatible);
}

int Bcm2712IommuCacheDriver::probe(Device& dev) {
    Frame frame{core_.k, "bcm2712_iommu_cache_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    core_.k.console.info(dev.prefix(), "bcm2712_iommu_cache_probe");
    if (node.regs.empty()) return -kEINVAL;
    const Ptr<Bcm2712IommuCache> made = core_.k.heap.make<Bcm2712IommuCache>("BCC1");
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    made->reg_base = base_of(node);
    dev.driver_data = made.get();
    return 0;
}

Bcm2712IommuDriver::Bcm2712IommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      platform_(platform),
      memory_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(core, platform) {}

bool Bcm2712IommuDriver::match(const Device& device) const {
    return device.of_node && core_.description.node(*device.of_node).is_compatible(kCompatible);
}

int Bcm2712IommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "bcm2712_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    Bcm2712IommuCache* cache = nullptr;
    if (const std::vector<std::uint32_t> cells = firmware::cells_of(node, "cache"); !cells.empty()) {
        if (const auto found = core_.description.find_phandle(cells.front())) {
            Device* const device = core_.driver_core.bus_find_device_by_fwnode(platform_, *found, "BCP1");
            if (device != nullptr) cache = static_cast<Bcm2712IommuCache*>(device->driver_data);
            if (cache == nullptr) return -kEPROBE_DEFER;
        }
    }
    const Ptr<Bcm2712Iommu> made = core_.k.heap.make<Bcm2712Iommu>("BCP2", dev, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());
    Bcm2712Iommu& mmu = *made.get();
    mmu.cache = cache;
    if (node.regs.empty()) return -kEINVAL;
    mmu.reg_base = base_of(node);
    if (const std::vector<std::uint32_t> cells = firmware::cells_of(node, "dma-iova-offset"); cells.size() == 2)
        mmu.dma_iova_offset = std::uint64_t{cells[0]} << 32 | cells[1];
    if (const int err = mmu.alloc_tables(memory_); err != 0) return err;
    dev.driver_data = &mmu;
    const PtrOrErr<IommuGroup> group = core_.iommu_group_alloc();
    if (group.err != 0) return group.err;
    mmu.group = group.value;
    mmu.bcm2712_iommu_init();
    mmu.iommu = core_.k.heap.make<IommuDevice>("BCP3", dev.name);
    if (!mmu.iommu) return -kENOMEM;
    const int err = core_.iommu_device_register(mmu.iommu, &ops_, Ptr<Device>(&dev));
    core_.k.console.info(mmu.prefix, "bcm2712_iommu_probe: Success");
    return err;
}

std::unique_ptr<Driver> make_bcm2712_iommu_cache(LinuxBoot& boot, const IommuDriverParts&) {
    return std::make_unique<Bcm2712IommuCacheDriver>(boot.iommu(), *boot.drivers().buses().front());
}
std::unique_ptr<Driver> make_bcm2712_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<Bcm2712IommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
