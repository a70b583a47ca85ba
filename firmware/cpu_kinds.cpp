#include "firmware/cpu_kinds.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "firmware/acpi/tables.hpp"

namespace xlate::firmware {
namespace {

bool is_cpu(const Node& node) { return node.path.rfind("/cpus/", 0) == 0; }

/// CPUs that run no 64-bit kernel. Source: the names of Linux's Documentation/devicetree/bindings/arm/cpus.yaml.
constexpr std::string_view k32Bits[] = {
    "arm,cortex-a5",  "arm,cortex-a7",  "arm,cortex-a8",   "arm,cortex-a9",    "arm,cortex-a12",    "arm,cortex-a15",
    "arm,cortex-a17", "arm,cortex-a32", "arm,arm1136jf-s", "arm,arm1176jzf-s", "arm,arm11mpcore",   "arm,arm926ej-s",
    "qcom,krait",     "qcom,scorpion",  "marvell,pj4a",    "marvell,pj4b",     "marvell,sheeva-v7", "brcm,brahma-b15"};
/// Arm CPUs have names of Arm's, of Apple's or of Qualcomm's; what has none says nothing.
constexpr std::string_view kArmStarts[] = {"arm,", "apple,", "qcom,kryo", "qcom,krait", "qcom,scorpion"};

bool starts_as_arm(const std::string& compatible) {
    return std::any_of(std::begin(kArmStarts), std::end(kArmStarts),
                       [&](std::string_view start) { return compatible.rfind(start, 0) == 0; });
}

}  // namespace

CpuKinds cpu_kinds(const Description& description) {
    CpuKinds kinds;
    for (const Node& node : description.nodes) {
        if (!is_cpu(node)) continue;
        kinds.riscv = kinds.riscv || node.is_compatible("riscv");
        kinds.arm = kinds.arm || std::any_of(node.compatible.begin(), node.compatible.end(), starts_as_arm);
        kinds.arm32 = kinds.arm32 || std::any_of(std::begin(k32Bits), std::end(k32Bits),
                                                 [&](std::string_view one) { return node.is_compatible(one); });
    }
    if (description.tables && description.tables->rimt) {
        kinds.riscv = true;
        kinds.by_tables = "RIMT";
    }
    if (description.tables && (description.tables->dmar || description.tables->ivrs)) {
        kinds.x86 = true;
        kinds.by_tables = "DMAR, IVRS";
    }
    return kinds;
}

std::uint32_t count_cpus(const Description& description) {
    constexpr std::string_view kCpu = "cpu";
    const auto counts = [&](const Node& node) {
        const Property* const type = node.property("device_type");
        return node.available && type != nullptr && type->bytes.size() == kCpu.size() + 1 &&
               std::equal(kCpu.begin(), kCpu.end(), type->bytes.begin());
    };
    return static_cast<std::uint32_t>(std::count_if(description.nodes.begin(), description.nodes.end(), counts));
}

}  // namespace xlate::firmware
