// The `kernel:` part of a starter config: what kernels of all machines have in common.
#pragma once

#include <optional>
#include <string>

#include "kernel-model/arch/arch.hpp"
#include "kernel-model/iommu-core/kernel_release.hpp"
#include "study/config/command_line.hpp"

namespace xlate::study {

/// Of a board alone. Lines of YAML, from "kernel:" on.
std::string plain_kernel();

struct ParameterLines {
    std::string key;       ///< "  parameters: { ... }\n", or empty
    std::string comments;  ///< of parameters that do nothing here
};
ParameterLines parameter_lines(const CommandLineWords& words, kernel::Arch arch);

/// Of a kernel whose name says that its pages are larger; empty: 4 KiB.
std::string page_size_line(const std::string& name);

using kernel::KernelRelease;
/// Of "vmlinuz-6.12.107+deb13-arm64": 6, 12 and 107. None if the name holds no version.
std::optional<KernelRelease> kernel_release_of(const std::string& kernel);

/// The variant that stands for a kernel, and what is to be said of that; no note if it is that release's own.
struct ChosenVariant {
    std::string variant;
    std::string note;
};
ChosenVariant variant_of_kernel(const std::string& kernel);

}  // namespace xlate::study
