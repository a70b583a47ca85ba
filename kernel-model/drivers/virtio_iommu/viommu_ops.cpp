// viommu_ops, and the drivers.
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_iommus.hpp"
#include "kernel-model/arch/arch.hpp"
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
constexpr unsigned kFirstReleaseThatIgnoresRegistration = 602;  // viommu_probe() looks no further (X17)
constexpr std::uint64_t kMsiIovaBase = 0x8000000, kMsiIovaLength = 0x100000;

}  // namespace

ViommuOps::ViommuOps(IommuCore& core, Driver& driver, PciGroup pci_device_group)
    : IommuOps(std::string(kDriver)), core_(core), driver_(driver), pci_device_group_(std::move(pci_device_group)) {
    properties.converted_by_series = true;
    properties.uses_ids_after_probe = true;
    // X7 (72b6f7cd89ce): till then it is not found in the walk of its own registration.
    if (core_.variant.has(Cap::virtio_before_walk)) properties.instance_lookup = InstanceLookup::bus;
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
    const FwNode fwnode = fwspec->iommu_fwnode.read("VIP2");
    DriverCore& drivers = core_.driver_core;
    const Device* const unit = properties.instance_lookup == InstanceLookup::bus
                                   ? drivers.bus_find_device_by_fwnode(driver_.bus, fwnode, "VIP2")
                                   : drivers.driver_find_device_by_fwnode(driver_, fwnode, "VIP2");
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

/// Where the architecture has no arch_setup_dma_ops (x86), until the core sets the DMA operations.
void ViommuOps::probe_finalize(Device& dev) {
    if (core_.variant.has(Cap::core_sets_dma_ops) || arch_row(core_.parameters.arch).has_setup) return;
    Frame frame{core_.k, "viommu_probe_finalize"};
    core_.iommu_setup_dma_ops(dev, 0, ~std::uint64_t{0});
}

void ViommuOps::release_device(Device& dev) {
    Frame frame{core_.k, "viommu_release_device"};
    const Ptr<ViommuEndpoint> endpoint = ptr_cast<ViommuEndpoint>(core_.dev_iommu_priv_get(dev, "VIX1"));
    if (!endpoint) return;
    if (ViommuDomain* const domain = endpoint->domain) {
        const Ptr<IommuFwspec> fwspec = core_.dev_iommu_fwspec_get(dev, "VIX2");
        const unsigned ids = fwspec.deref("VIX2")->num_ids("VIX2");
        for (unsigned i = 0; i < ids; ++i) {
            const std::uint32_t id = fwspec->id(i, "VIX3");
            if (!endpoint->viommu->mistakes.has(Mistake::detach_forgotten)) {
                endpoint->viommu->viommu_send_req_sync(
                    {{static_cast<std::uint64_t>(virtio::RequestType::detach) | std::uint64_t{domain->number_} << 32,
                      id, 0},
                     virtio::kDetachBytes});
            }
            Annotation annotation;  // the endpoint is attached to nothing
            annotation.kind = Annotation::Kind::ste_installed;
            annotation.iommu = endpoint->viommu->regs;
            annotation.stream = id;
            core_.k.machine.annotate(annotation);
        }
        --domain->endpoints_;
    }
    core_.k.heap.release(endpoint, "VIX4");
}

PtrOrErr<IommuGroup> ViommuOps::device_group(Device& dev) {
    Frame frame{core_.k, "viommu_device_group"};
    if (dev.bus != nullptr && dev.bus->name == "pci") return pci_device_group_(dev);
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
    if (endpoint != nullptr && !endpoint->viommu->mistakes.has(Mistake::reserved_not_avoided)) {
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

namespace {

/// What both probes come to: 0 or an errno.
int bring_up(IommuCore& core, PageAllocator& pages, const Mistakes& mistakes, ViommuOps& ops, Device& dev,
             Device& parent, std::unique_ptr<VirtioTransport> transport, PhysAddr registers) {
    const Ptr<ViommuDev> made =
        core.k.heap.make<ViommuDev>("VIB1", pages, dev, std::move(transport), registers, mistakes);
    if (!made) return -kENOMEM;
    core.k.heap.set_immortal(*made.get());  // the device's (devres)
    made->request_irq(core.description.node(*parent.of_node));
    if (const int err = made->start(); err != 0) return err;
    dev.driver_data = made.get();
    made->iommu = core.k.heap.make<IommuDevice>("VIB2", parent.name);
    if (!made->iommu) return -kENOMEM;
    core.k.heap.set_immortal(*made->iommu.get());  // a part of viommu_dev
    const int err = core.iommu_device_register(made->iommu, &ops, Ptr<Device>(&parent));
    if (err != 0 && core.variant.release < kFirstReleaseThatIgnoresRegistration) return err;
    made->announce();
    return 0;
}

ViommuOps::PciGroup group_of_functions(LinuxBoot& boot) {
    return [&boot](Device& dev) { return boot.pci().pci_device_group(dev); };
}

std::optional<PhysAddr> registers_of(const firmware::Node& node) {
    if (node.regs.empty() || node.regs.front().size == 0) return std::nullopt;
    return PhysAddr{node.regs.front().cpu_address.value_or(node.regs.front().address)};
}

}  // namespace

ViommuMmioDriver::ViommuMmioDriver(IommuCore& core, BusType& platform, const IommuDriverParts& parts,
                                   ViommuOps::PciGroup pci_device_group)
    : Driver("virtio-mmio", platform),
      core_(core),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      ops_(core, *this, std::move(pci_device_group)) {}

bool ViommuMmioDriver::match(const Device& device) const {
    if (!device.of_node) return false;
    const firmware::Node& node = core_.description.node(*device.of_node);
    return node.is_compatible("virtio,mmio") && firmware::is_iommu(node);
}

int ViommuMmioDriver::probe(Device& dev) {
    Frame frame{core_.k, "virtio_mmio_probe"};
    const auto regs = registers_of(core_.description.node(*dev.of_node));
    if (!regs) return -kENODEV;
    return bring_up(core_, pages_, mistakes_, ops_, dev, dev, virtio_mmio(core_.k.machine, *regs), *regs);
}

ViommuPciDriver::ViommuPciDriver(LinuxBoot& boot, const IommuDriverParts& parts, std::unique_ptr<BusType> the_bus)
    : Driver(std::string(kDriver), *the_bus),
      boot_(boot),
      core_(boot.iommu()),
      pages_(parts.pages),
      mistakes_(parts.mistakes),
      bus_(std::move(the_bus)),
      ops_(boot.iommu(), *this, group_of_functions(boot)) {
    boot.drivers().bus_register(*bus_);
    boot.state().register_virtio_device = [this](Device& function) { return register_virtio_device(function); };
}

/// The function may be known to be an IOMMU before this driver is loaded.
std::optional<int> ViommuPciDriver::register_virtio_device(Device& function) {
    if (!function.of_node || !firmware::is_pci_iommu(core_.description.node(*function.of_node))) return std::nullopt;
    Frame frame{core_.k, "register_virtio_device"};
    const Ptr<Device> dev = core_.k.heap.make<Device>("register_virtio_device", fmt::format("virtio{}", next_number_++),
                                                      bus_.get(), Ptr<Device>(&function), function.of_node);
    if (!dev) return -kENOMEM;
    core_.k.heap.set_immortal(*dev.get());
    boot_.drivers().device_add(dev);
    return 0;
}

int ViommuPciDriver::probe(Device& dev) {
    Frame frame{core_.k, "virtio_dev_probe"};
    Device& function = *dev.parent.get();
    const auto bar = registers_of(core_.description.node(*function.of_node));
    if (!bar) return -kENODEV;
    return bring_up(core_, pages_, mistakes_, ops_, dev, function, virtio_pci(core_.k.machine, *bar), *bar);
}

std::unique_ptr<Driver> make_virtio_iommu_mmio(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<ViommuMmioDriver>(boot.iommu(), *boot.drivers().buses().front(), parts,
                                              group_of_functions(boot));
}

std::unique_ptr<Driver> make_virtio_iommu_pci(LinuxBoot& boot, const IommuDriverParts& parts) {
    return std::make_unique<ViommuPciDriver>(boot, parts, std::make_unique<BusType>(boot.kernel(), "virtio"));
}

}  // namespace xlate::kernel
