#include "kernel-model/dma/dma_iommu.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "kernel-model/core/kernel.hpp"
#include "kernel-model/dma/dma_cookie.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {
namespace {

constexpr std::uint64_t kLimit32 = 0xFFFF'FFFF;
/// The depot of magazines is looked at so often while it is too long.
constexpr SimTime kDepotDelay = ms(100);
constexpr std::uint32_t kSingleQueueEntries = 32768;
constexpr SimTime kSingleQueueDelay = ms(1000);
constexpr unsigned kRelease61 = 601;

bool may_write(DmaDirection direction) { return direction != DmaDirection::to_device; }
bool may_read(DmaDirection direction) { return direction != DmaDirection::from_device; }

void claim_unmapped(Kernel& kernel, const IommuDomain& domain, std::uint64_t first, std::uint64_t bytes, bool queued) {
    const auto space = domain.address_space();
    if (!space) return;
    Annotation annotation;
    annotation.kind = queued ? Annotation::Kind::unmap_queued : Annotation::Kind::unmapped;
    annotation.iommu = space->iommu;
    annotation.context = space->asid;
    annotation.first = first;
    annotation.bytes = bytes;
    kernel.machine.annotate(annotation);
}

/// `flush` of all translations of a domain, and the claim that it did.
void flush_all(Kernel& kernel, IommuDomain& domain) {
    const SimTime since = kernel.now();
    domain.flush_iotlb_all();
    const auto space = domain.address_space();
    if (!space) return;
    Annotation annotation;
    annotation.kind = Annotation::Kind::flushed;
    annotation.iommu = space->iommu;
    annotation.context = space->asid;
    annotation.since = since;
    kernel.machine.annotate(annotation);
}

}  // namespace

void DmaCookie::depot_grew(unsigned size_class) {
    if ((trimming & (1u << size_class)) != 0) return;
    trimming |= 1u << size_class;
    schedule_trim(size_class);
}

namespace {

/// Of a domain that a device maps in. If no device has initialised it yet, Linux's iovad has no rcaches.
IovaDomain& iovas_of(Kernel& kernel, DmaCookie& cookie) {
    if (!cookie.iovas) {
        Frame frame{kernel, "iommu_dma_alloc_iova"};
        followed_bad_pointer(nullptr, "DMA4");
    }
    return *cookie.iovas;
}

}  // namespace

void DmaCookie::schedule_trim(unsigned size_class) {
    Kernel& k = kernel();
    k.machine.set_timer(kDepotDelay, [cookie = alive, &k, size_class] {
        if (*cookie == nullptr) return;
        k.spawn("kworker/0:1", 0, [cookie, size_class] {
            DmaCookie* self = *cookie;
            if (self == nullptr) return;
            if (self->iovas->trim_depot(size_class)) {
                self->schedule_trim(size_class);
            } else {
                self->trimming &= ~(1u << size_class);
            }
        });
    });
}

DmaIommu::DmaIommu(Kernel& kernel, PageAllocator& pages, const firmware::Description& description,
                   const DmaParams& params)
    : kernel_(kernel),
      pages_(pages),
      description_(description),
      params_(params),
      swiotlb_(kernel, pages, description, params.swiotlb) {
    if (params_.single_flush_queue) {
        params_.flush_queue_entries = kSingleQueueEntries;
        params_.flush_queue_delay = kSingleQueueDelay;
    }
}

DmaIommu::~DmaIommu() = default;

unsigned DmaIommu::cpu() const { return kernel_.sched.current().cpu % params_.cpus; }

int DmaIommu::get_dma_cookie(Ptr<IommuDomain> domain) {
    Frame frame{kernel_, "iommu_get_dma_cookie"};
    const Ptr<DmaCookie> cookie = kernel_.heap.make<DmaCookie>("DMC1", params_);
    if (!cookie) return -kENOMEM;
    domain->iova_cookie.write(cookie, "DMC2");
    return 0;
}

