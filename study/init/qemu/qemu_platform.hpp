// What of a QEMU command is no PCI function: SMMUs of -device arm-smmuv3, presets of registers by -device loader.
// Source: QEMU's manual (generic loader; arm-smmuv3 since 10.1), hw/arm/smmuv3.c (its properties' names).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "firmware/description.hpp"
#include "study/init/qemu/qemu_command.hpp"
#include "study/init/qemu/qemu_units.hpp"

namespace xlate::study {

/// Words that a loader puts into an IOMMU's registers before the machine starts: ID registers of a fake.
struct QemuPreset {
    std::string iommu;                                               ///< path of its node
    std::vector<std::pair<std::uint64_t, std::uint32_t>> registers;  ///< offset and word, in the order of the command
};

/// One -device arm-smmuv3, at the node that the firmware's id map puts before its primary bus.
struct QemuSmmu {
    std::string iommu;                  ///< path of its node
    std::string remark;                 ///< "smmu1 of pcie.1"
    std::vector<std::string> features;  ///< as a config spells them: "ats: true"
};

struct QemuPlatform {
    std::vector<QemuSmmu> smmus;
    std::vector<QemuUnit> units;      ///< of other families
    std::vector<QemuPreset> presets;  ///< by node, in firmware order
    std::vector<std::string> notes;   ///< what was left out, a sentence each
};

/// `directory`: where files of a loader lie, if they are named without one. A file that is not there is a note.
/// Errors: InputError (usage) for a loader's number that is none.
QemuPlatform read_qemu_platform(const QemuCommand& command, const firmware::Description& description,
                                const std::string& directory);

}  // namespace xlate::study
