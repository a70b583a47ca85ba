// Kernel command line parameters that have a meaning here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "kernel-model/boot.hpp"

namespace xlate::study {

/// Sets what "iommu.strict" and the others mean; '-' and '_' in names are the same. Nothing, or what is wrong (`what`,
/// `expected`, `nearest`): an option that Linux does not have is one, since a config is written for this model.
std::optional<Diagnostic> read_kernel_parameter(const std::string& name, const std::string& text,
                                                kernel::KernelParameters& parameters,
                                                kernel::Arch arch = kernel::Arch::arm64);

/// Parameters whose value is options of x86 by commas: iommu, intel_iommu, amd_iommu, intremap.
bool has_x86_options(const std::string& name, kernel::Arch arch);

/// Of such a value: what has an effect here, as a value; and of each other option a sentence: "'usedac' changes nothing
/// here: ...". Linux takes the options that it knows, and passes the others by.
struct X86Options {
    std::string applied;
    std::vector<std::string> idle;
};
X86Options x86_options(const std::string& name, const std::string& text);

/// The same for an option of the kernel's build, "ARM_LPAE": y or n.
std::optional<Diagnostic> read_build_option(const std::string& name, const std::string& text,
                                            kernel::KernelParameters& parameters);

/// The names that read_kernel_parameter knows on that architecture.
const std::vector<std::string>& kernel_parameter_names(kernel::Arch arch = kernel::Arch::arm64);

/// Of a parameter that Linux knows and that does nothing here: what it is, in a sentence ("x86 reads it; ..."). Nothing
/// for one that has to do with neither IOMMUs nor probing.
std::optional<std::string> idle_kernel_parameter(const std::string& name, kernel::Arch arch);

/// Of a parameter that this release (as Variant::release) no longer has, or not yet: "changes nothing: ...".
std::optional<std::string> retired_kernel_parameter(const std::string& name, const std::string& text, unsigned release);

}  // namespace xlate::study
