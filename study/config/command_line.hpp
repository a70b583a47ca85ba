// A kernel's command line: which of its words mean something here.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel-model/boot.hpp"

namespace xlate::study {

/// Name and value of each word in order; a flag has an empty value.
using CommandLineWords = std::vector<std::pair<std::string, std::string>>;

/// As Linux parts a command line (next_arg() of lib/cmdline.c, parse_args()): by white space, quotes keep words
/// together, and what stands behind "--" is for init.
CommandLineWords split_command_line(const std::string& text);

struct KernelCommandLine {
    /// By the names of kernel_parameter_names(), in order, with values that read_kernel_parameter takes.
    CommandLineWords parameters;
    std::vector<std::string> idle;   ///< "kernel parameter 'dma_debug=off' is not modelled: ..."
    std::vector<std::string> other;  ///< names of those that have to do with neither IOMMUs nor probing
};

/// Of a name that stands several times the last word counts; of x86's options all do. A value that Linux cannot read
/// stays at its default there, and is among the idle ones here.
KernelCommandLine read_command_line(const CommandLineWords& words, kernel::Arch arch);

/// Whether two names are one parameter: '-' and '_' are the same.
bool same_parameter(std::string_view a, std::string_view b);

}  // namespace xlate::study
