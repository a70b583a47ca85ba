#include "study/init/qemu/qemu_machine.hpp"

#include <iterator>
#include <optional>
#include <string>

#include "base/quantity.hpp"

namespace xlate::study {
namespace {

constexpr QemuOwnFunction kVirt[] = {{0, 0, "1b36:0008", 0x060000, "none"}};
constexpr QemuOwnFunction kQ35[] = {
    {0x00, 0, "8086:29c0", 0x060000, "none"},           {0x1d, 0, "8086:2934", 0x0c0300, "uhci_hcd", true},
    {0x1d, 1, "8086:2935", 0x0c0300, "uhci_hcd", true}, {0x1d, 2, "8086:2936", 0x0c0300, "uhci_hcd", true},
    {0x1d, 7, "8086:293a", 0x0c0320, "ehci-pci", true}, {0x1f, 0, "8086:2918", 0x060100, "lpc_ich"},
    {0x1f, 2, "8086:2922", 0x010601, "ahci"},           {0x1f, 3, "8086:2930", 0x0c0500, "i801_smbus"}};
constexpr QemuOwnFunction kPc[] = {{0, 0, "8086:1237", 0x060000, "none"},
                                   {1, 0, "8086:7000", 0x060100, "none"},
                                   {1, 1, "8086:7010", 0x010180, "ata_piix"},
                                   {1, 2, "8086:7020", 0x0c0300, "uhci_hcd", true},
                                   {1, 3, "8086:7113", 0x068000, "piix4_smbus"}};

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

/// That the program's name says: "qemu-system-x86_64", also with something behind it. kvm and qemu-kvm say none.
std::optional<kernel::Arch> arch_of_program(std::string_view program) {
    constexpr std::string_view kSystem = "qemu-system-";
    const std::string_view name = program.substr(program.find_last_of('/') + 1);
    if (!begins_with(name, kSystem)) return std::nullopt;
    const std::string_view target = name.substr(kSystem.size());
    if (begins_with(target, "x86_64") || begins_with(target, "i386")) return kernel::Arch::x86;
    if (begins_with(target, "riscv")) return kernel::Arch::riscv;
    if (begins_with(target, "arm")) return kernel::Arch::arm;
    return kernel::Arch::arm64;
}

QemuMachineKind kind_of(std::string_view type) {
    if (type == "q35" || begins_with(type, "pc-q35-")) return QemuMachineKind::q35;
    if (type == "pc" || begins_with(type, "pc-")) return QemuMachineKind::pc;
    if (type == "virt" || begins_with(type, "virt-")) return QemuMachineKind::virt;
    return QemuMachineKind::other;
}

/// "pc-q35-8.2": 802. Of a distribution's own names ("pc-q35-rhel9.4.0") none.
unsigned version_of(std::string_view type) {
    const std::size_t dash = type.find_last_of('-');
    const std::size_t dot = type.find('.');
    if (dash == std::string_view::npos || dot == std::string_view::npos || dot < dash) return 0;
    const Parsed<std::uint64_t> major = parse_integer(std::string(type.substr(dash + 1, dot - dash - 1)));
    const Parsed<std::uint64_t> minor = parse_integer(std::string(type.substr(dot + 1)));
    if (!major || !minor || major.value() > 99 || minor.value() > 99) return 0;
    return static_cast<unsigned>(major.value() * 100 + minor.value());
}

}  // namespace

QemuMachine qemu_machine(const QemuCommand& command) {
    QemuMachine machine;
    // "+pve0" is Proxmox's own count behind the type.
    const std::string_view type = std::string_view(command.machine.head).substr(0, command.machine.head.find('+'));
    const std::optional<kernel::Arch> arch = arch_of_program(command.program);
    machine.kind = kind_of(type);
    if (type.empty() && arch.value_or(kernel::Arch::x86) == kernel::Arch::x86) machine.kind = QemuMachineKind::pc;
    machine.version = version_of(type);
    const bool is_x86 = machine.kind == QemuMachineKind::q35 || machine.kind == QemuMachineKind::pc;
    machine.arch = arch.value_or(is_x86 ? kernel::Arch::x86 : kernel::Arch::arm64);
    return machine;
}

Span<QemuOwnFunction> own_functions(QemuMachineKind kind) {
    switch (kind) {
        case QemuMachineKind::virt:
            return {kVirt, std::size(kVirt)};
        case QemuMachineKind::q35:
            return {kQ35, std::size(kQ35)};
        case QemuMachineKind::pc:
            return {kPc, std::size(kPc)};
        case QemuMachineKind::other:
            break;
    }
    return {};
}

}  // namespace xlate::study
