// Domains: attach, map, unmap; a copy of the mappings, which are sent again when a domain gets its first endpoint anew.
#include "base/bits.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"

namespace xlate::kernel {

namespace virtio = iommu::virtio;

namespace {

constexpr unsigned kFirstReleaseThatQueues = 608;

constexpr std::uint64_t pair(std::uint64_t low, std::uint64_t high) { return (low & low_mask(32)) | high << 32; }

std::uint64_t head(virtio::RequestType type, std::uint32_t first) {
    return pair(static_cast<std::uint64_t>(type), first);
}

}  // namespace

ViommuDomain::ViommuDomain(Kernel& kernel, DomainType domain_type, IommuCore& core)
    : IommuDomain(kernel, domain_type), core_(core), mappings_lock_(kernel, "vdomain->mappings_lock") {}

bool ViommuDomain::queues_only() const { return core_.variant.release >= kFirstReleaseThatQueues; }

ViommuRequest ViommuDomain::map_request(std::uint64_t first, const Mapping& mapping) const {
    return {{head(virtio::RequestType::map, number_), first, mapping.last, mapping.target, mapping.flags},
            virtio::kMapBytes};
}

int ViommuDomain::attach_dev(Device& dev) {
    Frame frame{kernel(), "viommu_attach_dev"};
    const Ptr<ViommuEndpoint> endpoint = ptr_cast<ViommuEndpoint>(core_.dev_iommu_priv_get(dev, "VIA1"));
    ViommuDev& unit = *endpoint.deref("VIA1")->viommu.deref("VIA1");
    if (!viommu_) {
        // Linux viommu_domain_finalise().
        const unsigned page = static_cast<unsigned>(__builtin_ctzll(unit.page_size_mask));
        if ((std::uint64_t{1} << page) > unit.pages.page_bytes()) {
            kernel().console.err(unit.prefix, "granule {:#x} larger than system page size {:#x}", 1ull << page,
                                 unit.pages.page_bytes());
            return -kENODEV;
        }
        const auto number = unit.take_domain();
        if (!number) return -kENOSPC;
        number_ = *number;
        viommu_ = endpoint->viommu;
        pgsize_bitmap = unit.page_size_mask;
        aperture_start = unit.input_first;
        aperture_end = unit.input_last;
    } else if (viommu_.get() != &unit) {
        return -kEINVAL;
    }
    const bool bypass = type == DomainType::identity;
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "VIA2");
    // The endpoint leaves its old domain with the ATTACH.
    if (endpoint->domain != nullptr) --endpoint->domain->endpoints_;
    endpoint->domain = nullptr;
    const unsigned ids = fwspec.deref("VIA2")->num_ids("VIA2");
    for (unsigned i = 0; i < ids; ++i) {
        const std::uint32_t id = fwspec->id(i, "VIA3");
        const ViommuRequest attach{
            {head(virtio::RequestType::attach, number_), pair(id, bypass ? virtio::attach_flag::BYPASS : 0), 0},
            virtio::kAttachBytes};
        if (unit.mistakes.has(Mistake::attach_not_awaited)) {
            unit.viommu_add_req(attach, true);
        } else if (const int err = unit.viommu_send_req_sync(attach); err != 0) {
            return err;
        }
        Annotation annotation;
        annotation.kind = Annotation::Kind::ste_installed;
        annotation.iommu = unit.regs;
        annotation.stream = id;
        annotation.context = number_;
        annotation.bytes = 1;  // of its configuration there is something: the endpoint is attached
        kernel().machine.annotate(annotation);
    }
    if (endpoints_ == 0) {
        if (const int err = viommu_replay_mappings(); err != 0) return err;
    }
    ++endpoints_;
    endpoint->domain = this;
    return 0;
}

// The device has forgotten the mappings of a domain without endpoints.
int ViommuDomain::viommu_replay_mappings() {
    Frame frame{kernel(), "viommu_replay_mappings"};
    const std::map<std::uint64_t, Mapping> all = mappings_;
    for (const auto& [first, mapping] : all) {
        if (const int err = viommu_->viommu_send_req_sync(map_request(first, mapping)); err != 0) return err;
        claim_mapped(first, mapping.last - first + 1);
    }
    return 0;
}

