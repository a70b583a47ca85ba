#include "kernel-model/drivers/omap/omap_iommu_ops.hpp"

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/dma/page_allocator.hpp"
#include "kernel-model/driver-core/driver_core.hpp"

namespace xlate::kernel {

namespace {

constexpr std::string_view kDriver = "omap-iommu", kDspIommu = "ti,dra7-dsp-iommu";
constexpr unsigned kRelease61 = 601;
/// c9b4a3185fcb: clients get a fwspec, and so an IOMMU where the core knows drivers by firmware node only.
constexpr unsigned kFirstWithFwnode = 613;

}  // namespace

OmapIommuOps::OmapIommuOps(IommuCore& core, BusType& platform, PageAllocator& pages)
    : IommuOps(std::string(kDriver)), core_(core), platform_(platform), pages_(pages) {
    properties.checks_fwspec = false;
    properties.instance_lookup = InstanceLookup::phandle;
}

bool OmapIommuOps::has_of_xlate() const { return core_.variant.release >= kFirstWithFwnode; }

// The entries are read in probe_device: here the core learns only whose they are.
int OmapIommuOps::of_xlate(Device&, const OfPhandleArgs&) {
    Frame frame{core_.k, "omap_iommu_of_xlate"};
    return has_of_xlate() ? 0 : -kENODEV;
}

// Every phandle's instance, or nothing. One whose device is there but not probed is -EINVAL, which ends the walk and
// the registration that made it (linux-findings.md 16); one without a device (disabled) is -ENODEV.
PtrOrErr<IommuDevice> OmapIommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "omap_iommu_probe_device"};
    if (!dev.of_node) return {{}, -kENODEV};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    if (!node.has_iommus || node.iommus.empty()) return {{}, -kENODEV};
    const Ptr<OmapArchData> data = core_.k.heap.make<OmapArchData>("PR1");
    if (!data) return {{}, -kENOMEM};
    int err = 0;
    for (const firmware::IommuEntry& entry : node.iommus) {
        if (!entry.provider) {
            err = -kEINVAL;
            break;
        }
        const Ptr<Device> provider(core_.driver_core.bus_find_device_by_fwnode(platform_, *entry.provider, "PR2"));
        if (!provider) {
            err = -kENODEV;
            break;
        }
        const Ptr<OmapIommu> obj(static_cast<OmapIommu*>(provider.deref("PR2")->driver_data));
        if (!obj) {
            err = -kEINVAL;
            break;
        }
        data->iommu_dev.push_back(obj);
    }
    if (err != 0) {
        core_.k.heap.release(data, "PR3");
        return {{}, err};
    }
    core_.dev_iommu_priv_set(dev, data, "PR3");
    return {data->iommu_dev.front().deref("PR3")->iommu, 0};
}

void OmapIommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "omap_iommu_release_device"};
    const Ptr<OmapArchData> data = ptr_cast<OmapArchData>(core_.dev_iommu_priv_get(dev, "RE1"));
    if (!dev.of_node || !data) return;
    if (!core_.variant.has(Cap::assert_priv)) core_.dev_iommu_priv_set(dev, {}, "RE2");
    core_.k.heap.release(data, "RE2");
}

PtrOrErr<IommuGroup> OmapIommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "omap_iommu_device_group"};
    return core_.generic_single_device_group(dev);
}

Ptr<IommuDomain> OmapIommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "omap_iommu_domain_alloc_paging"};
    // 6.1 makes none for the core; later the generic DMA layer gets one if the kernel has that layer.
    const bool dma = type == DomainType::dma && core_.variant.release > kRelease61;
    if (type != DomainType::unmanaged && !dma) return {};
    return core_.k.heap.make<OmapIommuDomain>("OMN1", type, core_, pages_);
}

Ptr<IommuDomain> OmapIommuOps::identity_domain() {
    if (core_.variant.release <= kRelease61) return {};
    if (!identity_) {
        identity_ = core_.k.heap.make<OmapIommuDomain>("OMN2", DomainType::identity, core_, pages_);
        if (!identity_) return {};
        identity_->is_static = true;
        core_.k.heap.set_immortal(*identity_.get());
    }
    return identity_;
}

OmapIommuDriver::OmapIommuDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts)
    : Driver(std::string(kDriver), platform),
      core_(core),
      platform_(platform),
      power_(parts.power),
      mistakes_(parts.mistakes),
      ops_(core, platform, parts.pages) {}

bool OmapIommuDriver::match(const Device& device) const {
    return device.of_node && firmware::binds_to(kDriver, core_.description.node(*device.of_node));
}