void DmaIommu::put_dma_cookie(Ptr<IommuDomain> domain) {
    Frame frame{kernel_, "iommu_put_dma_cookie"};
    const Ptr<DmaCookie> cookie = ptr_cast<DmaCookie>(domain->iova_cookie.read("DMC3"));
    if (!cookie) return;
    cookie->put();
    domain->iova_cookie.write({}, "DMC4");
    kernel_.heap.release(cookie, "DMC5");
}

Ptr<DmaCookie> DmaIommu::cookie_of(Ptr<IommuDomain> domain) {
    return ptr_cast<DmaCookie>(domain->iova_cookie.read("DMA3"));
}

const IovaDomain* DmaIommu::iova_domain(Ptr<IommuDomain> domain) const {
    if (!domain) return nullptr;
    const auto* cookie = dynamic_cast<const DmaCookie*>(domain.get()->iova_cookie.peek().get());
    return cookie != nullptr ? cookie->iovas.get() : nullptr;
}

namespace {

/// Linux init_iova_domain(): BUG_ON(granule > PAGE_SIZE).
[[noreturn]] void granule_bug(Kernel& kernel, std::uint64_t granule) {
    Frame frame{kernel, "init_iova_domain"};
    Report report;
    report.kind = ReportKind::bug;
    report.what = fmt::format("at drivers/iommu/iova.c: pages of 0x{:x} bytes, the kernel's are smaller", granule);
    report.place = place_of(kernel.sched.current_or_null(), "DMI3");
    kernel.reports.oops(std::move(report));
}

}  // namespace

// Linux iommu_dma_init_domain(). The first device decides; a later one with another lower end is refused.
int DmaIommu::init_domain(Ptr<IommuDomain> domain, std::uint64_t base, std::uint64_t limit, Device& dev) {
    Frame frame{kernel_, "iommu_dma_init_domain"};
    const Ptr<DmaCookie> cookie = cookie_of(domain);
    if (!cookie || domain->pgsize_bitmap == 0) return -kEINVAL;
    const std::uint64_t granule = domain->pgsize_bitmap & (~domain->pgsize_bitmap + 1);
    if (base > domain->aperture_end || limit < domain->aperture_start) {
        kernel_.console.warn("", "specified DMA range outside IOMMU capability");
        return -kEFAULT;
    }
    // A domain that the core did not make is ARM32's own mapping, whose addresses begin at zero (linux-findings.md 2).
    const bool first_fit = domain->type == DomainType::unmanaged;
    const std::uint64_t lowest = first_fit ? 0 : 1;
    const std::uint64_t start_pfn = std::max({lowest, base / granule, domain->aperture_start / granule});
    cookie->init_mutex.lock("DMI1");
    int err = 0;
    if (cookie->iovas) {
        const IovaParams& params = cookie->iovas->params();
        if (params.granule != granule || params.start_pfn != start_pfn) {
            kernel_.console.warn("", "Incompatible range for DMA domain");
            err = -kEFAULT;
        }
    } else {
        if (granule > pages_.page_bytes()) granule_bug(kernel_, granule);
        IovaParams params;
        params.granule = granule;
        params.start_pfn = start_pfn;
        params.cpus = params_.cpus;
        params.first_fit = first_fit;
        params.bounded_depot = kernel_.variant.release <= kRelease61;
        cookie->iovas = std::make_unique<IovaDomain>(params, cookie.get());
        // From 6.4 on a driver says whether its flushes may wait; in 6.1 it refuses to make such a domain.
        const Ptr<DevIommu> param = dev.iommu.peek();
        const Ptr<IommuDevice> instance = param ? param->iommu_dev.peek() : Ptr<IommuDevice>{};
        const bool deferred = !instance || instance->ops.peek()->capable_deferred_flush();
        if (domain->type == DomainType::dma_fq && !deferred) domain->type = DomainType::dma;
        if (domain->type == DomainType::dma_fq) {
            FlushQueueParams queue;
            queue.cpus = params_.cpus;
            queue.entries = params_.flush_queue_entries;
            queue.delay = params_.flush_queue_delay;
            queue.single = params_.single_flush_queue;
            cookie->flush_queue = std::make_unique<FlushQueue>(
                kernel_, queue, [this, domain] { flush_all(kernel_, *domain); },
                [cookie](std::uint64_t pfn, std::uint64_t pages, unsigned on) {
                    cookie->iovas->free_iova_fast(pfn, pages, on);
                });
        }
        reserve_regions(*cookie->iovas, dev);
    }
    cookie->init_mutex.unlock("DMI2");
    return err;
}

