// A QEMU command line, taken apart: what of it describes hardware and kernel.
// Source: QEMU's manual (invocation); the syntax of option values: "driver,key=value,key", ",," for a comma.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "study/config/command_line.hpp"

namespace xlate::study {

/// The value of one option: `-device virtio-net-pci,addr=1` has head "virtio-net-pci" and one pair.
struct QemuOption {
    std::string head;  ///< the part before the first comma if it has no '='
    std::vector<std::pair<std::string, std::string>> values;
    std::string text;  ///< as it stood
    unsigned line = 0;

    /// The last value of this key; a key without '=' is "on".
    std::optional<std::string> value(const std::string& key) const;
    bool is_on(const std::string& key, bool otherwise) const;
};

/// `-global DRIVER.PROPERTY=VALUE`: what every device of a driver has unless its own option says otherwise.
struct QemuGlobal {
    std::string driver;    ///< "virtio-net-pci", or what such devices are: "virtio-pci"
    std::string property;  ///< "iommu_platform"
    std::string value;
    std::string text;  ///< as it stood

    bool covers(const std::string& device) const;
};

struct QemuCommand {
    std::string file;     ///< of the text, for messages
    std::string program;  ///< "qemu-system-aarch64"
    std::string comment;  ///< the first comment line, without '#'
    QemuOption machine;   ///< of all -machine together, as QEMU merges them; head empty: no type is given
    /// In the order in which QEMU makes them: those in JSON last. With what -global says of them.
    std::vector<QemuOption> devices;
    std::vector<QemuOption> drives;  ///< disk images without an option, too
    std::vector<QemuGlobal> globals;
    std::vector<std::string> sound_cards;  ///< of -audio and -soundhw: "hda"
    std::vector<QemuOption> nics;
    bool nodefaults = false;
    bool network_given = false;       ///< -net, -nic or -netdev: then there is no default network card
    std::string vga;                  ///< -vga; empty: not given
    std::optional<unsigned> cpus;     ///< of -smp; without cpus=: maxcpus, or the product of sockets, cores and so on
    std::string memory;               ///< -m, as it stands
    std::string kernel;               ///< file of -kernel
    std::vector<std::string> unused;  ///< options that nothing here asks for, with their values
    CommandLineWords append;          ///< the kernel's

    /// `option` with the values of -global before its own.
    QemuOption with_globals(QemuOption option) const;
};

/// Reads the words of a shell command: quotes, backslashes, comments and line continuations. The program is the first
/// word whose file name is qemu, qemu-kvm, kvm or begins with "qemu-system-"; assignments before it are none.
/// Errors: InputError (usage) for an open quote, an option without its value, or a text with no qemu program in it.
QemuCommand parse_qemu_command(const std::string& text, const std::string& file);

}  // namespace xlate::study
