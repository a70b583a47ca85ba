// The PCI functions that a QEMU command line makes: model names to ids, and the slots that QEMU gives them.
// Source: QEMU 7.2's behaviour; ids, classes and drivers as Linux saw them in corpus/linux-boot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/init/qemu_command.hpp"

namespace xlate::study {

struct QemuPciFunction {
    unsigned bus = 0;  ///< number of the root bus; below a port: unused
    unsigned device = 0;
    unsigned function = 0;
    std::string model;  ///< "virtio-net-pci"
    std::string kind;   ///< as a config spells it: "endpoint", "root-port", ...
    std::string id;     ///< "1af4:1041"; empty: unknown
    std::uint32_t class_code = 0;
    std::string driver;  ///< that binds in Linux; empty: that of its kind; "none"
    bool hotplug = true;
    bool acs = false;  ///< has an ACS capability
    std::vector<QemuPciFunction> below;
};

/// A virtio device behind one of the machine's virtio-mmio transports.
struct QemuVirtioMmio {
    unsigned number = 0;
    std::string model;          ///< "virtio-rng-device"
    bool uses_dma_api = false;  ///< iommu_platform=on: otherwise its driver hands out physical addresses
};

struct QemuPci {
    std::vector<QemuPciFunction> functions;       ///< of all root buses, by bus, device and function
    std::vector<QemuVirtioMmio> virtio_mmio;      ///< by number
    std::vector<unsigned> virtio_mmio_populated;  ///< the numbers alone
    std::vector<std::string> physical_virtio;     ///< models of virtio functions without iommu_platform=on
    std::vector<std::string> notes;               ///< what was left out, a sentence each
};

/// Errors: InputError (usage) for a bus that does not exist, a slot that is taken or malformed, a full bus.
QemuPci place_qemu_devices(const QemuCommand& command);

}  // namespace xlate::study
