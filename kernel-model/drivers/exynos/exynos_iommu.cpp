#include "kernel-model/drivers/exynos/exynos_iommu.hpp"

#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/firmware_regions.hpp"

namespace xlate::kernel {

namespace ex = iommu::exynos;

namespace {

constexpr std::string_view kDriver = "exynos-sysmmu";
constexpr unsigned kRelease61 = 601;

}  // namespace

ExynosIommuOps::ExynosIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// A SysMMU that another master has named is taken from it: it joins this master's list, and the other list leads here.
int ExynosIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "exynos_iommu_of_xlate"};
    const Ptr<Device> sysmmu(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    Ptr<ExynosIommuOwner> owner = ptr_cast<ExynosIommuOwner>(core_.dev_iommu_priv_get(dev, "OX1"));
    if (!sysmmu) return -kENODEV;
    auto* const data = static_cast<SysmmuDrvdata*>(sysmmu.deref("OX1")->driver_data);
    if (data == nullptr) return -kENODEV;
    if (core_.variant.has(Cap::sysmmu_one_master)) {
        const Device* const first = data->master.read("OX1");
        // A walk passes over a device with this error, and no other.
        if (first != nullptr && first != &dev) return -kENODEV;
    }
    if (!owner) {
        owner = core_.k.heap.make<ExynosIommuOwner>("OX2");
        if (!owner) return -kENOMEM;
        core_.dev_iommu_priv_set(dev, owner, "OX2");
    }
    ExynosIommuOwner& list = *owner.deref("OX3");
    bool there = false;
    list.for_each_controller("OX3", [&](SysmmuDrvdata& entry) { there = there || &entry == data; });
    if (there) return 0;
    list.number.update([](unsigned n) { return n + 1; }, "OX4");
    list_add_tail(data->owner_node, list.controllers);
    data->master.write(&dev, "OX4");
    return 0;
}

PtrOrErr<IommuDevice> ExynosIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "exynos_iommu_probe_device"};
    const Ptr<ExynosIommuOwner> owner = ptr_cast<ExynosIommuOwner>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!owner) return {{}, -kENODEV};
    SysmmuDrvdata* first = nullptr;
    owner.deref("PR3")->for_each_controller("PR3", [&](SysmmuDrvdata& data) {
        data.power.link(dev, data.sysmmu);
        if (first == nullptr) first = &data;
    });
    if (first == nullptr) return {{}, -kENODEV};
    return {first->iommu, 0};
}

void ExynosIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "exynos_iommu_release_device"};
    const Ptr<ExynosIommuOwner> owner = ptr_cast<ExynosIommuOwner>(core_.dev_iommu_priv_get(dev, "RE1"));
    if (!owner) return;
    ExynosIommuDomain::identity_attach(core_, *owner.deref("RE1"));
    owner.deref("RE2")->for_each_controller("RE2", [&](SysmmuDrvdata& data) {
        data.power.unlink(dev, data.sysmmu);
        if (!core_.variant.has(Cap::sysmmu_one_master)) return;
        list_del_init(data.owner_node);
        data.master.write(nullptr, "RE2");
    });
}

// Until 6.16 none: a picture that firmware shows faults when the SysMMU is switched on.
std::vector<ReservedRegion> ExynosIommuOps::get_resv_regions(Device& dev) {
    if (core_.variant.release < asks_for_firmware_regions(kDriver)) return {};
    return iommu_dma_get_resv_regions(core_.description, dev, core_.variant.release);
}

PtrOrErr<IommuGroup> ExynosIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "exynos_iommu_device_group"};
    return core_.generic_device_group(dev);
}

Ptr<IommuDomain> ExynosIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "exynos_iommu_domain_alloc_paging"};
    const bool lazy = type == DomainType::dma_fq && core_.variant.release > kRelease61;
    if (type != DomainType::unmanaged && type != DomainType::dma && !lazy) return {};
    if (!zero_lv2_table_) zero_lv2_table_ = pages_.alloc_table(ex::kTableBytes);
    if (!zero_lv2_table_) return {};
    const Ptr<ExynosIommuDomain> domain = core_.k.heap.make<ExynosIommuDomain>(
        "EXA1", type, core_, pages_, words.value_or(ex::Words::v5), zero_lv2_table_->value);
    if (!domain) return {};
    if (domain->init() != 0) {
        core_.k.heap.release(domain, "EXA2");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> ExynosIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<ExynosIommuDomain>("EXA3", DomainType::identity, core_, pages_,
                                                         words.value_or(ex::Words::v5), std::uint64_t{0});
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

ExynosIommuDriver::ExynosIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      power_(parts.power),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool ExynosIommuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

int ExynosIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "exynos_sysmmu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<SysmmuDrvdata> made = core_.k.heap.make<SysmmuDrvdata>("EXP1", dev, power_, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    return exynos_sysmmu_probe(dev, *made.get(), node);
}

int ExynosIommuDriver::exynos_sysmmu_probe(Device& dev, SysmmuDrvdata& data, const firmware::Node& node) {
    if (const int err = data.find_resources(node); err != 0) return err;
    data.request_irq(node);
    data.get_version();
    const ex::Words shape = ex::words_of(data.version);
    if (!ops_.words) ops_.words = shape;
    if (*ops_.words != shape) {
        core_.k.reports.semantic(
            "the tables of every domain have the shape that the first SysMMU wants; this one walks "
            "another",
            dev.name);
    }
    dev.driver_data = &data;
    data.iommu = core_.k.heap.make<IommuDevice>("EXP2", dev.name);
    if (!data.iommu) return -kENOMEM;
    power_.enable(dev, {[&data] { return data.resume(); }, [&data] { data.suspend(); }});
    if (const int err = core_.iommu_device_register(data.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        power_.disable(dev);
        core_.k.heap.release(data.iommu, "EXP3");
        data.iommu = {};
        return err;
    }
    return 0;
}

// Linux has none: its devices cannot be unbound (suppress_bind_attrs).
void ExynosIommuDriver::remove(Device& dev) { power_.disable(dev); }

std::unique_ptr<Driver> make_exynos_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<ExynosIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
