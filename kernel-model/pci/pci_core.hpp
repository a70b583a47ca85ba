// PCI: enumeration, DMA aliases, isolation, groups. Linux drivers/pci/probe.c, search.c, pci.c; drivers/iommu/iommu.c.
// Source: docs/spec/kernel-probe.md sections 10.4, 11.1, 11.2, 11.3.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"
#include "kernel-model/pci/topology.hpp"

namespace xlate::kernel {

class OfCore;
class PciDevice;

/// A bus as enumeration made it. Root buses have no `self`.
struct PciBusNode {
    unsigned domain = 0;
    unsigned number = 0;
    unsigned last_number = 255;  ///< that a bus of this host bridge can have
    PciDevice* self = nullptr;   ///< the bridge that it is behind
    PciBusNode* parent = nullptr;
    Device* host = nullptr;  ///< the host bridge's platform device
    std::vector<PciDevice*> devices;
    std::vector<PciBusNode*> children;
    bool is_root() const { return parent == nullptr; }
};

class PciDevice : public Device {
public:
    /// `node`: of firmware, for a function that is an IOMMU; the nodes of others are not looked for.
    PciDevice(Kernel& kernel, std::string device_name, BusType* on_bus, Ptr<Device> parent_device, PciBusNode& on,
              const PciFunction& function, std::optional<firmware::NodeIndex> node = std::nullopt);

    PciBusNode& pci_bus;
    const PciFunction config;
    const unsigned devfn;
    PciBusNode* subordinate = nullptr;  ///< bridges
    bool multifunction = false;
    bool match_driver = false;  ///< set when the bus' devices are handed to drivers
    std::uint32_t acs_control = 0;
    std::vector<unsigned> dma_aliases;  ///< functions of its bus whose id it also uses: by quirk, or as IVRS says

    std::uint16_t rid() const { return static_cast<std::uint16_t>(pci_bus.number << 8 | devfn); }
    std::uint32_t class_code() const;
};

/// Calls `visit` with the device and each id that its DMA may carry: own first, then quirks, then bridges upwards.
/// The first non-zero answer ends the walk and is its result. The bridge that makes an alias is handed along.
int pci_for_each_dma_alias(PciDevice& pdev, const std::function<int(PciDevice&, std::uint16_t)>& visit);
/// Bits of its ACS capability; 0: it has none.
std::uint32_t acs_capability(const PciFunction& function);
/// The function is one that a kernel parameter names.
bool pci_dev_str_match(const PciDevice& pdev, const PciMatch& match);
/// Isolated by ACS or by its kind (11.2).
bool pci_acs_enabled(const PciDevice& pdev);
/// Every device from `bridge` to the root bus is isolated.
bool pci_acs_path_enabled(const PciDevice& bridge);

/// The bus type: dma_configure goes by the host bridge's node.
class PciBusType : public BusType {
public:
    PciBusType(Kernel& kernel, OfCore& of, IommuCore& iommu) : BusType(kernel, "pci"), of_(of), iommu_(iommu) {}
    bool has_dma_configure() const override { return true; }
    int dma_configure(Device& dev) override;
    void dma_cleanup(Device& dev) override;

private:
    OfCore& of_;
    IommuCore& iommu_;
};

class PciCore {
public:
    PciCore(Kernel& kernel, DriverCore& drivers, IommuCore& iommu, BusType& bus, AcsParameters acs = {});
    /// pci_request_acs: from now on devices are scanned with ACS switched on.
    void pci_request_acs() { acs_requested_ = true; }

    /// Switches on what was asked for, and what the command line wants; nothing without the capability.
    void pci_enable_acs(PciDevice& pdev) const;

    /// Of a host bridge in a device tree: -ENOSPC if another one has its `linux,pci-domain` (from 6.2 on each number is
    /// given once), -EEXIST if another one has its root bus (before); 0: it may be scanned.
    int pci_register_host_bridge(const PciRoot& root) const;
    /// pci_host_probe: scans the hierarchy below `host`, then hands its devices to drivers.
    void pci_host_probe(Device& host, const PciRoot& root);
    /// pci_device_group.
    PtrOrErr<IommuGroup> pci_device_group(Device& dev);

    BusType& bus() { return bus_; }

private:
    void scan_bus(PciBusNode& bus, const std::vector<PciFunction>& functions, unsigned& last_bus);
    void add_devices(PciBusNode& bus);
    Ptr<IommuGroup> alias_group(PciDevice& pdev, std::set<unsigned>& seen);
    Ptr<IommuGroup> function_alias_group(PciDevice& pdev, std::set<unsigned>& seen);

    Kernel& k_;
    DriverCore& drivers_;
    IommuCore& iommu_;
    BusType& bus_;
    const AcsParameters acs_;
    bool acs_requested_ = false;
    std::vector<std::unique_ptr<PciBusNode>> buses_;
};

}  // namespace xlate::kernel
