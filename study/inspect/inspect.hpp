// `xlate inspect`: what the firmware says about IOMMUs, for a program and for an architect.
// Source: design.md sections 3 and 4.
#pragma once

#include <string>

#include "firmware/description.hpp"

namespace xlate::study {

struct KernelGroups;

/// Schema "xlate.inspect/1". One entry a provider reference, in firmware order; addresses and ids are numbers.
/// `iommus`: {path, compatible[], arch, cells, status, ...}; `masters`: {path, status, iommu, specifier[], ...} for
/// each `iommus` entry, `iommu` null where no node answers; `maps`: {path, base, iommu, out_base, length, mask, ...}
/// for each `iommu-map` row, `mask` null where all bits count; `groups`: see inspect_groups.hpp; `not_modelled`:
/// {property, what, nodes[]} (property_roles.hpp); `oddities`: {path, what}; `boot_arguments`, `reservations` and
/// `suppliers`: the same (firmware_facts.hpp), left out where there are none. Of ACPI also `tables`: by signature,
/// decoded (inspect_tables.hpp); `device` of an IOMMU is Linux's name of it, null for device trees. Rows of an IORT
/// stand in `maps` as they are written; those that lead past all IOMMUs are left out. `status` is the property's text,
/// "okay" where there is none. All texts are printable ASCII. The document as text, indented by one; ends with a line
/// feed. With the groups of a kernel also `kernel_groups` (kernel_groups.hpp).
std::string inspect_json(const firmware::Description& description, const KernelGroups* kernel = nullptr);

/// The same for reading; ends with a line feed. The groups of a kernel stand in the place of firmware's.
std::string inspect_text(const firmware::Description& description, const KernelGroups* kernel = nullptr);

}  // namespace xlate::study
