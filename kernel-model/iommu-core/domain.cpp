// Default domains and attaching: kernel-probe.md 2.7 (SDD) and 2.8.
#include "base/bits.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

namespace {

bool is_dma(DomainType type) { return type == DomainType::dma || type == DomainType::dma_fq; }

/// As Linux numbers its types (include/linux/iommu.h: flags paging 1, DMA API 2, passthrough 4, flush queue 8).
unsigned linux_number(DomainType type) {
    constexpr unsigned kPaging = 1, kDmaApi = 2, kPassthrough = 4, kFlushQueue = 8;
    switch (type) {
        case DomainType::identity:
            return kPassthrough;
        case DomainType::unmanaged:
            return kPaging;
        case DomainType::dma:
            return kPaging | kDmaApi;
        case DomainType::dma_fq:
            return kPaging | kDmaApi | kFlushQueue;
        case DomainType::none:
        case DomainType::blocked:
            break;
    }
    return 0;
}

/// Linux iommu_domain_type_str().
std::string_view linux_text(DomainType type) {
    switch (type) {
        case DomainType::identity:
            return "Passthrough";
        case DomainType::unmanaged:
            return "Unmanaged";
        case DomainType::dma:
        case DomainType::dma_fq:
            return "Translated";
        case DomainType::blocked:
            return "Blocked";
        case DomainType::none:
            break;
    }
    return "Unknown";
}

IommuOps* ops_of(Device& dev, const char* step) {
    return dev.iommu.read(step).deref(step)->iommu_dev.read(step).deref(step)->ops.read(step);
}

}  // namespace

Ptr<IommuDomain> IommuCore::domain_alloc(IommuOps* ops, Device& dev, DomainType type) {
    Frame frame{k, "__iommu_domain_alloc"};
    k.spend(k.costs.domain_allocation);
    if (type == DomainType::identity) {
        const Ptr<IommuDomain> fixed = ops->identity_domain();
        if (fixed) return fixed;
    }
    const Ptr<IommuDomain> domain = ops->domain_alloc_for(dev, type);
    if (!domain) return {};
    domain->type = type;
    if (is_dma(type) && (!has_generic_dma() || (dma != nullptr && dma->get_dma_cookie(domain) != 0))) {
        domain->free();
        k.heap.release(domain, "SDD2");
        return {};
    }
    return domain;
}

void IommuCore::domain_free(Ptr<IommuDomain> domain, const char* step) {
    Frame frame{k, "iommu_domain_free"};
    if (domain.deref(step)->is_static) return;  // identity and blocked singletons have no free op
    if (is_dma(domain->type) && dma != nullptr) dma->put_dma_cookie(domain);
    domain->free();
    k.heap.release(domain, step);
}

int IommuCore::do_iommu_attach_device(Ptr<IommuDomain> domain, Device& dev) {
    Frame frame{k, "__iommu_attach_device"};
    const int err = domain.deref("SDD4")->attach_dev(dev);
    if (err != 0) return err;
    if (!variant.has(Cap::domain_after_probe))
        dev.iommu.read("SDD4").deref("SDD4")->attach_deferred.write(false, "SDD4");
    k.events.record(k.now(), EventKind::attach_device_to_domain, [&](Event& event) { event.device = dev.name; });
    return 0;
}

int IommuCore::device_set_domain(Ptr<IommuGroup> group, Device& dev, Ptr<IommuDomain> domain) {
    Frame frame{k, "__iommu_device_set_domain"};
    const Ptr<DevIommu> container = dev.iommu.read("PD8");
    if (container.deref("PD8")->require_direct.read("PD8") && domain->type == DomainType::blocked) return -kEINVAL;
    if (container.deref("PD8")->attach_deferred.read("PD8")) {
        if (domain == group->default_domain.read("PD8")) return 0;
        container.deref("PD8")->attach_deferred.write(false, "PD8");
    }
    return do_iommu_attach_device(domain, dev);
}

