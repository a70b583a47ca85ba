// The PCI functions of a config: from slots and kinds to what the kernel enumerates and what the wires carry.
// Source: docs/spec/kernel-probe.md sections 11.1 (aliases) and 11.5 (order of a scan).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel-model/pci/topology.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

/// Bus, device and function; domain and bus are 0 where they are not written.
struct PciAddress {
    unsigned domain = 0;
    unsigned bus = 0;
    unsigned device = 0;
    unsigned function = 0;
    bool has_bus = false;
    bool has_domain = false;
};
/// "0000:00:05.0", "00:05.0", "05.0", "5": hexadecimal, as lspci writes it.
Parsed<PciAddress> parse_pci_address(const std::string& text);

/// The entry of soc.pci that made a function, and its path in the config, which owns it.
struct PciOrigin {
    const PciConfig* config = nullptr;
    std::string path;
};

/// Host bridges with their functions, in the order of the config. Problems go to `findings`.
/// `origins`: takes the origin of each function, by PciFunction::origin.
std::vector<kernel::PciRoot> make_pci_roots(const Config& config, yaml::Findings& findings,
                                            std::vector<PciOrigin>* origins = nullptr);

/// One function with the numbers that a depth-first scan gives its bus.
struct PciSeat {
    std::string name;           ///< Linux's: "0000:01:00.0"
    std::uint32_t own_id = 0;   ///< bus << 8 | devfn
    std::uint32_t wire_id = 0;  ///< requester ID that arrives at the host bridge: a bridge's where one stands between
    std::vector<std::uint32_t> linux_ids;  ///< those that Linux expects of it: its own, then its aliases
    std::string host;                      ///< of the root
    std::optional<std::size_t> bridge;     ///< the seat of the port or bridge that it is behind
    unsigned domain = 0;
    kernel::PciFunction function;  ///< without what is below
};
/// `release`: of the kernel whose quirks count, as Variant::release has it.
std::vector<PciSeat> seat_pci_functions(const std::vector<kernel::PciRoot>& roots, unsigned release = 612);

}  // namespace xlate::study