void DmaIommu::reserve_regions(IovaDomain& iovas, Device& dev) {
    std::vector<BusRange> ranges;
    if (const auto host = pci_host_node(description_, dev)) {
        ranges = pci_memory_windows(description_, *host);
        const std::vector<BusRange> holes = inbound_holes(description_.node(*host));
        ranges.insert(ranges.end(), holes.begin(), holes.end());
    }
    const Ptr<DevIommu> param = dev.iommu.read("DMI3");
    const Ptr<IommuDevice> instance = param ? param->iommu_dev.read("DMI4") : Ptr<IommuDevice>{};
    if (instance) {
        for (const ReservedRegion& region : instance->ops.read("DMI5")->get_resv_regions(dev)) {
            if (region.kind == ReservedRegion::Kind::sw_msi || region.length == 0) continue;  // ours to manage
            ranges.push_back({region.start, region.start + region.length - 1});
        }
    }
    const std::uint64_t top = ~std::uint64_t{0} / iovas.granule();
    for (const BusRange& range : ranges) {
        iovas.reserve_iova(range.first / iovas.granule(), std::min(range.last / iovas.granule(), top - 1));
    }
}

Ptr<IommuDomain> DmaIommu::iommu_get_dma_domain(Device& dev, DmaOps ops) {
    const Ptr<IommuGroup> group = dev.iommu_group.read("DMA1");
    return ops == DmaOps::arm_mapping ? group->domain.read("DMA2") : group->default_domain.read("DMA2");
}

// Linux iommu_dma_alloc_iova(). Returns an address.
std::optional<std::uint64_t> DmaIommu::iommu_dma_alloc_iova(DmaCookie& cookie, Ptr<IommuDomain> domain,
                                                            std::uint64_t size, std::uint64_t limit, Device& dev) {
    IovaDomain& iovas = *cookie.iovas;
    const std::uint64_t granule = iovas.granule();
    if (dev.bus_dma_limit) limit = std::min(limit, *dev.bus_dma_limit);
    limit = std::min(limit, domain->aperture_end);
    const bool pci = dev.bus != nullptr && dev.bus->name == "pci";
    // 6.1 tries below 4 GiB at every allocation; later a failure ends that for this device for good.
    const bool every_time = kernel_.variant.release <= kRelease61;
    const bool try_32bit =
        limit > kLimit32 && pci && !params_.forcedac && (every_time || gave_up_32bit_.count(dev.resource()) == 0);
    const SimTime since = kernel_.now();
    kernel_.spend(params_.iova_cached);
    std::optional<std::uint64_t> pfn;
    if (try_32bit) {
        pfn = iovas.alloc_iova_fast(size / granule, kLimit32 / granule, false, cpu());
        if (!pfn && !every_time) {
            gave_up_32bit_.insert(dev.resource());
            kernel_.console.info(dev.name, "Using {}-bit DMA addresses", log2_floor(limit) + 1);
        }
    }
    if (!pfn) pfn = iovas.alloc_iova_fast(size / granule, limit / granule, true, cpu());
    stats_.alloc_iova += kernel_.now() - since;
    if (!pfn) return std::nullopt;
    return *pfn * granule;
}

