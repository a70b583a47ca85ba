// MCFG: where the configuration space of each PCI segment is. Source: PCI Firmware Specification 3.3, section 4.1.2.
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/acpi/table.hpp"

namespace xlate::firmware::acpi {

class Fields;

struct McfgSegment {
    std::uint64_t base = 0;  ///< of bus 0, even if the segment begins later
    std::uint16_t segment = 0;
    std::uint8_t bus_start = 0;
    std::uint8_t bus_end = 0;  ///< inclusive
    std::uint64_t offset = 0;  ///< of the entry in the table
};

/// Errors: InputError (bad_firmware) for a table without room for its reserved field. A last entry that is cut short
/// is noted and ignored.
std::vector<McfgSegment> read_mcfg(const Table& table, std::vector<Oddity>& oddities);
/// What it says, for whoever prints tables.
Fields fields_of(const std::vector<McfgSegment>& segments);

}  // namespace xlate::firmware::acpi
