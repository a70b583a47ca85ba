// The `kernel:` part of a starter config for a virtual machine.
#pragma once

#include <string>

#include "firmware/description.hpp"
#include "study/init/qemu/qemu_command.hpp"

namespace xlate::study {

/// Variant, architecture, CPUs, modules and parameters of a QEMU command. Lines of YAML, from "kernel:" on.
std::string qemu_kernel(const QemuCommand& command, const firmware::Description& description);

}  // namespace xlate::study
