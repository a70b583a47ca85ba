// Kernel command line parameters that have a meaning here.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "kernel-model/boot.hpp"

namespace xlate::study {

/// Sets what "iommu.strict" and the others mean; '-' and '_' in names are the same. Nothing, or what is wrong (`what`,
/// `expected`, `nearest`).
std::optional<Diagnostic> read_kernel_parameter(const std::string& name, const std::string& text,
                                                kernel::KernelParameters& parameters);

}  // namespace xlate::study
