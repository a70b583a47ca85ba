#include "kernel-model/driver-core/known_drivers.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/bits.hpp"
#include "firmware/iommu_families.hpp"
#include "kernel-model/boot.hpp"
#include "kernel-model/boot_state.hpp"
#include "kernel-model/clients/omap_clients.hpp"
#include "kernel-model/clients/tegra_clients.hpp"
#include "kernel-model/pci/port_services.hpp"

namespace xlate::kernel {

namespace {

using firmware::Node;

const Node* node_of(const LinuxBoot& boot, const Device& device) {
    return device.of_node ? &boot.description().node(*device.of_node) : nullptr;
}

bool is_any(const Node* node, const std::vector<std::string>& compatibles) {
    return node != nullptr && std::any_of(compatibles.begin(), compatibles.end(),
                                          [&](const std::string& name) { return node->is_compatible(name); });
}

/// Binds to nodes with one of its compatibles. A client's hook is called; others only bind.
class TableDriver : public Driver {
public:
    TableDriver(std::string driver_name, BusType& on_bus, LinuxBoot& boot, std::vector<std::string> compatibles,
                bool is_client)
        : Driver(std::move(driver_name), on_bus),
          boot_(boot),
          compatibles_(std::move(compatibles)),
          client_(is_client) {}
    bool match(const Device& device) const override {
        const Node* const node = node_of(boot_, device);
        // A virtio slot that holds an IOMMU is its driver's.
        return is_any(node, compatibles_) && !(client_ && firmware::is_iommu(*node));
    }
    int probe(Device& dev) override { return client_ ? boot_.state().client_probe(dev) : 0; }
    void remove(Device& dev) override {
        if (client_) boot_.state().client_remove(dev);
    }

private:
    LinuxBoot& boot_;
    std::vector<std::string> compatibles_;
    bool client_;
};

/// simple-pm-bus: populates the buses of its own name; other simple buses it only binds.
class SimplePmBusDriver : public TableDriver {
public:
    SimplePmBusDriver(BusType& platform, LinuxBoot& boot)
        : TableDriver("simple-pm-bus", platform, boot, {"simple-bus", "simple-mfd", "simple-pm-bus"}, false),
          boot_(boot) {}
    int probe(Device& dev) override {
        if (node_of(boot_, dev)->is_compatible("simple-pm-bus")) boot_.of().of_platform_populate(dev);
        return 0;
    }

private:
    LinuxBoot& boot_;
};

/// ti-sysc: one module of an OMAP interconnect; makes devices of what is inside.
class TiSyscDriver : public TableDriver {
public:
    TiSyscDriver(BusType& platform, LinuxBoot& boot)
        : TableDriver("ti-sysc", platform, boot, {"ti,sysc"}, false), boot_(boot) {}
    int probe(Device& dev) override {
        boot_.of().of_platform_populate(dev);
        return 0;
    }

private:
    LinuxBoot& boot_;
};

/// Scans its bus when it binds.
class HostBridgeDriver : public Driver {
public:
    HostBridgeDriver(std::string driver_name, BusType& platform, LinuxBoot& boot, std::vector<std::string> compatibles)
        : Driver(std::move(driver_name), platform), boot_(boot), compatibles_(std::move(compatibles)) {}
    bool match(const Device& device) const override {
        const Node* const node = node_of(boot_, device);
        if (node == nullptr) return false;
        if (!compatibles_.empty()) return is_any(node, compatibles_);
        // Any other host bridge: what the binding for PCI buses asks of it.
        const firmware::Property* const type = node->property("device_type");
        if (type == nullptr || std::string(type->bytes.begin(), type->bytes.end()).rfind("pci", 0) != 0) return false;
        return !boot_.state().has_own_driver(device, *this);
    }
    int probe(Device& dev) override {
        const PciRoot& root = boot_.state().root_of(dev);
        if (const int err = boot_.pci().pci_register_host_bridge(root); err != 0) {
            boot_.kernel().console.err(dev.prefix(), "Scanning root bridge failed");
            return err;
        }
        boot_.pci().pci_host_probe(dev, root);
        return 0;
    }

private:
    LinuxBoot& boot_;
    std::vector<std::string> compatibles_;
};

/// An endpoint's driver: by ids or class, or by the name in the configuration.
class EndpointDriver : public Driver {
public:
    using Match = std::function<bool(const PciDevice&)>;
    EndpointDriver(std::string driver_name, BusType& pci, LinuxBoot& boot, Match by_ids)
        : Driver(std::move(driver_name), pci), boot_(boot), by_ids_(std::move(by_ids)) {}
    bool match(const Device& device) const override {
        const auto* const pdev = dynamic_cast<const PciDevice*>(&device);
        if (pdev == nullptr || !pdev->match_driver || is_bridge(pdev->config.kind)) return false;
        const std::string& wanted = pdev->config.driver;
        if (wanted.empty()) return by_ids_ && by_ids_(*pdev);
        return endpoint_driver_name(wanted) == name;
    }
    int probe(Device& dev) override { return boot_.state().client_probe(dev); }
    void remove(Device& dev) override { boot_.state().client_remove(dev); }

private:
    LinuxBoot& boot_;
    Match by_ids_;
};

/// For consumers that this model has no driver for, and for nodes above such consumers that nobody else populates.
class GenericClient : public Driver {
public:
    GenericClient(BusType& on_bus, LinuxBoot& boot) : Driver("generic-client", on_bus), boot_(boot) {}
    bool match(const Device& device) const override {
        const Node* const node = node_of(boot_, device);
        if (node == nullptr || node->iommu_cells) return false;
        if (!node->has_iommus && !boot_.state().has_hidden_consumers(*device.of_node) &&
            boot_.traffic_of(device) == nullptr)
            return false;
        return !boot_.state().has_own_driver(device, *this);
    }
    int probe(Device& dev) override {
        boot_.kernel().console.info(dev.prefix(), "no driver of its own in this model");
        boot_.state().populate_hidden(dev);
        return boot_.state().client_probe(dev);
    }
    void remove(Device& dev) override { boot_.state().client_remove(dev); }

private:
    LinuxBoot& boot_;
};

/// A driver that only binds, of one device that others wait for (ModuleLoad::device).
class SupplierDriver : public Driver {
public:
    SupplierDriver(std::string driver_name, BusType& on_bus, firmware::NodeIndex node)
        : Driver(std::move(driver_name), on_bus), node_(node) {}
    bool match(const Device& device) const override { return device.of_node == node_; }

private:
    const firmware::NodeIndex node_;
};

void add_suppliers(LinuxBoot& boot, std::vector<KnownDriver>& all) {
    BootState& state = boot.state();
    if (!boot.config().modules) return;
    for (const ModuleLoad& load : *boot.config().modules) {
        const auto node = load.device.empty() ? std::nullopt : state.node_named(load.device);
        if (!node) continue;
        BusType& bus = boot.description().node(*node).is_compatible("arm,primecell") ? static_cast<BusType&>(state.amba)
                                                                                     : state.platform;
        all.push_back(
            {std::make_unique<SupplierDriver>(load.name, bus, *node), DriverLevel::module, module_name(load.name)});
    }
}

void add_boot_devices(LinuxBoot& boot, std::vector<KnownDriver>& all) {
    BootState& state = boot.state();
    const auto table = [&](std::string name, BusType& bus, std::vector<std::string> compatibles, DriverLevel level) {
        all.push_back(
            {std::make_unique<TableDriver>(name, bus, boot, std::move(compatibles), false), level, module_name(name)});
    };
    table("uart-pl011", state.amba, {"arm,pl011"}, DriverLevel::arch);
    // What IOMMU drivers wait for: Qualcomm's firmware, and memory controllers of Tegras whose SMMU is Arm's.
    table("qcom_scm", state.platform, {"qcom,scm"}, DriverLevel::arch);
    table("tegra-mc", state.platform, {"nvidia,tegra186-mc", "nvidia,tegra194-mc", "nvidia,tegra234-mc"},
          DriverLevel::arch);
    all.push_back({std::make_unique<SimplePmBusDriver>(state.platform, boot), DriverLevel::device, "simple_pm_bus"});
    table("pl061_gpio", state.amba, {"arm,pl061"}, DriverLevel::device);
}

void add_pci(LinuxBoot& boot, std::vector<KnownDriver>& all) {
    BootState& state = boot.state();
    const bool every_port = boot.kernel().variant.has(Cap::aer_on_every_port);
    const auto push = [&](std::unique_ptr<Driver> driver) {
        const std::string module = module_name(driver->name);
        all.push_back({std::move(driver), DriverLevel::device, module});
    };
    push(std::make_unique<PortServiceDriver>("aer", state.pci_express, PortService::aer));
    push(std::make_unique<PortServiceDriver>("pcie_pme", state.pci_express, PortService::pme));
    push(std::make_unique<PortServiceDriver>("pciehp", state.pci_express, PortService::hotplug));
    push(std::make_unique<PortServiceDriver>("pcie_bwctrl", state.pci_express, PortService::bandwidth));
    const firmware::Description& description = boot.iommu().description;
    push(std::make_unique<PciePortDriver>(state.pci_bus, state.pci_express, boot.drivers(), description, every_port));
    push(std::make_unique<ShpcDriver>(state.pci_bus, description));
    push(std::make_unique<HostBridgeDriver>(
        "pci-host-generic", state.platform, boot,
        std::vector<std::string>{"pci-host-cam-generic", "pci-host-ecam-generic", "marvell,armada8k-pcie-ecam",
                                 "socionext,synquacer-pcie-ecam", "snps,dw-pcie-ecam"}));
    push(std::make_unique<HostBridgeDriver>("generic-pci-host", state.platform, boot, std::vector<std::string>{}));
}

/// virtio-pci: behind a function may be an IOMMU, and not a client.
class VirtioPciDriver : public EndpointDriver {
public:
    VirtioPciDriver(LinuxBoot& boot, Match by_ids)
        : EndpointDriver("virtio-pci", boot.state().pci_bus, boot, std::move(by_ids)), boot_(boot) {}
    int probe(Device& dev) override {
        const auto& make = boot_.state().register_virtio_device;
        const std::optional<int> made = make ? make(dev) : std::nullopt;
        return made ? *made : EndpointDriver::probe(dev);
    }

private:
    LinuxBoot& boot_;
};

/// Linked before the IOMMU drivers: built in, it is tried while the IOMMU is still absent.
void add_virtio_pci(LinuxBoot& boot, std::vector<KnownDriver>& all) {
    const bool built_in = boot.kernel().variant.has(Cap::virtio_pci_built_in);
    all.push_back({std::make_unique<VirtioPciDriver>(boot,
                                                     [](const PciDevice& pdev) {
                                                         return pdev.config.vendor == 0x1AF4 &&
                                                                pdev.config.product >= 0x1000 &&
                                                                pdev.config.product <= 0x107F;
                                                     }),
                   built_in ? DriverLevel::device : DriverLevel::module, "virtio_pci"});
}

void add_clients(LinuxBoot& boot, std::vector<KnownDriver>& all) {
    BootState& state = boot.state();
    const Variant& variant = boot.kernel().variant;
    const auto pci = [&](std::string name, EndpointDriver::Match match, DriverLevel level, std::string module = {}) {
        if (module.empty()) module = module_name(name);
        all.push_back({std::make_unique<EndpointDriver>(std::move(name), state.pci_bus, boot, std::move(match)), level,
                       std::move(module)});
        return all.back().driver.get();
    };
    const auto by_class = [](std::uint32_t code) {
        return [code](const PciDevice& pdev) { return pdev.class_code() == code; };
    };
    const auto by_id = [](std::uint16_t vendor, std::initializer_list<std::uint16_t> products) {
        return [vendor, list = std::vector<std::uint16_t>(products)](const PciDevice& pdev) {
            return pdev.config.vendor == vendor &&
                   std::find(list.begin(), list.end(), pdev.config.product) != list.end();
        };
    };
    all.push_back({std::make_unique<TableDriver>("virtio-mmio", state.platform, boot,
                                                 std::vector<std::string>{"virtio,mmio"}, true),
                   DriverLevel::module, "virtio_mmio"});
    pci("e1000e", by_id(0x8086, {0x10D3, 0x10EA, 0x10F6, 0x150C, 0x153A, 0x1533}), DriverLevel::module);
    pci("nvme", by_class(0x010802), DriverLevel::module)->probe_asynchronously = variant.has(Cap::async_nvme);
    const std::size_t rarely = all.size();  // known, but loaded only on request
    pci("xhci_hcd", by_class(0x0C0330), DriverLevel::module, "xhci_pci");
    pci("ehci-pci", by_class(0x0C0320), DriverLevel::module, "ehci_pci");
    pci("ahci", by_class(0x010601), DriverLevel::module);
    pci("igb", by_id(0x8086, {0x10C9, 0x10E6, 0x10E7, 0x1521}), DriverLevel::module);
    pci("e1000", by_id(0x8086, {0x100E, 0x100F, 0x1004, 0x1008}), DriverLevel::module);
    // Names from the configuration that are not in the table.
    std::vector<std::string> extra;
    const std::function<void(const std::vector<PciFunction>&)> collect =
        [&](const std::vector<PciFunction>& functions) {
            for (const PciFunction& function : functions) {
                if (!function.driver.empty() && function.driver != "none")
                    extra.push_back(endpoint_driver_name(function.driver));
                collect(function.below);
            }
        };
    for (const PciRoot& root : boot.config().pci) collect(root.functions);
    for (std::size_t i = rarely; i < all.size(); ++i)
        all[i].by_default = std::find(extra.begin(), extra.end(), all[i].driver->name) != extra.end();
    for (const std::string& name : extra) {
        const bool known =
            std::any_of(all.begin(), all.end(), [&](const KnownDriver& row) { return row.driver->name == name; });
        if (!known) pci(name, nullptr, DriverLevel::module);
    }
    pci(
        "pci-client",
        [&boot](const PciDevice& pdev) {
            return boot.traffic_of(pdev) != nullptr;  // unknown to the table, but somebody wants its traffic
        },
        DriverLevel::module);
}

/// Most IOMMU drivers register at device level. tegra-mc: arch_initcall(tegra_mc_init).
DriverLevel level_of(const DriverSource& source, const Driver& driver) {
    if (dynamic_cast<const InitcallDriver*>(&driver) != nullptr) return DriverLevel::rootfs;
    return module_name(source.name) == "tegra_mc" ? DriverLevel::arch : DriverLevel::device;
}

}  // namespace

std::string module_name(std::string_view name) {
    std::string result(name);
    std::replace(result.begin(), result.end(), '-', '_');
    return result;
}

std::string endpoint_driver_name(const std::string& wanted) {
    if (wanted.rfind("virtio-", 0) == 0 || wanted.rfind("virtio_", 0) == 0) return "virtio-pci";
    if (wanted == "xhci" || wanted == "xhci_pci" || wanted == "xhci-pci") return "xhci_hcd";
    return wanted;
}

std::vector<KnownDriver> make_known_drivers(LinuxBoot& boot) {
    std::vector<KnownDriver> all;
    BootState& state = boot.state();
    add_boot_devices(boot, all);
    add_pci(boot, all);
    add_virtio_pci(boot, all);
    for (const DriverSource& source : boot.config().drivers) {
        std::unique_ptr<Driver> driver = source.make(boot);
        const DriverLevel level = level_of(source, *driver);
        all.push_back({std::move(driver), level, module_name(source.name)});
    }
    // Behind the IOMMU drivers: OMAP's is there (subsys_initcall) before any module's inside is.
    // Both for OMAP's boards alone: elsewhere no module is loaded, and none takes its time.
    const auto& nodes = boot.description().nodes;
    const bool omap = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
        return std::any_of(node.compatible.begin(), node.compatible.end(),
                           [](const std::string& one) { return one.rfind("ti,", 0) == 0; });
    });
    if (omap) all.push_back({std::make_unique<TiSyscDriver>(state.platform, boot), DriverLevel::device, "ti_sysc"});
    add_clients(boot, all);
    if (omap) {
        for (KnownDriver& driver : make_omap_clients(boot)) all.push_back(std::move(driver));
    }
    for (KnownDriver& driver : make_tegra_clients(boot)) all.push_back(std::move(driver));
    add_suppliers(boot, all);
    const auto late = [&](std::string name, BusType& bus, std::vector<std::string> compatibles) {
        all.push_back({std::make_unique<TableDriver>(name, bus, boot, std::move(compatibles), false),
                       DriverLevel::device, module_name(name)});
    };
    late("rtc-pl031", state.amba, {"arm,pl031"});
    late("armv8-pmu", state.platform, {"arm,armv8-pmuv3"});
    all.push_back({std::make_unique<GenericClient>(state.platform, boot), DriverLevel::module, "generic_client"});
    all.push_back({std::make_unique<GenericClient>(state.amba, boot), DriverLevel::module, "generic_client"});
    return all;
}

}  // namespace xlate::kernel