std::vector<ReservedRegion> IommuCore::iommu_get_resv_regions(Device& dev) const {
    const DevIommu* const container = dev.iommu.peek().get();
    const IommuDevice* const iommu = container != nullptr ? container->iommu_dev.peek().get() : nullptr;
    IommuOps* const ops = iommu != nullptr ? iommu->ops.peek() : nullptr;
    return ops != nullptr ? ops->get_resv_regions(dev) : std::vector<ReservedRegion>{};
}

std::vector<ReservedRegion> IommuCore::iommu_get_group_resv_regions(const IommuGroup& group) const {
    std::vector<ReservedRegion> all;
    for (const Ptr<GroupDevice> member : group.devices) {
        const std::vector<ReservedRegion> of_one = iommu_get_resv_regions(*member.get()->dev.get());
        all.insert(all.end(), of_one.begin(), of_one.end());
    }
    return merged_regions(std::move(all));
}

/// SDD3: memory that the device uses since firmware is mapped one to one in its DMA domain. A domain without tables yet
/// refuses, and is asked again after the attach.
int IommuCore::iommu_create_device_direct_mappings(Ptr<IommuDomain> domain, Device& dev) {
    const std::vector<ReservedRegion> regions = iommu_get_resv_regions(dev);
    bool mapped = false;
    int err = 0;
    for (const ReservedRegion& region : regions) {
        if (!region.remark.empty()) k.console.warn(dev.prefix(), "{}", region.remark);
        if (!region.is_direct()) continue;
        Frame frame{k, "iommu_create_device_direct_mappings"};
        if (region.kind == ReservedRegion::Kind::direct) {
            dev.iommu.read("SDD3").deref("SDD3")->require_direct.write(true, "SDD3");
        }
        if (!is_dma(domain.deref("SDD3")->type)) continue;
        err = domain->finalise_for(dev);
        if (err != 0) break;
        if (domain->pgsize_bitmap == 0) {
            err = -kENODEV;
            break;
        }
        // What another member has mapped already stays.
        const std::uint64_t page = domain->pgsize_bitmap & (~domain->pgsize_bitmap + 1);
        const std::uint64_t end = align_up(region.start + region.length, page);
        std::uint64_t from = align_up(region.start, page);
        for (std::uint64_t at = from; at <= end && err == 0; at += page) {
            if (at < end && !domain->iova_to_phys(Iova{at})) continue;
            if (at > from) err = domain->map(Iova{from}, PhysAddr{from}, at - from, true, true);
            mapped = mapped || at > from;
            from = at + page;
        }
        if (err != 0) break;
    }
    if (mapped) domain->flush_iotlb_all();
    return err;
}

/// SDD1: what the members' drivers want; `none` if nobody has a wish.
DomainType IommuCore::wanted_type(Ptr<IommuGroup> group, int& err) {
    DomainType wish = DomainType::none;
    const Device* untrusted = nullptr;
    for (const Ptr<GroupDevice> member : group->devices) {
        Device& dev = *member.deref("SDD1")->dev;
        const DomainType wanted = ops_of(dev, "SDD1")->def_domain_type(dev);
        if (dev.untrusted) untrusted = &dev;
        if (wanted == DomainType::none || wanted == wish) continue;
        if (wish != DomainType::none) {
            k.console.err(dev.prefix(),
                          "IOMMU driver error, requesting conflicting def_domain_type, {} and {}, for devices in group "
                          "{}.",
                          linux_text(wish), linux_text(wanted), group->id);
            wish = DomainType::identity;  // identity wins a conflict
            continue;
        }
        wish = wanted;
    }
    // Without the generic DMA layer nobody would use a DMA domain; ARM32 puts a mapping of its own over identity.
    if (!has_generic_dma()) wish = DomainType::identity;
    err = 0;
    if (untrusted == nullptr) return wish;
    // What is untrusted is translated, and strictly. Up to 6.6 whatever its driver wants (59ddce4418da).
    constexpr unsigned kFirstReleaseThatRefuses = 607;
    if (variant.release >= kFirstReleaseThatRefuses && wish != DomainType::none && wish != DomainType::dma) {
        k.console.err(untrusted->prefix(),
                      "Device is not trusted, but driver is overriding group {} to {}, refusing to probe.", group->id,
                      linux_text(wish));
        err = -kEINVAL;
    }
    return DomainType::dma;
}

