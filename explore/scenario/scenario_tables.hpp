// The ACPI tables of a scenario with real drivers: IORT, VIOT, DMAR or IVRS, written byte by byte and read back as a
// machine's are, so that what drivers look up themselves (DMAR scopes, IVRS entries) is there.
//   IORT   an SMMUv3 each, a named component each client with a single mapping an entry
//   VIOT   a virtio-iommu with registers each, an endpoint with registers each client
//   DMAR   a unit each; clients are devices of the namespace that an ANDD structure numbers
//   IVRS   a unit each; clients are devices of the namespace that an entry gives an id
// Absent: PCI, whose aliases alone can be without a mapping (EntrySpec::iommu empty): the caller adds those.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explore/scenario/scenario.hpp"
#include "firmware/acpi/tables.hpp"

namespace xlate::explore {

/// Whether tables can say what the scenario's firmware says: ACPI, with real drivers of SMMUv3, virtio-iommu (MMIO),
/// VT-d or AMD-Vi alone, none of them disabled.
bool has_tables(const Scenario& scenario);

/// In the scenario's order of IOMMUs and devices. `registers`: the base of each IOMMU's, in that order.
std::vector<firmware::acpi::NamedBytes> write_tables(const Scenario& scenario,
                                                     const std::vector<std::uint64_t>& registers);

/// "\_SB_.D002": of the scenario's device with this number.
std::string namespace_path(std::size_t device);
/// A requester id for a client whose entry has none: a function of bus 0 each.
std::uint32_t requester_id(std::size_t device);
/// Base of the registers of a client that a VIOT names.
std::uint64_t endpoint_registers(std::size_t device);

}  // namespace xlate::explore
