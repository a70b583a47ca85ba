// The `kernel:` part of a starter config: variant, architecture, CPUs, modules and parameters of a QEMU command
// or of a kernel's log.
#pragma once

#include <optional>
#include <string>

#include "firmware/description.hpp"
#include "study/init/kernel_log.hpp"
#include "study/init/qemu_command.hpp"

namespace xlate::study {

/// Lines of YAML, from "kernel:" on. `command`: nullptr for a board alone.
std::string init_kernel(const QemuCommand* command, const firmware::Description& description);
/// The same; modules stay as they are where none is given.
std::string init_kernel(const KernelLog& log, const firmware::Description& description);

/// Of "vmlinuz-6.12.107+deb13-arm64": 6, 12 and 107.
struct KernelRelease {
    unsigned major = 0;
    unsigned minor = 0;
    std::optional<unsigned> patch;

    unsigned number() const { return major * 100 + minor; }
};
/// None if the name holds no version.
std::optional<KernelRelease> kernel_release_of(const std::string& kernel);

/// The variant that stands for a kernel, and what is to be said of that; no note if it is that release's own.
struct ChosenVariant {
    std::string variant;
    std::string note;
};
ChosenVariant variant_of_kernel(const std::string& kernel);

}  // namespace xlate::study
