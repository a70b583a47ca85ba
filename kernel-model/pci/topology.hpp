// PCI as it is plugged together: what enumeration finds. Firmware does not say this; the configuration does.
// Source: docs/spec/kernel-probe.md sections 10.4 and 11.1..11.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::kernel {

enum class PciKind : std::uint8_t {
    endpoint,      ///< PCIe endpoint, or integrated endpoint on a root bus
    conventional,  ///< conventional PCI function
    root_port,
    upstream_port,
    downstream_port,
    pci_bridge,          ///< conventional PCI-to-PCI bridge
    pcie_to_pci_bridge,  ///< PCIe above, conventional PCI below
    pci_to_pcie_bridge,  ///< conventional PCI above, PCIe below
    event_collector,     ///< root complex event collector
    host_bridge,         ///< the host bridge's own function (00:00.0): no driver
};
constexpr bool is_bridge(PciKind kind) { return kind >= PciKind::root_port && kind <= PciKind::pci_to_pcie_bridge; }
constexpr bool is_pcie(PciKind kind) {
    return kind != PciKind::conventional && kind != PciKind::pci_bridge && kind != PciKind::host_bridge;
}

/// The four bits of the ACS capability and control registers that isolation asks for.
inline constexpr std::uint32_t kAcsSourceValidation = 1;
inline constexpr std::uint32_t kAcsRequestRedirect = 4;
inline constexpr std::uint32_t kAcsCompletionRedirect = 8;
inline constexpr std::uint32_t kAcsUpstreamForwarding = 0x10;
inline constexpr std::uint32_t kAcsEgressControl = 0x20;
inline constexpr std::uint32_t kAcsIsolation =
    kAcsSourceValidation | kAcsRequestRedirect | kAcsCompletionRedirect | kAcsUpstreamForwarding;

/// One function. Defaults are those of an ordinary (QEMU's) device of its kind.
struct PciFunction {
    unsigned device = 0;    ///< 0..31
    unsigned function = 0;  ///< 0..7
    PciKind kind = PciKind::endpoint;
    std::uint32_t class_code = 0;  ///< 24 bits; 0: the usual one of its kind
    std::uint16_t vendor = 0;
    std::uint16_t product = 0;
    std::string driver;  ///< of an endpoint; empty: found by ids and class; "none": stays without
    std::optional<std::uint32_t>
        acs_capability;  ///< bits of the ACS capability; none: root ports have all four, others have no ACS
    bool hotplug =
        true;            ///< root and downstream ports: a pciehp service; bridges to PCI: a hotplug controller (shpchp)
    bool ats = false;    ///< address translation services capability
    bool pri = false;    ///< page request interface capability
    bool pasid = false;  ///< process address space id capability
    bool external_facing = false;         ///< ports: firmware says that anything may be plugged in below (Thunderbolt)
    std::size_t origin = 0;               ///< which entry of the configuration made it; the kernel does not look
    bool aer = true;                      ///< advanced error reporting capability
    bool pme = true;                      ///< root ports
    std::vector<unsigned> alias_devfns;   ///< quirk: other functions of its bus whose id it also uses
    bool alias_translation_root = false;  ///< quirk: the alias walk ends here
    bool no_alias = false;                ///< quirk: a bridge that forwards the ids below it, and is no alias of them
    bool pcie_bridge_alias = false;       ///< quirk: a conventional bridge that sends as PCIe bridges do
    bool no_ats = false;                  ///< quirk: its ATS capability is not used
    std::optional<bool> acs_quirk;        ///< quirk: isolated or not, whatever the capability says
    std::vector<PciFunction> below;       ///< bridges: the bus behind it
    unsigned bus_behind = 0;              ///< its number, where firmware has set it; 0: the next one
};

/// Which functions a kernel parameter means: "pci:8086:1901", or "0000:00:1c.0/00.0": a place, and a way down from it.
struct PciMatch {
    std::optional<std::pair<std::uint16_t, std::uint16_t>> id;  ///< vendor, device; 0xFFFF: any
    unsigned domain = 0;
    unsigned bus = 0;
    std::vector<unsigned> path;  ///< devfn on that bus, then on the bus behind each
};

/// `pcie_acs_override=` of kernels that carry that patch: devices without the capability count as isolated.
struct AcsOverrides {
    bool downstream = false;
    bool multifunction = false;
    std::vector<PciMatch> devices;
};

/// 47c8846a49ba: from here on there is `pci=config_acs=`.
inline constexpr unsigned kFirstReleaseWithConfigAcs = 611;

/// `pci=disable_acs_redir=` and `pci=config_acs=`: what the control register of these functions becomes.
struct AcsRule {
    std::vector<PciMatch> devices;
    unsigned since = 0;      ///< first release whose kernels know it
    std::uint32_t mask = 0;  ///< bits that the rule is about
    std::uint32_t value = 0;
};

/// What the command line says about access control services, in its order.
struct AcsParameters {
    std::vector<AcsRule> rules;
    AcsOverrides overrides;
};

/// One host bridge.
struct PciRoot {
    std::string host;     ///< node path or Linux name of the host bridge; empty: the only one (or the first)
    unsigned domain = 0;  ///< PCI segment
    unsigned bus = 0;     ///< number of the root bus
    std::vector<PciFunction> functions;
    unsigned last_bus = 255;  ///< buses behind bridges get numbers up to this one; what would need more is not scanned
};

}  // namespace xlate::kernel
