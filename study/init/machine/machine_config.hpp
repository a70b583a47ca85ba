// A starter config for a machine that runs, from what it says of itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/init/machine/kernel_log.hpp"
#include "study/init/machine/lspci.hpp"

namespace xlate::study {

/// `firmware_paths`: see starter_config.hpp. A listing counts for PCI functions, whatever the log says of them.
std::string machine_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                           const std::optional<KernelLog>& log, const std::optional<PciListing>& listing);

}  // namespace xlate::study
