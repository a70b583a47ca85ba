// `xlate init`: a commented starter config for a board; with a QEMU command line, for that virtual machine.
// Source: design.md sections 3 and 5.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::study {

struct KernelLog;

/// A config (YAML) that `xlate run` reads: firmware, PCI functions, kernel variant, CPUs, modules and parameters; what
/// else can be said stands in it as comments. `firmware_paths`: as they shall stand in the config; one device tree, or
/// ACPI tables if the description comes from those. Without a command the PCI part is a comment.
/// Errors: InputError (usage), see qemu_command.hpp and qemu_pci.hpp.
std::string init_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                        const std::optional<std::string>& qemu_command_text, const std::string& qemu_file_name);

/// The same for one file.
std::string init_config(const firmware::Description& description, const std::string& dtb_path,
                        const std::optional<std::string>& qemu_command_text, const std::string& qemu_file_name);

/// The same from what a running machine says of itself in the place of a QEMU command: its kernel's log
/// (kernel_log.hpp), with functions that may come from lspci (lspci.hpp).
std::string init_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                        const KernelLog& log);

}  // namespace xlate::study