void DmaIommu::iommu_dma_free_iova(DmaCookie& cookie, std::uint64_t iova, std::uint64_t size) {
    const std::uint64_t granule = cookie.iovas->granule();
    const SimTime since = kernel_.now();
    if (cookie.flush_queue) {
        cookie.flush_queue->queue_iova(iova / granule, size / granule, cpu());
    } else {
        kernel_.spend(params_.iova_cached);
        cookie.iovas->free_iova_fast(iova / granule, size / granule, cpu());
    }
    stats_.free_iova += kernel_.now() - since;
}

std::optional<std::uint64_t> DmaIommu::phys_to_dma(const Device& dev, PhysAddr buffer) const {
    if (dev.dma_range_map.empty()) return buffer.value;
    for (const firmware::DmaWindow& window : dev.dma_range_map) {
        if (buffer.value < window.cpu || buffer.value - window.cpu >= window.size) continue;
        return buffer.value - window.cpu + window.bus;
    }
    return std::nullopt;
}

PhysAddr DmaIommu::dma_to_phys(const Device& dev, Iova address) const {
    for (const firmware::DmaWindow& window : dev.dma_range_map) {
        if (address.value < window.bus || address.value - window.bus >= window.size) continue;
        return PhysAddr{address.value - window.bus + window.cpu};
    }
    return PhysAddr{address.value};
}

/// dma_direct_map_page: what the device cannot reach, or the command line wants so, goes through the pool.
std::optional<Iova> DmaIommu::dma_direct_map(Device& dev, PhysAddr buffer, std::uint64_t size, std::uint64_t mask,
                                             DmaDirection direction) {
    const std::uint64_t limit = dev.bus_dma_limit ? std::min(mask, *dev.bus_dma_limit) : mask;
    const auto reached = [&](PhysAddr at) -> std::optional<Iova> {
        const std::optional<std::uint64_t> bus = phys_to_dma(dev, at);
        if (!bus || *bus + size - 1 > limit || *bus + size - 1 < *bus) return std::nullopt;
        return Iova{*bus};
    };
    if (!swiotlb_.forced()) {
        if (const auto bus = reached(buffer)) return bus;
    }
    if (!swiotlb_.active()) {
        kernel_.console.warn(dev.prefix(), "DMA addr {:#018x}+{} overflow (mask {:x}, bus limit {:x}).",
                             phys_to_dma(dev, buffer).value_or(buffer.value), size, mask,
                             dev.bus_dma_limit.value_or(0));
        return std::nullopt;
    }
    const auto bounce = swiotlb_.map(dev, buffer, size, may_write(direction));
    if (!bounce) return std::nullopt;
    const auto bus = reached(*bounce);
    if (!bus) {
        swiotlb_.unmap(*bounce);
        kernel_.console.warn(dev.prefix(), "swiotlb addr {:#018x}+{} overflow (mask {:x}, bus limit {:x}).",
                             bounce->value, size, mask, dev.bus_dma_limit.value_or(0));
    }
    return bus;
}

bool DmaIommu::addressing_limited(Device& dev) {
    if (dev.dma_ops.peek() != DmaOps::direct) return false;
    const std::uint64_t limit = dev.bus_dma_limit ? std::min(dev.dma_mask, *dev.bus_dma_limit) : dev.dma_mask;
    return swiotlb_.forced() || std::any_of(description_.memory.begin(), description_.memory.end(),
                                            [&](const auto& range) { return range.base + range.size - 1 > limit; });
}

std::optional<PhysAddr> DmaIommu::alloc_buffer(Device& dev, std::uint64_t size) {
    return addressing_limited(dev) ? pages_.alloc_high(size) : pages_.alloc(size);
}

