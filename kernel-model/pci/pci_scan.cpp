// Enumeration: a whole bus first, then each bus below it in the order of its bridges, depth first.
#include <algorithm>

#include <fmt/format.h>

#include "firmware/iommu_families.hpp"
#include "firmware/pci_iommus.hpp"
#include "kernel-model/of/managed_dma.hpp"
#include "kernel-model/of/of_core.hpp"
#include "kernel-model/pci/pci_core.hpp"
#include "kernel-model/pci/quirks.hpp"

namespace xlate::kernel {

PciDevice::PciDevice(Kernel& kernel, std::string device_name, BusType* on_bus, Ptr<Device> parent_device,
                     PciBusNode& on, const PciFunction& function, std::optional<firmware::NodeIndex> node)
    : Device(kernel, std::move(device_name), on_bus, parent_device, node),
      pci_bus(on),
      config(function),
      devfn(function.device << 3 | function.function),
      dma_aliases(function.alias_devfns) {}

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

namespace {

/// Its IVHDs are IOMMUs of the description; one without any names no device, and is as good as none.
bool has_ivrs(const firmware::Description& description) {
    const std::vector<firmware::NodeIndex> all = description.providers();
    return std::any_of(all.begin(), all.end(), [&](firmware::NodeIndex at) {
        return firmware::iommu_kind(description.node(at)).family == "amd-vi";
    });
}

}  // namespace

PciCore::PciCore(Kernel& kernel, DriverCore& drivers, IommuCore& iommu, BusType& bus, AcsParameters acs)
    : k_(kernel), drivers_(drivers), iommu_(iommu), bus_(bus), acs_(std::move(acs)) {}

bool pci_dev_str_match(const PciDevice& pdev, const PciMatch& match) {
    constexpr std::uint16_t kAny = 0xFFFF;
    if (match.id) {
        const auto& [vendor, product] = *match.id;
        return (vendor == kAny || vendor == pdev.config.vendor) && (product == kAny || product == pdev.config.product);
    }
    const PciDevice* at = &pdev;
    for (std::size_t i = match.path.size(); i-- > 0; at = at->pci_bus.self) {
        if (at == nullptr || at->devfn != match.path[i]) return false;
        if (i == 0) return at->pci_bus.domain == match.domain && at->pci_bus.number == match.bus;
    }
    return false;
}

void PciCore::pci_enable_acs(PciDevice& pdev) const {
    const std::uint32_t capability = acs_capability(pdev.config);
    if (capability == 0) return;
    std::uint32_t control = pdev.acs_control;
    if (acs_requested_) control = capability & kAcsIsolation;
    for (const AcsRule& rule : acs_.rules) {
        if (k_.variant.release < rule.since) continue;
        const bool meant = std::any_of(rule.devices.begin(), rule.devices.end(),
                                       [&](const PciMatch& match) { return pci_dev_str_match(pdev, match); });
        if (meant) control = (control & ~rule.mask) | (rule.value & rule.mask & capability);
    }
    pdev.acs_control = control;
}

int PciCore::pci_register_host_bridge(const PciRoot& root) const {
    constexpr unsigned kFirstThatCounts = 602;  // of_pci_bus_find_domain_nr() by an IDA
    for (const std::unique_ptr<PciBusNode>& bus : buses_) {
        if (bus->domain != root.domain) continue;
        if (iommu_.variant.release >= kFirstThatCounts) return -kENOSPC;
        if (bus->number == root.bus) return -kEEXIST;
    }
    return 0;
}

void PciCore::pci_host_probe(Device& host, const PciRoot& root) {
    Frame frame{k_, "pci_host_probe"};
    buses_.push_back(std::make_unique<PciBusNode>());
    PciBusNode& bus = *buses_.back();
    bus.domain = root.domain;
    bus.number = root.bus;
    bus.last_number = root.last_bus;
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
    const bool beside_ivrs = has_ivrs(iommu_.description);
    const Ptr<Device> parent(bus.self != nullptr ? static_cast<Device*>(bus.self) : bus.host);
    for (const PciFunction* const function : order) {
        const std::string name =
            fmt::format("{:04x}:{:02x}:{:02x}.{:x}", bus.domain, bus.number, function->device, function->function);
        PciPlace place = place_on_bus(functions, *function, bus.self != nullptr ? &bus.self->config : nullptr);
        place.beside_ivrs = beside_ivrs;
        const Ptr<PciDevice> dev = k_.heap.make<PciDevice>(
            "pci_scan", name, &bus_, parent, bus, with_quirks(*function, place, acs_.overrides, k_.variant.release),
            firmware::find_pci_iommu(iommu_.description, name));
        if (!dev) continue;
        dev->multifunction = place.multifunction;
        // set_pcie_untrusted
        dev->untrusted = bus.self != nullptr && (bus.self->untrusted || bus.self->config.external_facing);
        if (!k_.variant.has(Cap::acs_in_dma_configure)) pci_enable_acs(*dev);
        bus.devices.push_back(dev.get());
        drivers_.device_add(dev, false);
    }
    for (PciDevice* const bridge : std::vector<PciDevice*>(bus.devices)) {
        if (!is_bridge(bridge->config.kind)) continue;
        // A number that firmware has set stays, where it can be (pci_scan_bridge_extend()).
        const unsigned number = std::max(last_bus + 1, bridge->config.bus_behind);
        if (number > bus.last_number) {
            k_.console.warn(bridge->prefix(), "No bus number available: nothing behind it is scanned");
            continue;
        }
        buses_.push_back(std::make_unique<PciBusNode>());
        PciBusNode& below = *buses_.back();
        below.domain = bus.domain;
        below.number = last_bus = number;
        below.last_number = bus.last_number;
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
    const ManagedDma managed(dev, iommu_.variant, Cap::bus_driver_read_once);
    int err = 0;
    if (host != nullptr && host->of_node) err = of_.dma_configure(dev, host->of_node);
    if (iommu_.variant.has(Cap::acs_in_dma_configure)) of_.pci_enable_acs(static_cast<PciDevice&>(dev));
    if (managed.takes_default_domain(err)) err = iommu_.iommu_device_use_default_domain(dev);
    return err;
}

void PciBusType::dma_cleanup(Device& dev) {
    if (!dev.driver.peek()->driver_managed_dma) iommu_.iommu_device_unuse_default_domain(dev);
}

}  // namespace xlate::kernel
