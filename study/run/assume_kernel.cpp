#include "study/run/assume_kernel.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::study {
namespace {

bool has_cpu(const firmware::Description& description, std::string_view compatible) {
    return std::any_of(description.nodes.begin(), description.nodes.end(), [&](const firmware::Node& node) {
        return node.path.rfind("/cpus/", 0) == 0 && node.is_compatible(compatible);
    });
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
    std::vector<std::string> assumed;
    if (!config.given("kernel.arch") && config.kernel.arch != kernel::Arch::riscv && has_cpu(description, "riscv")) {
        config.kernel.arch = kernel::Arch::riscv;
        assumed.emplace_back("kernel.arch is not given: riscv, as the CPUs are");
    }
    const kernel::IommuDriver* driver = youngest_driver(description);
    if (driver == nullptr || config.given("kernel.variant")) return assumed;
    if (kernel::find_variant(config.kernel.variant).release >= driver->first_release) return assumed;
    for (const kernel::Variant& variant : kernel::variants()) {
        if (variant.release < driver->first_release || !variant.runnable) continue;
        config.kernel.variant = variant.name;
        assumed.push_back(fmt::format("kernel.variant is not given: {}, the first that has the driver {} (Linux {}.{})",
                                      variant.name, driver->name, driver->first_release / 100,
                                      driver->first_release % 100));
        break;
    }
    return assumed;
}

}  // namespace xlate::study
