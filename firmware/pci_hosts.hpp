// The PCI host bridges of a board, with the domain (segment) numbers that Linux gives them.
// Source: the PCI bus binding; Linux drivers/pci/pci.c (pci_bus_find_domain_nr), `linux,pci-domain`; ACPI: MCFG, _SEG.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

struct PciHost {
    NodeIndex node{};
    unsigned domain = 0;     ///< first part of its functions' names: 1 in "0001:00:01.0"
    unsigned first_bus = 0;  ///< its root bus
    unsigned last_bus = 255;
};

/// The last bus of a host bridge's node: of `bus-range`, and as far as its configuration space reaches where `reg` is
/// one (ECAM: 1 MiB a bus, CAM: 64 KiB), as Linux's pci_ecam_create reduces it.
unsigned last_bus_of(const Node& host);
/// The last requester id that its functions can have: of its last bus, and as its iommu-map-mask leaves it.
std::uint32_t last_requester(const Node& host);
/// How many buses `reg` has configuration space for; none: `reg` is no configuration space.
std::optional<std::uint64_t> ecam_buses(const Node& host);

/// Those that are there, in the order in which Linux scans them if none of them waits. A device tree's number is that
/// of `linux,pci-domain`; hosts without take the lowest numbers that no node claims, in tree order. ACPI: segments.
std::vector<PciHost> pci_hosts(const Description& description);

/// The kernel has the services of the host bridge's ports (hot-plug, PME, AER): with a device tree, and with ACPI where
/// the bridge's device in the namespace, if there is one, has an _OSC.
bool pci_services_granted(const Description& description, unsigned segment, unsigned bus);

/// By path or by Linux's name of the device; empty: the first one.
std::optional<PciHost> find_pci_host(const Description& description, const std::string& name);

/// One window of a host bridge's `ranges`.
struct PciWindow {
    std::uint32_t space = 0;  ///< of phys.hi: 1 I/O, 2 32-bit memory, 3 64-bit memory
    std::uint64_t bus = 0;    ///< as functions address it
    std::uint64_t above = 0;  ///< as the bus above the bridge does
    std::uint64_t size = 0;
};
/// In the order of `ranges`; none where the cells are not those of a PCI bus. Windows without a byte are left out.
std::vector<PciWindow> pci_windows(const Description& description, NodeIndex host);

/// An address on the bus that `at` stands on, as the CPU sees it, by the `ranges` of the buses above; none: it does
/// not.
std::optional<std::uint64_t> cpu_address_of(const Description& description, NodeIndex at, std::uint64_t address);

/// Where the CPU sees the memory windows of all host bridges.
std::vector<MemoryRange> pci_memory_of_all(const Description& description);

/// "0001:00:05.0": domain, bus, device and function as lspci writes them. `id`: bus << 8 | device << 3 | function.
std::string pci_name(unsigned domain, unsigned id);

}  // namespace xlate::firmware
