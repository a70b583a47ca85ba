// The `kernel:` part of a starter config: variant, architecture, CPUs, modules and parameters of a QEMU command.
#pragma once

#include <string>

#include "study/init/qemu_command.hpp"

namespace xlate::study {

/// Lines of YAML, from "kernel:" on. `command`: nullptr for a board alone.
std::string init_kernel(const QemuCommand* command);

}  // namespace xlate::study
