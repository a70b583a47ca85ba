// The PCI models of QEMU: what each one is on its bus.
// Source: ids, classes and drivers as Linux saw them in corpus/linux-boot, else QEMU's list of PCI ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "study/init/qemu/qemu_command.hpp"

namespace xlate::study {

struct QemuModel {
    std::string_view kind;  ///< as a config spells it
    std::string_view id;    ///< "1b36:000c"; empty: that of a device of the host's
    std::uint32_t class_code = 0;
    std::string_view driver;  ///< that binds in Linux; empty: that of its kind; "none"
};

/// By a model's name; none: no model that is not virtio's has it.
std::optional<QemuModel> find_qemu_model(std::string_view name);

/// A function of virtio-pci.
struct QemuVirtioPci {
    std::string id;
    std::uint32_t class_code = 0;
    bool modern_only = false;  ///< no legacy driver finds it
};

/// None: no model of virtio's. `behind_port`: where QEMU makes it modern, unless its options say otherwise.
std::optional<QemuVirtioPci> find_qemu_virtio(const QemuOption& option, bool behind_port);

/// What kind of bridge or port of QEMU's has this id, "1b36:000c"; empty: none.
std::string_view qemu_bridge_kind(std::string_view id);

}  // namespace xlate::study
