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

struct QemuCommand {
    std::string file;     ///< of the text, for messages
    std::string program;  ///< "qemu-system-aarch64"
    std::string comment;  ///< the first comment line, without '#'
    QemuOption machine;   ///< head empty: not given
    std::vector<QemuOption> devices;
    std::vector<QemuOption> drives;
    std::vector<QemuOption> nics;
    bool nodefaults = false;
    bool network_given = false;  ///< -net, -nic or -netdev: then there is no default network card
    std::string vga;             ///< -vga; empty: not given
    std::optional<unsigned> cpus;
    std::string memory;               ///< -m, as it stands
    std::string kernel;               ///< file of -kernel
    std::vector<std::string> unused;  ///< options that nothing here asks for, with their values
    CommandLineWords append;          ///< the kernel's
};

/// Reads the words of a shell command: quotes, backslashes, comments and line continuations.
/// Errors: InputError (usage) for an open quote, an option without its value, or a text with no qemu program in it.
QemuCommand parse_qemu_command(const std::string& text, const std::string& file);

}  // namespace xlate::study
