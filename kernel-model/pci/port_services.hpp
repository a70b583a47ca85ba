// PCIe port services: the port driver makes a device for each service of a port, and their drivers bind to those.
// Linux drivers/pci/pcie/portdrv.c. Source: docs/spec/kernel-probe.md section 10.4 (timelines).
#pragma once

#include <memory>
#include <vector>

#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

enum class PortService : unsigned { pme = 1, aer = 2, hotplug = 4, bandwidth = 16 };

/// "0000:00:05.0:pcie001": port type and service in the number.
class PortServiceDevice : public Device {
public:
    PortServiceDevice(Kernel& kernel, BusType* on_bus, PciDevice& port, PortService provided);
    PciDevice& port;
    const PortService service;
};

/// Services of a port, in the order in which their devices are made. `aer_on_every_port`: as 6.1 does it; `bandwidth`:
/// root ports have a bandwidth controller, as real boots from 6.16 on show it (Linux has it since 6.13).
std::vector<PortService> port_services(const PciFunction& port, bool aer_on_every_port, bool bandwidth = false);

/// pcie_pme, aer, pciehp. aer refuses every port that is not a root port.
class PortServiceDriver : public Driver {
public:
    PortServiceDriver(std::string driver_name, BusType& on_bus, PortService serves)
        : Driver(std::move(driver_name), on_bus), serves_(serves) {}
    bool match(const Device& device) const override;
    int probe(Device& dev) override;

private:
    PortService serves_;
};

/// pcieport: takes root, upstream and downstream ports, declines every other bridge with -ENODEV. Where firmware keeps
/// the services for itself (ACPI's _OSC) it is bound, and makes none.
class PciePortDriver : public Driver {
public:
    /// `description` outlives it.
    PciePortDriver(BusType& pci, BusType& pci_express, DriverCore& core, const firmware::Description& description,
                   bool aer_on_every_port);
    bool match(const Device& device) const override;
    int probe(Device& dev) override;
    void remove(Device& dev) override;

private:
    BusType& services_;
    DriverCore& core_;
    const firmware::Description& description_;
    const bool aer_on_every_port_;
};

/// shpchp: the hotplug controller of conventional bridges, where firmware does not keep it for itself.
class ShpcDriver : public Driver {
public:
    /// `description` outlives it.
    ShpcDriver(BusType& pci, const firmware::Description& description)
        : Driver("shpchp", pci), description_(description) {}
    bool match(const Device& device) const override;
    int probe(Device& dev) override;

private:
    const firmware::Description& description_;
};

}  // namespace xlate::kernel