std::uint64_t DmaIommu::dma_max_mapping_size(Device& dev) {
    if (dev.untrusted && dev.dma_ops.peek() == DmaOps::iommu) return Swiotlb::max_mapping_bytes();
    return swiotlb_.active() && addressing_limited(dev) ? Swiotlb::max_mapping_bytes() : ~std::uint64_t{0};
}

std::optional<Iova> DmaIommu::dma_map_single(Device& dev, PhysAddr buffer, std::uint64_t size, DmaDirection direction) {
    Frame frame{kernel_, "dma_map_single"};
    const std::vector<DmaBuffer> mapped = map_segments(dev, {{buffer, size}}, direction, dev.dma_mask);
    if (mapped.empty()) return std::nullopt;
    return mapped.front().iova;
}

void DmaIommu::dma_unmap_single(Device& dev, Iova address, std::uint64_t size) { dma_unmap_sg(dev, {{address, size}}); }

std::vector<DmaBuffer> DmaIommu::dma_map_sg(Device& dev, const std::vector<DmaSegment>& segments,
                                            DmaDirection direction) {
    Frame frame{kernel_, "dma_map_sg"};
    return map_segments(dev, segments, direction, dev.dma_mask);
}

std::vector<DmaBuffer> DmaIommu::map_segments(Device& dev, const std::vector<DmaSegment>& segments,
                                              DmaDirection direction, std::uint64_t mask) {
    if (dev.untrusted && dev.dma_ops.peek() == DmaOps::iommu) return map_bounced(dev, segments, direction, mask);
    return map_plain(dev, segments, direction, mask);
}

/// iommu_dma_map_page() of a device that is not trusted, piece by piece (iommu_dma_map_sg_swiotlb): it may see no more
/// of a page than what is mapped.
std::vector<DmaBuffer> DmaIommu::map_bounced(Device& dev, const std::vector<DmaSegment>& segments,
                                             DmaDirection direction, std::uint64_t mask) {
    const std::uint64_t granule = mapping_granule(dev);
    std::vector<DmaBuffer> mapped;
    for (const DmaSegment& segment : segments) {
        DmaSegment piece = segment;
        const bool whole = ((segment.address.value | segment.size) & (granule - 1)) == 0;
        if (!whole && !swiotlb_.active()) {
            ++stats_.map_failures;
            if (!said_inactive_)  // dev_warn_once
                kernel_.console.warn(dev.prefix(),
                                     "DMA bounce buffers are inactive, unable to map unaligned transaction.");
            said_inactive_ = true;
        }
        std::optional<PhysAddr> bounce;
        if (!whole) bounce = swiotlb_.map(dev, segment.address, segment.size, may_write(direction), granule);
        if (bounce) piece.address = *bounce;
        const std::vector<DmaBuffer> one =
            whole || bounce ? map_plain(dev, {piece}, direction, mask) : std::vector<DmaBuffer>{};
        if (one.empty()) {
            if (bounce) swiotlb_.unmap(*bounce);
            if (!mapped.empty()) dma_unmap_sg(dev, mapped);
            return {};
        }
        mapped.push_back(one.front());
    }
    return mapped;
}

