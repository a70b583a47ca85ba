// Drivers whose behaviour is of no interest beyond binding, as data; and generic ones for everything else.
// Source: docs/spec/kernel-probe.md 10.4 and 11.5; corpus/linux-boot (names and module order of Debian's kernels).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel-model/driver-core/device.hpp"

namespace xlate::kernel {

class LinuxBoot;

/// When a driver of the table registers if no module loads it.
enum class DriverLevel : std::uint8_t {
    arch,    ///< before the IOMMU core hooks its notifiers in
    rootfs,  ///< InitcallDriver: between PCI's scan and device initcalls
    device,  ///< device initcall, in the order of the table
    module,  ///< by the init script's insmod, in the order of the table
};

/// A driver without devices: an initcall finds its hardware in a table of firmware (DMAR, IVRS).
class InitcallDriver : public Driver {
public:
    using Driver::Driver;
    bool match(const Device& /*device*/) const final { return false; }
    /// On the init task, before device initcalls. 0 or -errno.
    virtual int init() = 0;
};

/// One driver: object, level, name of its module.
struct KnownDriver {
    std::unique_ptr<Driver> driver;
    DriverLevel level = DriverLevel::device;
    std::string module;  ///< normalised: '_' for '-'
    bool by_default =
        true;  ///< module: in the default list (corpus/linux-boot's init), or because the configuration names it
};

/// '-' becomes '_', as modprobe does.
std::string module_name(std::string_view name);

/// Every driver of this boot, in link order: port services, hotplug, host bridges, the configuration's own
/// (IOMMU drivers), clients, generic ones. Uses the boot's buses.
std::vector<KnownDriver> make_known_drivers(LinuxBoot& boot);

}  // namespace xlate::kernel
