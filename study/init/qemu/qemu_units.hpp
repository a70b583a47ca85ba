// The IOMMUs of a QEMU command that firmware has as units: -device intel-iommu, amd-iommu, riscv-iommu-pci and
// virtio-iommu, and the RISC-V machine's iommu-sys=on.
// Source: the properties' names and defaults of QEMU hw/i386/intel_iommu.c, amd_iommu.c, x86-iommu.c, pc.c (those of
// older machines), hw/riscv/riscv-iommu.c, hw/virtio/virtio-iommu.c.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/init/qemu/qemu_command.hpp"

namespace xlate::study {

/// One such unit, at the node that it is.
struct QemuUnit {
    std::string iommu;              ///< path of its node
    std::string block;              ///< of its family's keys: "vt-d"
    std::vector<std::string> keys;  ///< as a config spells them: "like: qemu"
    std::string remark;             ///< "intel-iommu iommu0"
};

struct QemuUnits {
    std::vector<QemuUnit> units;
    std::vector<std::string> notes;  ///< what was left out, a sentence each
};
QemuUnits read_qemu_units(const QemuCommand& command, const firmware::Description& description);

}  // namespace xlate::study
