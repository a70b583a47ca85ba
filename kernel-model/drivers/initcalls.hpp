// What a kernel has built in of the drivers of iommu_drivers.hpp: the initcalls that a command line may leave out
// (`initcall_blacklist`), and what Debian's kernels lack.
// Source: Linux drivers/iommu and drivers/memory (6.1 to 6.18), Debian's configurations of arm64.
#pragma once

#include <string_view>

#include "base/span.hpp"

namespace xlate::kernel {

struct DriverInitcall {
    std::string_view initcall;
    std::string_view module;  ///< IommuDriver::module
};
Span<DriverInitcall> driver_initcalls();

/// Whether Debian's arm64 kernels have the module's driver neither built in nor as a module: who boots such a board
/// with one brings it along; or have it as a module.
bool absent_in_debian_arm64(std::string_view module);

}  // namespace xlate::kernel
