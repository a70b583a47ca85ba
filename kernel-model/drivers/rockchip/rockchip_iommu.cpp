#include "kernel-model/drivers/rockchip/rockchip_iommu.hpp"

#include <algorithm>

#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace rk = iommu::rockchip;

namespace {

constexpr std::string_view kV1 = "rockchip,iommu", kV2 = "rockchip,rk3568-iommu";
constexpr unsigned kRelease61 = 601, kReleaseWithReset = 607, kRelease612 = 612;

}  // namespace

RkIommuOps::RkIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps("rockchip-iommu"), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.checks_priv = true;
    properties.xlate_sets_priv = true;
    properties.instance_lookup = InstanceLookup::priv;
}

// New data each time, of the master's devres: the last entry of a list wins. From 6.7 on, and until 6.12.107, it also
// makes the IOMMU forget its domain (F17).
int RkIommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "rk_iommu_of_xlate"};
    // Up to 6.15 the data are allocated for a device that is known only behind the registration (X1).
    if (!core_.variant.has(Cap::drivers_before_walk) && !dma_dev) dma_dev.deref("OX2");
    const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, args.np, "OX1"));
    const Ptr<RkIommuData> data = core_.k.heap.make<RkIommuData>("OX2");
    if (!data) return -kENOMEM;
    core_.k.heap.set_immortal(*data.get());
    data->iommu = Ptr<RkIommu>(static_cast<RkIommu*>(provider.deref("OX1")->driver_data));
    const unsigned release = core_.variant.release;
    core_.dev_iommu_priv_set(dev, data, "OX3");
    if (release >= kReleaseWithReset && release != kRelease612) data->iommu.deref("OX4")->domain.write(nullptr, "OX4");
    return 0;
}

PtrOrErr<IommuDevice> RkIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "rk_iommu_probe_device"};
    const Ptr<RkIommuData> data = ptr_cast<RkIommuData>(core_.dev_iommu_priv_get(dev, "PR2"));
    if (!data) return {{}, -kENODEV};
    RkIommu& iommu = *data.deref("PR3")->iommu.deref("PR3");
    iommu.power.link(dev, iommu.dev);
    data->linked = true;
    return {iommu.iommu, 0};
}

void RkIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "rk_iommu_release_device"};
    const Ptr<RkIommuData> data = ptr_cast<RkIommuData>(core_.dev_iommu_priv_get(dev, "RE1"));
    if (!data || !data->linked) return;
    RkIommu& iommu = *data.deref("RE1")->iommu.deref("RE1");
    iommu.power.unlink(dev, iommu.dev);
    data->linked = false;
}

PtrOrErr<IommuGroup> RkIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "rk_iommu_device_group"};
    return core_.generic_single_device_group(dev);
}

// Any IOMMU may use the tables, of the first one's version. 6.1 knows no identity.
Ptr<IommuDomain> RkIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "rk_iommu_domain_alloc_paging"};
    const bool lazy = type == DomainType::dma_fq && core_.variant.release > kRelease61;
    if (type != DomainType::unmanaged && type != DomainType::dma && !lazy) return {};
    const Ptr<RkIommuDomain> domain = core_.k.heap.make<RkIommuDomain>("RKD1", type, core_, pages_, version);
    if (!domain) return {};
    if (domain->init() != 0) {
        core_.k.heap.release(domain, "RKD2");
        return {};
    }
    return domain;
}

Ptr<IommuDomain> RkIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<RkIommuDomain>("RKI1", DomainType::identity, core_, pages_, version);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

RkIommuDriver::RkIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver("rk_iommu", platform),
      core_(core),
      power_(parts.power),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool RkIommuDriver::match(const Device& device) const {
    if (!device.of_node) return false;
    const firmware::Node& node = core_.description.node(*device.of_node);
    return node.is_compatible(kV1) || node.is_compatible(kV2);
}

int RkIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "rk_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    // As of_device_get_match_data(): the node's first compatible that the table has.
    const auto first = std::find_if(node.compatible.begin(), node.compatible.end(),
                                    [](const std::string& one) { return one == kV1 || one == kV2; });
    const rk::Version version = *first == kV2 ? rk::Version::v2 : rk::Version::v1;
    if (instances_.empty()) ops_.version = version;
    if (version != ops_.version) {
        core_.k.reports.warn("rk_iommu_probe: two versions of the tables on one SoC", "RKP1");
        return -kEINVAL;
    }
    const Ptr<RkIommu> iommu = core_.k.heap.make<RkIommu>("RKP2", dev, power_, version, mistakes_);
    if (!iommu) return -kENOMEM;
    core_.k.heap.set_immortal(*iommu.get());  // the device's (devres)
    return rk_iommu_probe(dev, *iommu, node);
}

// Clocks aside. It writes no register: the hardware is not powered yet.
int RkIommuDriver::rk_iommu_probe(Device& dev, RkIommu& iommu, const firmware::Node& node) {
    if (const int err = iommu.find_resources(node); err != 0) return err;
    dev.driver_data = &iommu;
    iommu.iommu = core_.k.heap.make<IommuDevice>("RKP3", dev.name);
    if (!iommu.iommu) return -kENOMEM;
    if (core_.variant.release <= kRelease61) {
        // 6.1: the instance's group is there before any master is.
        const PtrOrErr<IommuGroup> group = core_.iommu_group_alloc();
        if (group.err != 0) return group.err;
        iommu.iommu->singleton_group.write(group.value, "RKP4");
    }
    if (const int err = core_.iommu_device_register(iommu.iommu, &ops_, Ptr<Device>(&dev)); err != 0) {
        core_.k.heap.release(iommu.iommu, "RKP5");
        iommu.iommu = {};
        return err;
    }
    if (!ops_.dma_dev) ops_.dma_dev = Ptr<Device>(&dev);
    power_.enable(dev, {[&iommu] { return iommu.resume(); }, [&iommu] { iommu.suspend(); }});
    iommu.request_irqs(node);
    instances_.push_back(Ptr<RkIommu>(&iommu));
    return 0;
}

// Linux has no remove, only rk_iommu_shutdown(): its devices cannot be unbound (suppress_bind_attrs).
void RkIommuDriver::remove(Device& dev) { power_.disable(dev); }

std::unique_ptr<Driver> make_rockchip_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<RkIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
