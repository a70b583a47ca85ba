// Message-signalled interrupts behind interrupt remapping: the driver of the IOMMU that remaps gives a function its
// message, and the entry that it stands for. Clients have their device write it when a transfer is done.
// Not modelled: several messages of a device, affinity that moves, what the CPU's interrupt controller does.
// Source: Linux drivers/iommu/irq_remapping.c, the irq domains of intel/irq_remapping.c and amd/iommu.c.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace xlate::kernel {

class Device;

struct MessageDomain {
    /// The address that the device is to write 4 bytes to. Nothing: its interrupts are not remapped, or no entry is
    /// free. Empty: nobody remaps. Task side.
    std::function<std::optional<std::uint64_t>(Device& dev, unsigned cpu)> alloc;
};

}  // namespace xlate::kernel
