// ACPI tables -> Description, with the names that Linux gives to the devices that it makes of them.
// Source: docs/spec/kernel-probe.md 2.9, 10.4, 11.3, 11.5; docs/spec/iommu-hardware.md 10.
#pragma once

#include <string>
#include <vector>

#include "firmware/acpi/tables.hpp"
#include "firmware/description.hpp"

namespace xlate::firmware::acpi {

/// IOMMUs, then devices of the namespace, then PCI host bridges in the order in which Linux scans them: that of the
/// namespace if a DSDT is there; otherwise by segment, and within one higher bus numbers first, as machines with
/// several roots have it. Rows of ID mappings stand in Node::iommu_map (last_id_is_tentative), single ones in
/// Node::iommus.
Description describe(Tables tables);

/// read_tables and describe in one.
Description read_acpi(const std::vector<NamedBytes>& files);

/// The host bridge of this root bus; if there is none, it is added, behind the same IOMMUs as its segment. MCFG and
/// IORT know segments only: that a segment has several roots stands in the namespace, or in a configuration.
NodeIndex ensure_pci_root(Description& description, unsigned segment, unsigned bus);
/// "pci0000:40".
std::string pci_root_name(unsigned segment, unsigned bus);

}  // namespace xlate::firmware::acpi
