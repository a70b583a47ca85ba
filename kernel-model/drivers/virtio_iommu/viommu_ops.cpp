// viommu_ops, and the driver.
#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/dma/reserved_regions.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/drivers/virtio_iommu/virtio_iommu.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

namespace virtio = iommu::virtio;

namespace {

constexpr std::string_view kDriver = "virtio_iommu";
constexpr unsigned kFirstReleaseWithoutOpsCheck = 609, kFirstReleaseThatFlushesLate = 608;
constexpr std::uint64_t kMsiIovaBase = 0x8000000, kMsiIovaLength = 0x100000;

}  // namespace

ViommuOps::ViommuOps(LinuxBoot& boot, Driver& driver)
    : IommuOps(std::string(kDriver)), boot_(boot), core_(boot.iommu()), driver_(driver) {
    properties.converted_by_series = true;
    properties.uses_ids_after_probe = true;
}

int ViommuOps::of_xlate(Device& dev, const OfPhandleArgs& args) {
    Frame frame{core_.k, "viommu_of_xlate"};
    if (args.args.empty()) return -kEINVAL;
    return core_.iommu_fwspec_add_ids(dev, {args.args.front()});
}

int ViommuOps::of_xlate_fwspec(Ptr<IommuFwspec> fwspec, Device&, const OfPhandleArgs& args) {
    Frame frame{core_.k, "viommu_of_xlate"};
    if (args.args.empty()) return -kEINVAL;
    return core_.iommu_fwspec_append_ids(fwspec, {args.args.front()});
}

PtrOrErr<IommuDevice> ViommuOps::probe_device(Device& dev) {
    Frame frame{core_.k, "viommu_probe_device"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "VIP1");
    if (!fwspec) return {{}, -kENODEV};
    if (core_.variant.release < kFirstReleaseWithoutOpsCheck && core_.iommu_fwspec_ops(fwspec, "VIP1") != this)
        return {{}, -kENODEV};
    // X7 (72b6f7cd89ce): in the walk of its own registration it is not in the driver's list yet.
    const std::optional<firmware::NodeIndex> fwnode = fwspec->iommu_fwnode.read("VIP2");
    const Device* const unit = core_.variant.has(Cap::drivers_before_walk)
                                   ? core_.driver_core.bus_find_device_by_fwnode(driver_.bus, fwnode, "VIP2")
                                   : core_.driver_core.driver_find_device_by_fwnode(driver_, fwnode, "VIP2");
    if (unit == nullptr || unit->driver_data == nullptr) return {{}, -kENODEV};
    const Ptr<ViommuDev> viommu(static_cast<ViommuDev*>(unit->driver_data));
    const Ptr<ViommuEndpoint> endpoint = core_.k.heap.make<ViommuEndpoint>("VIP3", dev, viommu);
    if (!endpoint) return {{}, -kENOMEM};
    core_.dev_iommu_priv_set(dev, endpoint, "VIP4");
    if (viommu->probe_bytes != 0) {
        if (const int err = viommu_probe_endpoint(*endpoint); err != 0) {
            core_.dev_iommu_priv_set(dev, {}, "VIP5");
            core_.k.heap.release(endpoint, "VIP5");
            return {{}, err};
        }
    }
    return {viommu->iommu, 0};
}

int ViommuOps::viommu_probe_endpoint(ViommuEndpoint& endpoint) {
    Frame frame{core_.k, "viommu_probe_endpoint"};
    const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(endpoint.dev, "VIP6");
    if (fwspec->num_ids("VIP6") == 0) return -kEINVAL;
    ViommuRequest probe;
    probe.bytes = virtio::kProbeBytes;
    probe.words.assign(virtio::kProbeBytes / 8, 0);
    probe.words[0] = static_cast<std::uint64_t>(virtio::RequestType::probe) | std::uint64_t{fwspec->id(0, "VIP6")}
                                                                                  << 32;
    std::vector<std::uint64_t> answer;
    if (const int err = endpoint.viommu->viommu_send_req_sync(probe, &answer); err != 0) return err;
    // type and length, then the body; a type of 0 ends the list.
    for (std::size_t at = 0; at < answer.size();) {
        const std::uint64_t head = answer[at];
        const auto type = static_cast<std::uint16_t>(head & 0xFFF), length = static_cast<std::uint16_t>(head >> 16);
        if (type == 0) break;
        if (type == virtio::property::RESV_MEM && length >= virtio::property::kResvMemBytes && at + 2 < answer.size()) {
            const bool msi = (head >> 32 & 0xFF) == virtio::property::kMsi;
            const std::uint64_t first = answer[at + 1], last = answer[at + 2];
            endpoint.reserved.push_back(
                {msi ? ReservedRegion::Kind::msi : ReservedRegion::Kind::reserved, first, last - first + 1, {}});
        }
        at += (length + virtio::property::kHeadBytes + 7) / 8;
    }
    return 0;
}

void ViommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "viommu_release_device"};
    const Ptr<ViommuEndpoint> endpoint = ptr_cast<ViommuEndpoint>(core_.dev_iommu_priv_get(dev, "VIX1"));
    if (!endpoint) return;
    if (ViommuDomain* const domain = endpoint->domain) {
        const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "VIX2");
        const unsigned ids = fwspec.deref("VIX2")->num_ids("VIX2");
        for (unsigned i = 0; i < ids; ++i) {
            const std::uint64_t id = fwspec->id(i, "VIX3");
            endpoint->viommu->viommu_send_req_sync(
                {{static_cast<std::uint64_t>(virtio::RequestType::detach) | std::uint64_t{domain->number_} << 32, id,
                  0},
                 virtio::kDetachBytes});
        }
        --domain->endpoints_;
    }
    core_.k.heap.release(endpoint, "VIX4");
}

PtrOrErr<IommuGroup> ViommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "viommu_device_group"};
    if (dev.bus != nullptr && dev.bus->name == "pci") return boot_.pci().pci_device_group(dev);
    return core_.generic_device_group(dev);
}

Ptr<IommuDomain> ViommuOps::domain_alloc(DomainType type) {
    Frame frame{core_.k, "viommu_domain_alloc"};
    switch (type) {
        case DomainType::unmanaged:
        case DomainType::dma:
        case DomainType::dma_fq:
        case DomainType::identity:
            return core_.k.heap.make<ViommuDomain>("VID1", type, core_);
        default:
            return {};
    }
}

std::vector<ReservedRegion> ViommuOps::get_resv_regions(Device& dev) {
    std::vector<ReservedRegion> regions;
    const auto* const endpoint = static_cast<const ViommuEndpoint*>(core_.dev_iommu_priv_get(dev, "VIG1").get());
    bool msi = false;
    if (endpoint != nullptr) {
        for (const ReservedRegion& region : endpoint->reserved) {
            msi = msi || region.kind == ReservedRegion::Kind::msi;
            regions.push_back(region);
        }
    }
    // Where the device keeps no window for messages free, the kernel maps the doorbell itself.
    if (!msi) regions.push_back({ReservedRegion::Kind::sw_msi, kMsiIovaBase, kMsiIovaLength, {}});
    const auto of_firmware = iommu_dma_get_resv_regions(core_.description, dev, core_.variant.release);
    regions.insert(regions.end(), of_firmware.begin(), of_firmware.end());
    return regions;
}

bool ViommuOps::capable_deferred_flush() const { return core_.variant.release >= kFirstReleaseThatFlushesLate; }

ViommuDriver::ViommuDriver(LinuxBoot& boot, const IommuDriverParts& parts, std::string driver_name, BusType& on_bus,
                           std::string_view compatible)
    : Driver(std::move(driver_name), on_bus),
      core_(boot.iommu()),
      pages_(parts.pages),
      compatible_(compatible),
      ops_(boot, *this) {}

bool ViommuDriver::match(const Device& device) const {
    if (!device.of_node) return false;
    const firmware::Node& node = core_.description.node(*device.of_node);
    return node.is_compatible(compatible_) && firmware::is_iommu(node);
}

int ViommuDriver::probe(Device& dev) {
    Frame frame{core_.k, "virtio_mmio_probe"};
    const firmware::Node& node = core_.description.node(*dev.of_node);
    if (node.regs.empty()) return -kENODEV;
    const PhysAddr regs{node.regs.front().cpu_address.value_or(node.regs.front().address)};
    const Ptr<ViommuDev> made = core_.k.heap.make<ViommuDev>("VIB1", pages_, dev, regs);
    if (!made) return -kENOMEM;
    core_.k.heap.set_immortal(*made.get());  // the device's (devres)
    made->request_irq(node);
    if (const int err = made->start(); err != 0) return err;
    dev.driver_data = made.get();
    made->iommu = core_.k.heap.make<IommuDevice>("VIB2", bus.name == "virtio" ? dev.parent->name : dev.name);
    if (!made->iommu) return -kENOMEM;
    core_.k.heap.set_immortal(*made->iommu.get());                       // a part of viommu_dev
    core_.iommu_device_register(made->iommu, &ops_, Ptr<Device>(&dev));  // its error is nobody's (X17)
    return 0;
}

std::unique_ptr<Driver> make_virtio_iommu(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<ViommuDriver>(boot, parts, "virtio-mmio", *boot.drivers().buses().front(), "virtio,mmio");
}

std::unique_ptr<Driver> make_virtio_iommu_pci(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<ViommuDriver>(boot, parts, std::string(kDriver), boot.state().virtio, "virtio,pci-iommu");
}

}  // namespace xlate::kernel
