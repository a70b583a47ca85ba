// Which releases of Linux read which ACPI table of IOMMUs.
#pragma once

#include "firmware/description.hpp"

namespace xlate::kernel {

/// The first that reads the table which names the board's IOMMUs, as Variant::release; 0: every one that is modelled
/// does, or it is no table that names them.
unsigned first_release_reading(const firmware::Description& description);

}  // namespace xlate::kernel
