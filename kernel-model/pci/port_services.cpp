#include "kernel-model/pci/port_services.hpp"

#include <fmt/format.h>

#include "firmware/pci_hosts.hpp"

namespace xlate::kernel {

namespace {

constexpr unsigned kFirstReleaseWithBandwidth = 616;

/// The port type of the PCIe capability, as the service's name has it: counted from the root port.
unsigned type_number(PciKind kind) {
    switch (kind) {
        case PciKind::upstream_port:
            return 1;
        case PciKind::downstream_port:
            return 2;
        case PciKind::event_collector:
            return 6;
        default:
            return 0;
    }
}

bool is_port(PciKind kind) {
    return kind == PciKind::root_port || kind == PciKind::upstream_port || kind == PciKind::downstream_port ||
           kind == PciKind::event_collector;
}

bool is_root(PciKind kind) { return kind == PciKind::root_port || kind == PciKind::event_collector; }

/// The root bridge's _OSC has handed them over (negotiate_os_control).
bool services_granted(const firmware::Description& description, const PciDevice& pdev) {
    const PciBusNode* root = &pdev.pci_bus;
    while (!root->is_root()) root = root->parent;
    return firmware::pci_services_granted(description, root->domain, root->number);
}

const PciDevice* ready_pci(const Device& device) {
    const auto* const pdev = dynamic_cast<const PciDevice*>(&device);
    return pdev != nullptr && pdev->match_driver ? pdev : nullptr;
}

}  // namespace

PortServiceDevice::PortServiceDevice(Kernel& kernel, BusType* on_bus, PciDevice& of_port, PortService provided)
    : Device(kernel,
             fmt::format("{}:pcie{:03x}", of_port.name,
                         type_number(of_port.config.kind) << 8 | static_cast<unsigned>(provided)),
             on_bus, Ptr<Device>(&of_port), std::nullopt),
      port(of_port),
      service(provided) {}

std::vector<PortService> port_services(const PciFunction& port, bool aer_on_every_port, bool bandwidth) {
    std::vector<PortService> services;
    if (is_root(port.kind) && port.pme) services.push_back(PortService::pme);
    if (port.aer && (is_root(port.kind) || aer_on_every_port)) services.push_back(PortService::aer);
    if ((port.kind == PciKind::root_port || port.kind == PciKind::downstream_port) && port.hotplug)
        services.push_back(PortService::hotplug);
    if (bandwidth && port.kind == PciKind::root_port) services.push_back(PortService::bandwidth);
    return services;
}

bool PortServiceDriver::match(const Device& device) const {
    const auto* const service = dynamic_cast<const PortServiceDevice*>(&device);
    return service != nullptr && service->service == serves_;
}

int PortServiceDriver::probe(Device& dev) {
    const auto& service = static_cast<const PortServiceDevice&>(dev);
    return service.service == PortService::aer && !is_root(service.port.config.kind) ? -kENODEV : 0;
}

PciePortDriver::PciePortDriver(BusType& pci, BusType& pci_express, DriverCore& core,
                               const firmware::Description& description, bool aer_on_every_port)
    : Driver("pcieport", pci),
      services_(pci_express),
      core_(core),
      description_(description),
      aer_on_every_port_(aer_on_every_port) {
    driver_managed_dma = true;
}

bool PciePortDriver::match(const Device& device) const {
    const PciDevice* const pdev = ready_pci(device);
    if (pdev == nullptr) return false;
    const std::uint32_t code = pdev->class_code();
    return code == 0x060400 || code == 0x060401 || code >> 8 == 0x0807;
}

int PciePortDriver::probe(Device& dev) {
    auto& port = static_cast<PciDevice&>(dev);
    if (!is_port(port.config.kind)) return -kENODEV;
    if (!services_granted(description_, port)) return 0;
    const bool bandwidth = dev.k.variant.release >= kFirstReleaseWithBandwidth;
    for (const PortService service : port_services(port.config, aer_on_every_port_, bandwidth)) {
        const Ptr<PortServiceDevice> made = dev.k.heap.make<PortServiceDevice>("pcieport", &services_, port, service);
        if (!made) continue;
        core_.device_add(made);
    }
    return 0;
}

void PciePortDriver::remove(Device& dev) {
    for (const Ptr<Device> service : std::vector<Ptr<Device>>(services_.devices))
        if (service && service->parent.get() == &dev) core_.device_del(*service);
}

bool ShpcDriver::match(const Device& device) const {
    const PciDevice* const pdev = ready_pci(device);
    return pdev != nullptr && pdev->class_code() >> 8 == 0x0604;
}

int ShpcDriver::probe(Device& dev) {
    const auto& pdev = static_cast<const PciDevice&>(dev);
    const PciKind kind = pdev.config.kind;
    const bool bridge = kind == PciKind::pci_bridge || kind == PciKind::pcie_to_pci_bridge;
    return bridge && pdev.config.hotplug && services_granted(description_, pdev) ? 0 : -kENODEV;
}

}  // namespace xlate::kernel
