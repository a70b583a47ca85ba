// The PCI functions that a QEMU command line makes, and the slots that QEMU gives them.
// Source: QEMU 7.2's behaviour.
#pragma once

#include <string>
#include <vector>

#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_models.hpp"
#include "study/init/starter_function.hpp"

namespace xlate::study {

/// A virtio device behind one of the machine's virtio-mmio transports.
struct QemuVirtioMmio {
    unsigned number = 0;
    std::string model;          ///< "virtio-rng-device"
    bool uses_dma_api = false;  ///< iommu_platform=on: otherwise its driver hands out physical addresses
};

struct QemuPci {
    std::vector<StarterFunction> functions;       ///< of all root buses, by bus, device and function
    std::vector<QemuVirtioMmio> virtio_mmio;      ///< by number
    std::vector<unsigned> virtio_mmio_populated;  ///< the numbers alone
    std::vector<std::string> physical_virtio;     ///< models of virtio functions without iommu_platform=on
    std::vector<std::string> notes;               ///< what was left out, a sentence each
};

/// Errors: InputError (usage) for a bus that does not exist, a slot that is taken or malformed, a full bus.
QemuPci place_qemu_devices(const QemuCommand& command);

}  // namespace xlate::study
