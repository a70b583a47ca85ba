// What a kernel's own log (dmesg) says of its machine: release, command line, CPUs, and the PCI functions that it
// found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "study/config/command_line.hpp"
#include "study/init/machine/log_iommus.hpp"
#include "study/init/starter_function.hpp"

namespace xlate::study {

struct KernelLog {
    std::string file;
    std::string release;  ///< "6.12.107+deb13-arm64"
    CommandLineWords words;
    std::optional<unsigned> cpus;
    std::optional<bool> passthrough;  ///< what domains are by default; nothing: not said, or the command line says it
    std::optional<bool> strict;       ///< what unmapping waits for; nothing: likewise
    LogIommus iommus;
    std::vector<StarterFunction> functions;  ///< of all root buses, by domain, bus, device and function
    std::vector<std::string> notes;          ///< what the log does not say, a sentence each
};

/// Lines as dmesg or a journal prints them; others are passed by. Kinds of functions are those that the kernel prints
/// behind the class (drivers/pci/probe.c, pci_setup_device()); kernels that print none leave the kind of a bridge to
/// what is behind it.
/// Errors: InputError (usage) if no line names the kernel ("Linux version ..."); (limit) for more than 4,096 functions.
KernelLog read_kernel_log(const std::string& text, const std::string& file);

}  // namespace xlate::study
