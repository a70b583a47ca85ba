// The devices of the ACPI namespace, as far as their descriptions are constants: AML of the DSDT and SSDTs is walked,
// not run. Source: ACPI specification 6.5, chapters 6 (device objects, resource descriptors) and 20 (AML encoding).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

struct NamespaceDevice {
    struct Window {
        std::uint64_t base = 0;  ///< as the bus has it
        std::uint64_t size = 0;
        std::uint64_t translation = 0;  ///< what the CPU's address is higher
    };
    std::string path;                       ///< "\_SB_.PC80"
    std::string hid;                        ///< "PNP0A08"; empty: none, or it is computed
    std::string cid;                        ///< the first compatible id
    std::string uid;                        ///< _UID; a number as decimal digits
    std::optional<std::uint64_t> bus;       ///< _CRS' bus range, else _BBN
    std::optional<std::uint64_t> segment;   ///< _SEG
    std::optional<std::uint64_t> coherent;  ///< _CCA
    std::optional<std::uint64_t> status;    ///< _STA: bit 0: present
    bool osc = false;                       ///< it has an _OSC: firmware hands over PCI services that are asked for
    std::vector<Window> memory;             ///< of _CRS, in order
    std::vector<std::uint32_t> interrupts;  ///< of _CRS, in order: extended interrupt descriptors

    bool is_pci_root() const { return hid == "PNP0A08" || hid == "PNP0A03" || cid == "PNP0A03" || cid == "PNP0A08"; }
    bool present() const { return !status || (*status & 1) != 0; }
};

/// Appends the devices of one table, in the order in which Linux meets them (a device before those below it). Methods
/// and conditions are passed over, but for an _OSC's name. Code that is not known ends its scope with a note. Errors:
/// InputError (bad_firmware) for a package that does not fit; limit beyond limits.hpp.
void read_namespace(const Table& table, std::vector<NamespaceDevice>& devices, std::vector<Oddity>& oddities);

/// "\_SB_.DMA0" of "\_SB.DMA0" or "_SB_.DMA0": every name with four letters, from the root.
std::string whole_path(const std::string& path);

}  // namespace xlate::firmware::acpi
