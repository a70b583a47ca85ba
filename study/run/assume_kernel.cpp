#include "study/run/assume_kernel.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/acpi/tables.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "kernel-model/of/table_releases.hpp"

namespace xlate::study {
namespace {

bool has_cpu(const firmware::Description& description, std::string_view compatible) {
    return std::any_of(description.nodes.begin(), description.nodes.end(), [&](const firmware::Node& node) {
        return node.path.rfind("/cpus/", 0) == 0 && node.is_compatible(compatible);
    });
}

/// CPUs that run no 64-bit kernel. Source: the names of Linux's Documentation/devicetree/bindings/arm/cpus.yaml.
bool has_arm32_cpu(const firmware::Description& description) {
    constexpr std::string_view kCpus[] = {"arm,cortex-a5",     "arm,cortex-a7",    "arm,cortex-a8",   "arm,cortex-a9",
                                          "arm,cortex-a12",    "arm,cortex-a15",   "arm,cortex-a17",  "arm,cortex-a32",
                                          "arm,arm1136jf-s",   "arm,arm1176jzf-s", "arm,arm11mpcore", "arm,arm926ej-s",
                                          "qcom,krait",        "qcom,scorpion",    "marvell,pj4a",    "marvell,pj4b",
                                          "marvell,sheeva-v7", "brcm,brahma-b15"};
    return std::any_of(std::begin(kCpus), std::end(kCpus),
                       [&](std::string_view compatible) { return has_cpu(description, compatible); });
}

bool is_riscv(const firmware::Description& description) {
    return has_cpu(description, "riscv") || (description.tables && description.tables->rimt);
}

bool is_x86(const firmware::Description& description) {
    return description.tables && (description.tables->dmar || description.tables->ivrs);
}

/// 64-bit and 32-bit Arm CPUs have names of Arm's, of Apple's or of Qualcomm's; what has none says nothing.
bool has_arm_cpu(const firmware::Description& description) {
    constexpr std::string_view kStarts[] = {"arm,", "apple,", "qcom,kryo", "qcom,krait", "qcom,scorpion"};
    return std::any_of(description.nodes.begin(), description.nodes.end(), [&](const firmware::Node& node) {
        return node.path.rfind("/cpus/", 0) == 0 &&
               std::any_of(node.compatible.begin(), node.compatible.end(), [&](const std::string& compatible) {
                   return std::any_of(std::begin(kStarts), std::end(kStarts),
                                      [&](std::string_view start) { return compatible.rfind(start, 0) == 0; });
               });
    });
}

void refuse_other_cpus(const Config& config, const firmware::Description& description) {
    const kernel::Arch arch = config.kernel.arch;
    const bool x86 = is_x86(description);  // its tables name no CPU
    const bool riscv = is_riscv(description);
    const bool arm = has_arm_cpu(description);
    if (!config.given("kernel.arch") || x86 + riscv + arm != 1) return;
    const bool fits = x86     ? arch == kernel::Arch::x86
                      : riscv ? arch == kernel::Arch::riscv
                              : arch == kernel::Arch::arm || arch == kernel::Arch::arm64;
    if (fits) return;
    throw InputError(Diagnostic{config.where("kernel.arch"), "kernel.arch",
                                fmt::format("no kernel of {} runs on this board: its CPUs are {}",
                                            kernel::arch_names()[static_cast<std::size_t>(arch)],
                                            x86     ? "x86's"
                                            : riscv ? "RISC-V's"
                                                    : "Arm's"),
                                x86     ? "x86"
                                : riscv ? "riscv"
                                        : "arm64 or arm",
                                ""});
}

/// The driver that is the youngest of those that the board's IOMMUs want; nullptr: all are old enough.
const kernel::IommuDriver* youngest_driver(const firmware::Description& description) {
    const kernel::IommuDriver* youngest = nullptr;
    for (const firmware::Node& node : description.nodes) {
        const kernel::IommuDriver* driver = node.reachable ? kernel::iommu_driver_of(node) : nullptr;
        if (driver == nullptr || driver->first_release == 0) continue;
        if (youngest == nullptr || driver->first_release > youngest->first_release) youngest = driver;
    }
    return youngest;
}

}  // namespace

std::vector<std::string> assume_kernel(Config& config, const firmware::Description& description) {
    refuse_other_cpus(config, description);
    std::vector<std::string> assumed;
    if (!config.given("kernel.arch") && config.kernel.arch != kernel::Arch::riscv && is_riscv(description)) {
        config.kernel.arch = kernel::Arch::riscv;
        assumed.emplace_back(description.tables ? "kernel.arch is not given: riscv, as the tables are (RIMT)"
                                                : "kernel.arch is not given: riscv, as the CPUs are");
    }
    if (!config.given("kernel.arch") && config.kernel.arch != kernel::Arch::x86 && is_x86(description)) {
        config.kernel.arch = kernel::Arch::x86;
        assumed.emplace_back("kernel.arch is not given: x86, as the tables are (DMAR, IVRS)");
    }
    if (!config.given("kernel.arch") && config.kernel.arch == kernel::Arch::arm64 && has_arm32_cpu(description)) {
        config.kernel.arch = kernel::Arch::arm;
        assumed.emplace_back("kernel.arch is not given: arm, as the CPUs are");
    }
    const kernel::IommuDriver* driver = youngest_driver(description);
    const unsigned reads = kernel::first_release_reading(description);
    const unsigned wanted = std::max(reads, driver == nullptr ? 0 : driver->first_release);
    if (config.given("kernel.variant")) return assumed;
    if (kernel::find_variant(config.kernel.variant).release >= wanted) return assumed;
    for (const kernel::Variant& variant : kernel::variants()) {
        if (variant.release < wanted || !variant.runnable) continue;
        config.kernel.variant = variant.name;
        assumed.push_back(fmt::format(
            "kernel.variant is not given: {}, the first that {} (Linux {}.{})", variant.name,
            wanted == reads ? "reads what the tables say of IOMMUs" : fmt::format("has the driver {}", driver->name),
            wanted / 100, wanted % 100));
        break;
    }
    return assumed;
}

std::vector<std::string> drivers_not_yet(const kernel::Variant& variant, const firmware::Description& description) {
    std::vector<std::string> all;
    for (const firmware::Node& node : description.nodes) {
        const kernel::IommuDriver* const driver = node.reachable ? kernel::iommu_driver_of(node) : nullptr;
        if (driver == nullptr || variant.release >= driver->first_release) continue;
        const std::string text = fmt::format(
            "{} has no driver {}, which came with Linux {}.{}: {} is driven as if it had been taken back", variant.name,
            driver->name, driver->first_release / 100, driver->first_release % 100, printable(node.path));
        if (std::none_of(all.begin(), all.end(), [&](const std::string& one) {
                return one.rfind(fmt::format("{} has no driver {},", variant.name, driver->name), 0) == 0;
            }))
            all.push_back(text);
    }
    return all;
}

}  // namespace xlate::study
