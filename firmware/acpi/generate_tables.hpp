// The ACPI tables of a board that exists on paper only (firmware/generate_board.hpp): DSDT, MADT and MCFG, and with
// them IORT for SMMUv3s, VIOT for virtio-iommus, DMAR for VT-d, IVRS for AMD-Vi, RIMT and RHCT for RISC-V IOMMUs. iasl
// reads them without a warning, but for those that are younger than it (tests/cli/generate_acpi_test.cpp).
//   DSDT   processors, PCI host bridges with their windows, masters: one hardware id ("XLAT0001") an entry of
//          BoardSpec::masters, so that Linux calls its devices XLAT0001:00, XLAT0001:01, ...; the name of the entry
//          stands in _DDN; virtio-iommus with registers are LNRO0005
//   MADT   GICv3 with an ITS, local APICs and an IOAPIC, or harts and a PLIC
//   DMAR   a unit each, INCLUDE_PCI_ALL for the one before a host's segment; masters by ANDD
//   IVRS   a unit each, its own function 00:00.2, all other ids of its segment; masters by hardware and unique id,
//   which
//          makes it one that iasl before 2021 does not know (type 0x40)
// Absent: FADT, GTDT, XSDT and what else a kernel needs that says nothing of DMA.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/span.hpp"
#include "firmware/generate_board.hpp"

namespace xlate::firmware::acpi {

/// Names of all that there can be: "dsdt", "apic", ...
Span<std::string_view> generated_tables();

/// Name ("iort") and bytes of each table. Errors: InputError, as generate_board(), and for what no table can say.
std::vector<std::pair<std::string, std::vector<std::uint8_t>>> generate_tables(const BoardSpec& board);

}  // namespace xlate::firmware::acpi