std::vector<DmaBuffer> DmaIommu::map_plain(Device& dev, const std::vector<DmaSegment>& segments, DmaDirection direction,
                                           std::uint64_t mask) {
    kernel_.spend(params_.call);
    const DmaOps ops = dev.dma_ops.read_once("DMA0");
    std::vector<DmaBuffer> mapped;
    std::uint64_t asked = 0;
    for (const DmaSegment& segment : segments) asked += segment.size;
    if (ops == DmaOps::direct) {
        for (const DmaSegment& segment : segments) {
            const auto bus = dma_direct_map(dev, segment.address, segment.size, mask, direction);
            if (!bus) {
                for (const DmaBuffer& done : mapped) swiotlb_.unmap(dma_to_phys(dev, done.iova));
                mapped.clear();
                break;
            }
            mapped.push_back({*bus, segment.size});
        }
    } else if (ops == DmaOps::iommu || ops == DmaOps::arm_mapping) {
        const Ptr<IommuDomain> domain = iommu_get_dma_domain(dev, ops);
        const Ptr<DmaCookie> cookie = cookie_of(domain);
        const std::uint64_t granule = iovas_of(kernel_, *cookie).granule();
        std::uint64_t total = 0;
        for (const DmaSegment& segment : segments) {
            const std::uint64_t offset = segment.address.value & (granule - 1);
            total += align_up(offset + segment.size, granule);
        }
        if (const auto base = iommu_dma_alloc_iova(*cookie, domain, total, mask, dev)) {
            std::uint64_t at = *base;
            for (const DmaSegment& segment : segments) {
                const std::uint64_t offset = segment.address.value & (granule - 1);
                const std::uint64_t length = align_up(offset + segment.size, granule);
                const SimTime since = kernel_.now();
                const int err = domain->map(Iova{at}, PhysAddr{segment.address.value - offset}, length,
                                            may_write(direction), may_read(direction));
                stats_.map += kernel_.now() - since;
                ++stats_.map_calls;
                if (err != 0) {
                    if (at != *base) iommu_dma_unmap(domain, *base, at - *base);
                    iommu_dma_free_iova(*cookie, *base, total);
                    mapped.clear();
                    break;
                }
                const Iova address{at + offset};
                if (!mapped.empty() && mapped.back().iova.value + mapped.back().size == address.value) {
                    mapped.back().size += segment.size;
                } else {
                    mapped.push_back({address, segment.size});
                }
                at += length;
            }
        }
    }
    if (mapped.empty()) {
        ++stats_.map_failures;
    } else {
        ++stats_.maps;
        stats_.bytes_mapped += asked;
    }
    return mapped;
}

void DmaIommu::iommu_dma_unmap(Ptr<IommuDomain> domain, std::uint64_t iova, std::uint64_t size) {
    const SimTime since = kernel_.now();
    const std::uint64_t unmapped = domain->unmap(Iova{iova}, size);
    stats_.unmap += kernel_.now() - since;
    ++stats_.unmap_calls;
    if (unmapped != size) kernel_.reports.warn("iommu_dma_unmap: a part was not mapped", "DMU1");
}

void DmaIommu::dma_unmap_sg(Device& dev, const std::vector<DmaBuffer>& mapped) {
    Frame frame{kernel_, mapped.size() == 1 ? "dma_unmap_single" : "dma_unmap_sg"};
    XLATE_CHECK(!mapped.empty(), "nothing to unmap");
    kernel_.spend(params_.call);
    ++stats_.unmaps;
    const DmaOps ops = dev.dma_ops.read_once("DMU0");
    if (ops == DmaOps::direct) {
        for (const DmaBuffer& one : mapped) swiotlb_.unmap(dma_to_phys(dev, one.iova));
    }
    if (ops != DmaOps::iommu && ops != DmaOps::arm_mapping) return;
    const Ptr<IommuDomain> domain = iommu_get_dma_domain(dev, ops);
    if (!dev.untrusted || ops != DmaOps::iommu)
        return unmap_range(domain, mapped.front().iova, mapped.back().iova.value + mapped.back().size);
    for (const DmaBuffer& one : mapped) {
        const std::optional<PhysAddr> memory = domain->iova_to_phys(one.iova);
        unmap_range(domain, one.iova, one.iova.value + one.size);
        if (memory) swiotlb_.unmap(*memory);
    }
}

