#include "base/bits.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/mediatek/mtk_iommu_driver.hpp"

namespace xlate::kernel {

namespace mtk = iommu::mediatek;

namespace {
constexpr unsigned kRelease61 = 601, kFirstReleaseWithoutOpsCheck = 612;
}

MtkIommuOps::MtkIommuOps(IommuCore& core, BusType& platform, RuntimePm& power, PageAllocator& pages)
    : IommuOps("mtk-iommu"), core_(core), platform_(platform), power_(power), pages_(pages) {
    properties.checks_fwspec = true;
    properties.checks_priv = false;
    properties.uses_ids_after_probe = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// The first entry's M4U is the one that counts, whatever the others name.
int MtkIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "mtk_iommu_of_xlate"};
    if (args.args.size() != 1) {
        core_.k.console.err(dev.prefix(), "invalid #iommu-cells({}) property for IOMMU", args.args.size());
        return -kEINVAL;
    }
    if (!core_.dev_iommu_priv_get(dev, "OX1")) {
        Device* const provider = core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1");
        if (provider == nullptr) {
            core_.k.reports.warn("mtk_iommu_of_xlate: no such device", "OX1");
            return -kEINVAL;
        }
        core_.dev_iommu_priv_set(dev, Ptr<MtkIommu>(static_cast<MtkIommu*>(provider->driver_data)), "OX2");
    }
    return core_.iommu_fwspec_add_ids(dev, {args.args.front()});
}

// The private data is followed without a look (D-11).
PtrOrErr<IommuDevice> MtkIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_probe_device"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "PR1");
    const bool old = core_.variant.release < kFirstReleaseWithoutOpsCheck;
    if (old && (!fwspec || core_.iommu_fwspec_ops(fwspec, "PR1") != this)) return {{}, -kENODEV};
    const Ptr<MtkIommu> priv = ptr_cast<MtkIommu>(core_.dev_iommu_priv_get(dev, "PR2"));
    MtkIommu& data = *priv.deref("PR4");
    if (!data.platform.is_mm()) return {data.iommu, 0};
    const std::vector<std::uint32_t> ids = data.ids_of(dev, "PR4");
    const unsigned larb = ids.empty() ? 0 : mtk::larb_of(ids.front());
    if (larb >= mtk::kLarbs) return {{}, -kEINVAL};
    for (const std::uint32_t id : ids) {
        if (mtk::larb_of(id) == larb) continue;
        core_.k.console.err(dev.prefix(), "Can only use one larb. Fail@larb{}-{}.", larb, mtk::larb_of(id));
        return {{}, -kEINVAL};
    }
    Device* const larbdev = data.larb_imu[larb].dev;
    if (larbdev == nullptr) return {{}, -kEINVAL};
    power_.link(dev, *larbdev);
    return {data.iommu, 0};
}

void MtkIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_release_device"};
    const Ptr<MtkIommu> priv = ptr_cast<MtkIommu>(core_.dev_iommu_priv_get(dev, "RE1"));
    MtkIommu& data = *priv.deref("RE1");
    if (data.platform.is_mm()) {
        const std::vector<std::uint32_t> ids = data.ids_of(dev, "RE2");
        Device* const larbdev = ids.empty() ? nullptr : data.larb_imu[mtk::larb_of(ids.front()) % mtk::kLarbs].dev;
        if (larbdev != nullptr) power_.unlink(dev, *larbdev);
    }
    if (core_.variant.release <= kRelease61) core_.iommu_fwspec_free(dev);
}

// One a bank, else one a region. The M4U keeps it without a reference, and is not told when it ends (F16).
PtrOrErr<IommuGroup> MtkIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "mtk_iommu_device_group"};
    const Ptr<MtkIommu> priv = ptr_cast<MtkIommu>(core_.dev_iommu_priv_get(dev, "GR1"));
    const std::vector<std::uint32_t> ids = priv.deref("GR1")->ids_of(dev, "GR1");
    MtkIommu& data = priv->frst_data("GR1");
    int number = static_cast<int>(data.bank_id(ids));
    if (number == 0) number = data.iova_region_id(dev, ids);
    if (number < 0) return {{}, number};
    data.mutex.lock("GR2");
    Ptr<IommuGroup>& kept = data.m4u_group[static_cast<std::size_t>(number)];
    PtrOrErr<IommuGroup> result{kept, 0};
    if (kept) {
        core_.iommu_group_ref_get(kept, "ID6");
    } else {
        result = core_.iommu_group_alloc();
        if (result.err == 0) kept = result.value;
    }
    data.mutex.unlock("GR3");
    return result;
}

Ptr<IommuDomain> MtkIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "mtk_iommu_domain_alloc_paging"};
    if (type != DomainType::unmanaged && type != DomainType::dma) return {};
    return core_.k.heap.make<MtkIommuDomain>("MTD1", type, core_, pages_);
}

Ptr<IommuDomain> MtkIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<MtkIommuDomain>("MTD2", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

// Regions inside of the device's own.
std::vector<ReservedRegion> MtkIommuOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions;
    const Ptr<DevIommu> container = dev.iommu.peek();
    if (!container) return regions;
    const Ptr<MtkIommu> priv = ptr_cast<MtkIommu>(container.get()->priv.peek());
    const Ptr<IommuFwspec> fwspec = container.get()->fwspec.peek();
    if (!priv || !fwspec) return regions;
    const MtkPlatform& platform = priv.get()->platform;
    if (platform.region_count() == 1) return regions;
    const unsigned release = core_.variant.release;
    const int own = priv.get()->iova_region_id(dev, fwspec.get()->peek_ids());
    if (own < 0) return regions;
    const MtkRegion mine = platform.region(static_cast<unsigned>(own), release);
    for (unsigned i = 0; i < platform.region_count(); ++i) {
        const MtkRegion one = platform.region(i, release);
        if (one.base <= mine.base || one.base + one.size >= mine.base + mine.size) continue;
        regions.push_back({ReservedRegion::Kind::reserved, one.base, one.size});
    }
    return regions;
}

}  // namespace xlate::kernel