int OmapIommuDriver::find_resources(OmapIommu& obj, const firmware::Node& node) {
    if (const auto entries = node.u32("ti,#tlb-entries")) obj.nr_tlb_entries = *entries;
    if (obj.nr_tlb_entries != 32 && obj.nr_tlb_entries != 8) return -kEINVAL;
    obj.has_bus_err_back = node.has("ti,iommu-bus-err-back");
    if (node.regs.empty()) return -kEINVAL;
    obj.regbase = PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    if (const int err = omap_iommu_dra7_get_dsp_system_cfg(obj, node); err != 0) return err;
    return node.interrupts.empty() ? -kENODEV : 0;
}

int OmapIommuDriver::omap_iommu_dra7_get_dsp_system_cfg(OmapIommu& obj, const firmware::Node& node) {
    if (!node.is_compatible(kDspIommu)) return 0;
    const firmware::Property* const config = node.property("ti,syscon-mmuconfig");
    Console& console = core_.k.console;
    if (config == nullptr) {
        console.err(obj.prefix, "ti,syscon-mmuconfig property is missing");
        return -kEINVAL;
    }
    const auto cell = [&](std::size_t i) -> std::optional<std::uint32_t> {
        if (config->bytes.size() < 4 * (i + 1)) return std::nullopt;
        std::uint32_t value = 0;
        for (std::size_t byte = 0; byte < 4; ++byte) value = value << 8 | config->bytes[4 * i + byte];
        return value;
    };
    const std::uint32_t phandle = cell(0).value_or(0);
    for (const firmware::Node& one : core_.description.nodes) {
        if (phandle == 0 || one.phandle != phandle || one.regs.empty()) continue;
        obj.syscfg = PhysAddr{one.regs.front().cpu_address.value_or(one.regs.front().address)};
    }
    if (!obj.syscfg) return -kENODEV;
    if (!cell(1)) {
        console.err(obj.prefix, "couldn't get the IOMMU instance id within subsystem");
        return -kEINVAL;
    }
    obj.id = *cell(1);
    if (obj.id > 1) {
        console.err(obj.prefix, "invalid IOMMU instance id");
        return -kEINVAL;
    }
    return 0;
}

// Of a DSP's MMUs the core knows the one that the processor goes through; the driver knows it by its name. With
// of_xlate it knows both, or the other's entries would defer for ever.
int OmapIommuDriver::register_with_core(OmapIommu& obj) {
    const firmware::Node& node = core_.description.node(*obj.dev.of_node);
    const bool all = core_.variant.release >= kFirstWithFwnode;
    if (!all && node.is_compatible(kDspIommu) && obj.dev.name != "40d01000.mmu" && obj.dev.name != "41501000.mmu")
        return 0;
    obj.iommu = core_.k.heap.make<IommuDevice>("OMP2", obj.dev.name);
    if (!obj.iommu) return -kENOMEM;
    if (core_.variant.release <= kRelease61) {
        // 6.1: the instance's group is there before any client is.
        const PtrOrErr<IommuGroup> group = core_.iommu_group_alloc();
        if (group.err != 0) return group.err;
        obj.iommu->singleton_group.write(group.value, "OMP3");
    }
    const int err = core_.iommu_device_register(obj.iommu, &ops_, Ptr<Device>(&obj.dev));
    if (err != 0) {
        core_.k.heap.release(obj.iommu, "OMP4");
        obj.iommu = {};
    }
    return err;
}

int OmapIommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "omap_iommu_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    const Ptr<OmapIommu> made = core_.k.heap.make<OmapIommu>("OMP1", dev, power_, mistakes_);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    OmapIommu& obj = *made.get();
    if (const int err = find_resources(obj, node); err != 0) return err;
    obj.request_irq(node);
    dev.driver_data = &obj;
    if (const int err = register_with_core(obj); err != 0) {
        dev.driver_data = nullptr;  // the driver core's, after a failed probe
        return err;
    }
    power_.enable(dev, {[&obj] { return obj.runtime_resume(); }, [&obj] { obj.runtime_suspend(); }});
    core_.k.console.info(obj.prefix, "{} registered", dev.name);
    // Clients that this instance alone had been missing; what that walk answers is not looked at.
    if (core_.variant.release < kFirstWithFwnode) core_.bus_iommu_probe(platform_);
    return 0;
}

// Linux's driver is built in and its devices cannot be unbound (suppress_bind_attrs).
void OmapIommuDriver::remove(Device& dev) { power_.disable(dev); }

std::unique_ptr<Driver> make_omap_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<OmapIommuDriver>(boot.iommu(), *boot.drivers().buses().front(), parts);
}

}  // namespace xlate::kernel
