#include "study/run/assume_kernel.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "firmware/cpu_kinds.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "kernel-model/of/table_releases.hpp"

namespace xlate::study {
namespace {

void refuse_other_cpus(const Config& config, const firmware::Description& description) {
    const kernel::Arch arch = config.kernel.arch;
    const firmware::CpuKinds cpus = firmware::cpu_kinds(description);
    if (!config.given("kernel.arch") || cpus.x86 + cpus.riscv + cpus.arm != 1) return;
    const bool fits = cpus.x86     ? arch == kernel::Arch::x86
                      : cpus.riscv ? arch == kernel::Arch::riscv
                                   : arch == kernel::Arch::arm || arch == kernel::Arch::arm64;
    if (fits) return;
    throw InputError(Diagnostic{config.where("kernel.arch"), "kernel.arch",
                                fmt::format("no kernel of {} runs on this board: its CPUs are {}",
                                            kernel::arch_names()[static_cast<std::size_t>(arch)],
                                            cpus.x86     ? "x86's"
                                            : cpus.riscv ? "RISC-V's"
                                                         : "Arm's"),
                                cpus.x86     ? "x86"
                                : cpus.riscv ? "riscv"
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
    if (!config.given("kernel.arch")) {
        const firmware::CpuKinds cpus = firmware::cpu_kinds(description);
        const auto assume = [&](kernel::Arch arch) {
            if (config.kernel.arch == arch) return;
            config.kernel.arch = arch;
            assumed.push_back(fmt::format("kernel.arch is not given: {}, as the {} are{}",
                                          kernel::arch_names()[static_cast<std::size_t>(arch)],
                                          cpus.by_tables.empty() ? "CPUs" : "tables",
                                          cpus.by_tables.empty() ? "" : fmt::format(" ({})", cpus.by_tables)));
        };
        if (cpus.riscv) assume(kernel::Arch::riscv);
        if (cpus.x86) assume(kernel::Arch::x86);
        if (config.kernel.arch == kernel::Arch::arm64 && cpus.arm32) assume(kernel::Arch::arm);
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