/// From here on the device translates it.
void ViommuDomain::claim_mapped(std::uint64_t first, std::uint64_t bytes) const {
    Annotation annotation;
    annotation.kind = Annotation::Kind::cd_installed;
    annotation.iommu = viommu_->regs;
    annotation.context = number_;
    annotation.first = first;
    annotation.bytes = bytes;
    kernel().machine.annotate(annotation);
}

int ViommuDomain::map(Iova iova, PhysAddr paddr, std::uint64_t size, bool write, bool read) {
    Frame frame{kernel(), "viommu_map_pages"};
    Mapping mapping;
    mapping.last = iova.value + size - 1;
    mapping.target = paddr.value;
    mapping.flags = (read ? virtio::map_flag::READ : 0) | (write ? virtio::map_flag::WRITE : 0);
    mappings_lock_.lock("VIM1");
    mappings_[iova.value] = mapping;
    mappings_lock_.unlock("VIM2");
    if (endpoints_ == 0) return 0;
    const int err = send_map(iova.value, mapping);
    if (err != 0) {
        mappings_.erase(iova.value);
    } else {
        claim_mapped(iova.value, size);
    }
    return err;
}

int ViommuDomain::send_map(std::uint64_t first, const Mapping& mapping) {
    Mapping sent = mapping;
    const bool overlaps = viommu_->mistakes.has(Mistake::map_overlapping);
    if (overlaps) sent.last += std::uint64_t{1} << __builtin_ctzll(pgsize_bitmap);
    const ViommuRequest request = map_request(first, sent);
    if (queues_only() || overlaps) {
        // iotlb_sync_map follows at once: the core calls map a contiguous piece at a time.
        viommu_->viommu_add_req(request);
        viommu_->viommu_sync_req();
        return 0;
    }
    return viommu_->viommu_send_req_sync(request);
}

std::uint64_t ViommuDomain::unmap(Iova iova, std::uint64_t size) {
    Frame frame{kernel(), "viommu_unmap_pages"};
    // Only whole mappings go.
    const std::uint64_t last = iova.value + size - 1;
    std::uint64_t unmapped = 0;
    mappings_lock_.lock("VIU1");
    auto at = mappings_.lower_bound(iova.value);
    while (at != mappings_.end() && at->first <= last && at->second.last <= last) {
        unmapped += at->second.last - at->first + 1;
        at = mappings_.erase(at);
    }
    mappings_lock_.unlock("VIU2");
    if (unmapped == 0 || endpoints_ == 0 || viommu_->mistakes.has(Mistake::unmap_without_tlbi)) return unmapped;
    viommu_->viommu_add_req(
        {{head(virtio::RequestType::unmap, number_), iova.value, iova.value + unmapped - 1, 0}, virtio::kUnmapBytes});
    return unmapped;
}

void ViommuDomain::iotlb_sync(Iova, std::uint64_t) {
    Frame frame{kernel(), "viommu_iotlb_sync"};
    if (viommu_ && !viommu_->mistakes.has(Mistake::return_before_sync)) viommu_->viommu_sync_req();
}

void ViommuDomain::flush_iotlb_all() {
    Frame frame{kernel(), "viommu_flush_iotlb_all"};
    if (viommu_ && endpoints_ != 0) viommu_->viommu_sync_req();
}

std::optional<PhysAddr> ViommuDomain::iova_to_phys(Iova iova) {
    if (type == DomainType::identity) return PhysAddr{iova.value};
    auto at = mappings_.upper_bound(iova.value);
    if (at == mappings_.begin()) return std::nullopt;
    --at;
    if (iova.value > at->second.last) return std::nullopt;
    return PhysAddr{at->second.target + (iova.value - at->first)};
}

std::optional<AddressSpace> ViommuDomain::address_space() const {
    if (!viommu_ || endpoints_ == 0) return std::nullopt;
    return AddressSpace{viommu_->regs, static_cast<std::uint16_t>(number_)};
}

void ViommuDomain::free() {
    mappings_.clear();
    if (viommu_) viommu_->give_domain(number_);
}

}  // namespace xlate::kernel
