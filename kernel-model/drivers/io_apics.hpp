// The I/O APICs of an x86 machine: their interrupts are remapped with those of devices, or none is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::kernel {

/// Ids in the order of the MADT; nothing: there is no MADT. Source: ACPI specification 6.5, 5.2.12.3.
std::optional<std::vector<std::uint8_t>> io_apics(const firmware::Description& description);

}  // namespace xlate::kernel
