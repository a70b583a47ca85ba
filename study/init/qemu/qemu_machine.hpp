// The type of a QEMU machine: what it has without an option.
// Source: QEMU hw/arm/virt.c, hw/riscv/virt.c, hw/i386/pc_q35.c, pc_piix.c; ids as Linux sees them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/span.hpp"
#include "kernel-model/arch/arch.hpp"
#include "study/init/qemu/qemu_command.hpp"

namespace xlate::study {

enum class QemuMachineKind : std::uint8_t {
    virt,  ///< of Arm or RISC-V: PCIe, virtio-mmio
    q35,   ///< x86, PCIe
    pc,    ///< x86, conventional PCI (i440FX)
    other  ///< one whose PCI functions are not known here
};

struct QemuMachine {
    QemuMachineKind kind = QemuMachineKind::other;
    /// Major * 100 + minor of the QEMU that it is as; 0: of the newest, or it does not say.
    unsigned version = 0;
    kernel::Arch arch = kernel::Arch::arm64;
};
/// From -machine ("pc-q35-8.2", "q35+pve0", "virt-9.0") and the program's name. Without -machine x86 is pc.
QemuMachine qemu_machine(const QemuCommand& command);

/// A function that such a machine has on its root bus.
struct QemuOwnFunction {
    unsigned device = 0;
    unsigned function = 0;
    std::string_view id;
    std::uint32_t class_code = 0;
    std::string_view driver;
    bool is_usb = false;  ///< only with -usb
};
Span<QemuOwnFunction> own_functions(QemuMachineKind kind);

}  // namespace xlate::study
