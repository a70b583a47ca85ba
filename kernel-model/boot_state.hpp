// What a boot consists of, for the drivers of this room. Everybody else uses boot.hpp.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/boot.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/driver-core/known_drivers.hpp"
#include "kernel-model/driver-core/platform_bus.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/of/of_core.hpp"
#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

/// The name of the driver that a configuration means: "virtio-net" is bound by virtio-pci.
std::string endpoint_driver_name(const std::string& wanted);

struct BootState {
    BootState(LinuxBoot& the_boot, Kernel& kernel, const firmware::Description& firmware_description,
              BootConfig the_config);

    LinuxBoot& boot;
    Kernel& k;
    const firmware::Description& description;
    const BootConfig config;
    DriverCore drivers;
    IommuCore iommu;
    OfCore of;
    OfDmaBus platform;
    OfDmaBus amba;
    PciBusType pci_bus;
    BusType pci_express;
    PciCore pci;
    std::vector<KnownDriver> known;
    std::vector<Task*> module_tasks;
    std::size_t modules_left = 0;
    bool started = false;
    std::optional<SimTime> end;

    /// virtio-pci, for a function whose virtio device has a driver here: makes that device, 0 or an errno. Nothing:
    /// the function is a client's.
    std::function<std::optional<int>(Device& dev)> register_virtio_device;
    /// Operations that IOMMU drivers of two buses have in common, by the drivers' name.
    std::map<std::string, std::shared_ptr<IommuOps>> common_ops;

    int client_probe(Device& dev);
    void client_remove(Device& dev);
    /// A driver other than the generic ones matches this device.
    bool has_own_driver(const Device& dev, const Driver& except) const;
    /// Consumers below this node that no bus populates by itself.
    bool has_hidden_consumers(firmware::NodeIndex node) const;
    /// of_platform_populate of such consumers; of those of a remote processor once it has booted.
    void populate_hidden(Device& dev);
    /// The configured hierarchy below this host bridge; an empty one if there is none.
    const PciRoot& root_of(Device& host);

    /// The node of a path or of a Linux device name.
    std::optional<firmware::NodeIndex> node_named(const std::string& name) const;

    void init();  ///< the init task
    void acpi_scan_pci_roots();
    void pci_iommu_init();
    void register_level(DriverLevel level);
    void load_module(const std::string& name);
    std::vector<ModuleLoad> module_list() const;
    void module_done();

private:
    std::vector<PciRoot> roots_;
    std::vector<bool> root_used_;
    /// A supplier whose driver comes later, and what of its consumer asks for it.
    struct Awaited {
        firmware::NodeIndex node{};
        bool linked = false;    ///< fw_devlink: before the probe, until the timeout
        bool power = false;     ///< the bus: a power domain, without which it refuses the probe
        bool taken = false;     ///< the driver's probe (IommuDriver::takes), for ever
        bool given_up = false;  ///< the timeout has passed without a driver for it
    };
    /// What rpmsg does: after the last of `modules` remote processors boot, and what is behind their channels comes.
    void boot_remote_processors(std::vector<Task*> modules);
    std::vector<Ptr<Device>> remote_;  ///< remote processors that wait for that
    bool remote_booted_ = false;
    void find_suppliers();
    bool is_there(const Awaited& awaited) const;
    int wait_for(Device& dev, const Awaited& awaited) const;
    int check_suppliers(Device& dev);
    void give_up_suppliers();
    Device* device_of(firmware::NodeIndex node) const;
    std::map<firmware::NodeIndex, std::vector<Awaited>> suppliers_;  ///< by consumer
    std::map<std::string, PciRoot> given_;
    unsigned next_domain_ = 0;
};

}  // namespace xlate::kernel
