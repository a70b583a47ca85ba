// Messages as a platform device's interrupts: where its controller wants them, and which numbers are free.
// Shape: one allocator a kernel; a number is given once. Numbers are what the device writes: an SPI of a GICv2m frame,
// an event of an ITS. (An ITS knows a device's events apart from another's; ours are unique, so that nobody has to.)
// Not modelled: the controllers' own set-up, affinity, giving numbers back.
// Source: Linux drivers/base/platform-msi.c, irq-gic-v2m.c;
// Documentation/devicetree/bindings/interrupt-controller/msi.txt.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "firmware/description.hpp"

namespace xlate::kernel {

struct MsiMessage {
    firmware::NodeIndex controller{};
    PhysAddr doorbell{};
    std::uint32_t data = 0;
    /// What a machine calls this interrupt of the controller.
    std::string name() const { return "msi " + std::to_string(data); }
};

class PlatformMsi {
public:
    explicit PlatformMsi(const firmware::Description& description) : description_(description) {}

    /// The next message of the controller that `msi-parent` names. Nothing: there is no such property, or it does not
    /// lead to a controller of a kind that we know and that is enabled.
    std::optional<MsiMessage> alloc(const firmware::Node& device);

private:
    const firmware::Description& description_;
    std::map<firmware::NodeIndex, std::uint32_t> given_;
};

}  // namespace xlate::kernel