/// The name is that of a group, which no driver of ours gives it.
void IommuCore::say_fallback(DomainType type) {
    k.console.warn("iommu",
                   "Failed to allocate default IOMMU domain of type {} for group (null) - Falling back to "
                   "IOMMU_DOMAIN_DMA",
                   linux_number(type));
}

Ptr<IommuDomain> IommuCore::alloc_default_domain(Ptr<IommuGroup> group, DomainType forced) {
    Device& dev = *group->devices.front().deref("SDD2")->dev;
    IommuOps* const ops = ops_of(dev, "SDD2");
    const Ptr<IommuDomain> fixed = ops->default_domain();
    if (fixed) return fixed;
    if (forced != DomainType::none) return domain_alloc(ops, dev, forced);
    const DomainType type = parameters.default_type();
    Ptr<IommuDomain> domain = domain_alloc(ops, dev, type);
    if (domain || type == DomainType::dma) return domain;
    domain = domain_alloc(ops, dev, DomainType::dma);
    if (domain) say_fallback(type);
    return domain;
}

int IommuCore::iommu_setup_default_domain(Ptr<IommuGroup> group) {
    Frame frame{k, "iommu_setup_default_domain"};
    group.deref("SDD1")->mutex.assert_held("SDD1");
    if (group->devices.empty()) return 0;
    int err = 0;
    const DomainType wish = wanted_type(group, err);
    if (err != 0) return err;
    const Ptr<IommuDomain> domain = alloc_default_domain(group, wish);
    if (!domain) return -kENODEV;
    const Ptr<IommuDomain> old = group->default_domain.read("SDD3");
    if (old == domain) return 0;
    bool direct_failed = false;
    for (const Ptr<GroupDevice> member : group->devices) {
        Device& dev = *member.deref("SDD3")->dev;
        if (iommu_create_device_direct_mappings(domain, dev) == 0 || direct_failed) continue;
        direct_failed = true;
        k.console.warn("iommu " + dev.iommu.peek()->iommu_dev.peek()->sysfs_name,
                       "IOMMU driver was not able to establish FW requested direct mapping.");
    }
    group->default_domain.write(domain, "SDD4");
    if (!group->domain.read("SDD4")) {
        // The first attach may not fail: go on over errors, report the last one.
        for (const Ptr<GroupDevice> member : group->devices) {
            const int result = device_set_domain(group, *member.deref("SDD4")->dev, domain);
            if (result != 0) err = result;
        }
        group->domain.write(domain, "SDD4");
        if (err != 0) k.reports.warn("the first attach of a group's default domain failed", "SDD4");
        if (old) domain_free(old, "SDD4");
    }
    for (std::size_t i = 0; direct_failed && err == 0 && i < group->devices.size(); ++i) {  // SDD5
        err = iommu_create_device_direct_mappings(domain, *group->devices[i].deref("SDD5")->dev);
    }
    return err;
}

void IommuCore::iommu_setup_dma_ops(Device& dev, std::uint64_t base, std::uint64_t limit) {
    if (!has_generic_dma()) return;  // a stub there
    Frame frame{k, "iommu_setup_dma_ops"};
    const Ptr<IommuDomain> domain = iommu_get_domain_for_dev(dev, "ODC6");
    bool ok = static_cast<bool>(domain);
    if (ok && is_dma(domain.deref("ODC6")->type)) {
        ok = dma == nullptr || dma->init_domain(domain, base, limit, dev) == 0;
        if (ok) {
            dev.dma_ops.write(DmaOps::iommu, "ODC6");
            dev.iommu_window = firmware::DmaWindow{};
            dev.iommu_window->cpu = base;
            dev.iommu_window->size = limit - base + 1;
        }
    } else if (ok && variant.has(Cap::core_sets_dma_ops)) {
        dev.dma_ops.write(DmaOps::direct, "ODC6");
    }
    if (!ok) k.console.warn("", "Failed to set up IOMMU for device {}; retaining platform DMA ops", dev.name);
}

}  // namespace xlate::kernel