/// Of one range of addresses, as it was mapped.
void DmaIommu::unmap_range(Ptr<IommuDomain> domain, Iova from, std::uint64_t to) {
    const Ptr<DmaCookie> cookie = cookie_of(domain);
    const std::uint64_t granule = iovas_of(kernel_, *cookie).granule();
    const std::uint64_t first = align_down(from.value, granule);
    const std::uint64_t end = align_up(to, granule);
    iommu_dma_unmap(domain, first, end - first);
    if (!cookie->flush_queue) {
        const SimTime since = kernel_.now();
        domain->iotlb_sync(Iova{first}, end - first);
        stats_.sync += kernel_.now() - since;
        ++stats_.syncs;
    }
    claim_unmapped(kernel_, *domain, first, end - first, cookie->flush_queue != nullptr);
    iommu_dma_free_iova(*cookie, first, end - first);
}

std::optional<Iova> DmaIommu::reserve(Device& dev, std::uint64_t size) {
    kernel_.spend(params_.call);
    if (dev.dma_ops.read_once("DMP0") != DmaOps::iommu) return std::nullopt;
    const Ptr<IommuDomain> domain = iommu_get_dma_domain(dev);
    const Ptr<DmaCookie> cookie = cookie_of(domain);
    const std::uint64_t total = align_up(size, iovas_of(kernel_, *cookie).granule());
    const auto base = iommu_dma_alloc_iova(*cookie, domain, total, dev.dma_mask, dev);
    if (!base) return std::nullopt;
    return Iova{*base};
}

int DmaIommu::populate(Device& dev, Iova page, PhysAddr memory, std::uint64_t size) {
    kernel_.spend(params_.call);
    const int err = iommu_get_dma_domain(dev)->map(page, memory, size, true, true);
    if (err != 0) {
        ++stats_.map_failures;
    } else {
        ++stats_.maps;
        stats_.bytes_mapped += size;
    }
    return err;
}

void DmaIommu::release(Device& dev, Iova address, std::uint64_t size, const std::vector<Iova>& populated) {
    const Ptr<IommuDomain> domain = iommu_get_dma_domain(dev);
    const Ptr<DmaCookie> cookie = cookie_of(domain);
    const std::uint64_t granule = iovas_of(kernel_, *cookie).granule();
    for (const Iova page : populated) {
        ++stats_.unmaps;
        iommu_dma_unmap(domain, page.value, granule);
        domain->iotlb_sync(page, granule);
        claim_unmapped(kernel_, *domain, page.value, granule, false);
    }
    iommu_dma_free_iova(*cookie, address.value, align_up(size, granule));
}

std::uint64_t DmaIommu::mapping_granule(const Device& dev) const {
    const DmaOps ops = dev.dma_ops.peek();
    const IommuGroup* const group = dev.iommu_group.peek().get();
    const bool translated = ops == DmaOps::iommu || ops == DmaOps::arm_mapping;
    const IovaDomain* const iovas = translated && group != nullptr ? iova_domain(group->domain.peek()) : nullptr;
    return iovas != nullptr ? iovas->granule() : pages_.page_bytes();
}

std::optional<DmaIommu::Coherent> DmaIommu::dma_alloc_coherent(Device& dev, std::uint64_t size) {
    Frame frame{kernel_, "dma_alloc_attrs"};
    // A domain with smaller pages than the CPU's maps no more than it needs.
    const std::uint64_t bytes = align_up(size, std::min(mapping_granule(dev), pages_.page_bytes()));
    const auto memory = pages_.alloc_zeroed(bytes);
    if (!memory) return std::nullopt;
    const std::vector<DmaBuffer> mapped =
        map_segments(dev, {{*memory, bytes}}, DmaDirection::bidirectional, dev.coherent_dma_mask);
    if (mapped.empty()) {
        pages_.free(*memory, bytes);
        return std::nullopt;
    }
    return Coherent{*memory, mapped.front().iova, bytes};
}

void DmaIommu::dma_free_coherent(Device& dev, const Coherent& allocation) {
    Frame frame{kernel_, "dma_free_attrs"};
    dma_unmap_single(dev, allocation.address, allocation.size);
    pages_.free(allocation.memory, allocation.size);
}

}  // namespace xlate::kernel
