// Enumeration: a whole bus first, then each bus below it in the order of its bridges, depth first.
#include <algorithm>

#include <fmt/format.h>

#include "kernel-model/of/of_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

PciDevice::PciDevice(Kernel& kernel, std::string device_name, BusType* on_bus, Ptr<Device> parent_device,
                     PciBusNode& on, const PciFunction& function)
    : Device(kernel, std::move(device_name), on_bus, parent_device, std::nullopt),
      pci_bus(on),
      config(function),
      devfn(function.device << 3 | function.function) {}

std::uint32_t PciDevice::class_code() const {
    if (config.class_code != 0) return config.class_code;
    switch (config.kind) {
        case PciKind::root_port:
        case PciKind::upstream_port:
        case PciKind::downstream_port:
        case PciKind::pci_bridge:
        case PciKind::pcie_to_pci_bridge:
        case PciKind::pci_to_pcie_bridge:
            return 0x060400;
        case PciKind::host_bridge:
            return 0x060000;
        case PciKind::event_collector:
            return 0x080700;
        case PciKind::endpoint:
        case PciKind::conventional:
            return 0x00FF00;
    }
    return 0;
}

PciCore::PciCore(Kernel& kernel, DriverCore& drivers, IommuCore& iommu, BusType& bus)
    : k_(kernel), drivers_(drivers), iommu_(iommu), bus_(bus) {}

void PciCore::pci_host_probe(Device& host, const PciRoot& root) {
    Frame frame{k_, "pci_host_probe"};
    buses_.push_back(std::make_unique<PciBusNode>());
    PciBusNode& bus = *buses_.back();
    bus.domain = root.domain;
    bus.number = root.bus;
    bus.host = &host;
    k_.console.info(host.prefix(), "PCI host bridge to bus {:04x}:{:02x}", root.domain, root.bus);
    unsigned last_bus = root.bus;
    scan_bus(bus, root.functions, last_bus);
    add_devices(bus);
}

void PciCore::scan_bus(PciBusNode& bus, const std::vector<PciFunction>& functions, unsigned& last_bus) {
    std::vector<const PciFunction*> order;
    for (const PciFunction& function : functions) order.push_back(&function);
    std::stable_sort(order.begin(), order.end(), [](const PciFunction* a, const PciFunction* b) {
        return std::pair(a->device, a->function) < std::pair(b->device, b->function);
    });
    // A slot without function 0 looks empty.
    order.erase(std::remove_if(order.begin(), order.end(),
                               [&](const PciFunction* function) {
                                   return std::none_of(
                                       functions.begin(), functions.end(), [&](const PciFunction& other) {
                                           return other.device == function->device && other.function == 0;
                                       });
                               }),
                order.end());
    const Ptr<Device> parent(bus.self != nullptr ? static_cast<Device*>(bus.self) : bus.host);
    for (const PciFunction* const function : order) {
        const std::string name =
            fmt::format("{:04x}:{:02x}:{:02x}.{:x}", bus.domain, bus.number, function->device, function->function);
        const Ptr<PciDevice> dev = k_.heap.make<PciDevice>("pci_scan", name, &bus_, parent, bus, *function);
        if (!dev) continue;
        dev->multifunction = std::count_if(order.begin(), order.end(), [&](const PciFunction* other) {
                                 return other->device == function->device;
                             }) > 1;
        if (acs_requested_) {
            const std::uint32_t capability =
                function->acs_capability.value_or(function->kind == PciKind::root_port ? kAcsIsolation : 0);
            dev->acs_control = capability & kAcsIsolation;
        }
        bus.devices.push_back(dev.get());
        drivers_.device_add(dev, false);
    }
    for (PciDevice* const bridge : std::vector<PciDevice*>(bus.devices)) {
        if (!is_bridge(bridge->config.kind)) continue;
        buses_.push_back(std::make_unique<PciBusNode>());
        PciBusNode& below = *buses_.back();
        below.domain = bus.domain;
        below.number = ++last_bus;
        below.self = bridge;
        below.parent = &bus;
        below.host = bus.host;
        bridge->subordinate = &below;
        bus.children.push_back(&below);
        scan_bus(below, bridge->config.below, last_bus);
    }
}

/// pci_bus_add_devices.
void PciCore::add_devices(PciBusNode& bus) {
    for (PciDevice* const dev : bus.devices) {
        dev->match_driver = true;
        drivers_.device_attach(*dev);
    }
    for (PciBusNode* const child : bus.children) add_devices(*child);
}

int PciBusType::dma_configure(Device& dev) {
    Frame frame{dev.k, "pci_dma_configure"};
    Device* const host = static_cast<PciDevice&>(dev).pci_bus.host;
    int err = 0;
    if (host != nullptr && host->of_node) err = of_.dma_configure(dev, host->of_node);
    const Driver* const driver = dev.driver.read_once("DD7");
    if (err == 0 && driver != nullptr && !driver->driver_managed_dma) err = iommu_.iommu_device_use_default_domain(dev);
    return err;
}

void PciBusType::dma_cleanup(Device& dev) {
    if (!dev.driver.peek()->driver_managed_dma) iommu_.iommu_device_unuse_default_domain(dev);
}

}  // namespace xlate::kernel
