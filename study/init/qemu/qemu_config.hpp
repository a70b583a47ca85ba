// A starter config for a virtual machine, from the command line of its QEMU.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::study {

/// A config (YAML) that `xlate run` reads: firmware, PCI functions, kernel variant, CPUs, modules and parameters; what
/// else can be said stands in it as comments. `firmware_paths`: see starter_config.hpp.
/// Errors: InputError (usage), see qemu_command.hpp and qemu_pci.hpp.
std::string qemu_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                        const std::string& command_text, const std::string& command_file);

}  // namespace xlate::study
