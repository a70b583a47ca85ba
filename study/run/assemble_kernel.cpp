#include <algorithm>

#include <fmt/format.h>

#include "firmware/device_name.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/kernel_parameters.hpp"
#include "study/inspect/firmware_facts.hpp"
#include "study/run/assembly_part.hpp"
#include "study/run/idle_blocks.hpp"

namespace xlate::study {
namespace {

using firmware::Node;
using firmware::NodeIndex;

class KernelPart : AssemblyPart {
public:
    using AssemblyPart::AssemblyPart;

    void assemble() {
        kernel::BootConfig& boot = wiring_.boot;
        boot.cpus = wiring_.soc.cpu.count;
        boot.arch = config_.kernel.arch;
        boot.page_bytes = config_.kernel.page_bytes;
        if (boot.page_bytes != 4096 && boot.page_bytes != 16384 && boot.page_bytes != 65536) {
            add("kernel.page_size", fmt::format("found {}", format_bytes(boot.page_bytes)), "4 KiB, 16 KiB or 64 KiB");
            boot.page_bytes = 4096;
        }
        constexpr kernel::Arch kOnePageSize[] = {kernel::Arch::arm, kernel::Arch::arm_nommu, kernel::Arch::riscv,
                                                 kernel::Arch::x86};
        if (boot.page_bytes != 4096 &&
            std::find(std::begin(kOnePageSize), std::end(kOnePageSize), boot.arch) != std::end(kOnePageSize)) {
            add("kernel.page_size",
                fmt::format("found {}, but a kernel of {} has pages of 4 KiB", format_bytes(boot.page_bytes),
                            kernel::arch_row(boot.arch).name),
                "4 KiB; of 16 and 64 KiB there are kernels of arm64");
            boot.page_bytes = 4096;
        }
        for (const NodeIndex provider : description_.providers()) {
            if (kernel::iommu_driver_of(description_.node(provider)) == nullptr) boot.not_built.push_back(provider);
        }
        if (config_.given("kernel.modules")) boot.modules = config_.kernel.modules;
        check_module_devices();
        warn_of_idle_parameters();
        for (std::string& one : idle_blocks(config_, description_)) wiring_.warnings.push_back(std::move(one));
        for (std::string& one : firmware_warnings(description_, config_.kernel.modules,
                                                  kernel::find_variant(config_.kernel.variant).release))
            wiring_.warnings.push_back(std::move(one));
        for (std::size_t i = 0; i < config_.kernel.modules.size(); ++i) {
            if (config_.kernel.modules[i].cpu >= boot.cpus) {
                add(fmt::format("kernel.modules[{}].cpu", i),
                    fmt::format("there is no CPU {}", config_.kernel.modules[i].cpu),
                    fmt::format("0 to {}", boot.cpus - 1));
            }
        }
        for (const auto& [name, text] : config_.kernel.parameters) {
            if (const auto wrong = read_kernel_parameter(name, text, boot.parameters, boot.arch))
                add(yaml::join_path("kernel.parameters", name), wrong->what, wrong->expected, wrong->nearest);
        }
        const kernel::AcsOverrides& overrides = boot.parameters.acs.overrides;
        if (overrides.downstream || overrides.multifunction || !overrides.devices.empty())
            wiring_.assumptions.emplace_back(
                "kernel.parameters.pcie_acs_override is no parameter of kernel.org's kernels: "
                "taken as one with the patch of some distributions takes it");
        for (const auto& [name, text] : config_.kernel.build) {
            if (const auto wrong = read_build_option(name, text, boot.parameters))
                add(yaml::join_path("kernel.build", name), wrong->what, wrong->expected, wrong->nearest);
        }
        if (boot.parameters.arm_lpae && boot.arch != kernel::Arch::arm)
            add("kernel.build", "ARM_LPAE is an option of 32-bit Arm", "kernel.arch: arm beside it");
        const std::vector<std::string> known = kernel::mistake_names();
        for (std::size_t i = 0; i < config_.kernel.mistakes.size(); ++i) {
            const std::string& name = config_.kernel.mistakes[i];
            if (const auto mistake = kernel::find_mistake(name)) {
                boot.mistakes.add(*mistake);
            } else {
                add(fmt::format("kernel.mistakes[{}]", i), fmt::format("there is no mistake '{}'", name),
                    fmt::format("one of {}", fmt::join(known, ", ")), nearest_name(name, known).value_or(""));
            }
        }
    }

private:
    /// Parameters that this kernel no longer has, options of x86 without an effect, and parameters of an IOMMU driver
    /// that the board has no use for.
    void warn_of_idle_parameters() {
        for (const auto& [name, value] : config_.kernel.parameters) {
            const unsigned release = kernel::find_variant(config_.kernel.variant).release;
            if (const std::optional<std::string> why = retired_kernel_parameter(name, value, release)) {
                wiring_.warnings.push_back(fmt::format("kernel.parameters.{} {}", name, *why));
                continue;
            }
            if (has_x86_options(name, config_.kernel.arch)) {
                for (const std::string& one : x86_options(name, value).idle)
                    wiring_.warnings.push_back(fmt::format("kernel.parameters.{}: {}", name, one));
            }
            std::string driver = name.substr(0, name.find('.'));
            // Of the two of x86 these words alone count on any machine.
            constexpr std::string_view kEverywhere[] = {"strict", "fullflush"};
            if (name == "intel_iommu" || name == "amd_iommu") {
                if (std::any_of(
                        std::begin(kEverywhere), std::end(kEverywhere),
                        [&, text = &value](std::string_view word) { return text->find(word) != std::string::npos; }))
                    continue;
                driver = name == "intel_iommu" ? "intel-iommu" : "amd-iommu";
            }
            const Span<kernel::IommuDriver> all = kernel::iommu_drivers();
            const auto known =
                std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == driver; });
            if (known == all.end()) continue;
            const bool used = std::any_of(description_.nodes.begin(), description_.nodes.end(),
                                          [&](const Node& node) { return known->binds_to(node); });
            if (used) continue;
            wiring_.warnings.push_back(fmt::format(
                "kernel.parameters.{} changes nothing: the firmware has no IOMMU of the driver {}", name, driver));
        }
    }

    /// A driver that others wait for drives a device that Linux makes of a node.
    void check_module_devices() {
        for (std::size_t i = 0; i < config_.kernel.modules.size(); ++i) {
            const std::string& wanted = config_.kernel.modules[i].device;
            if (wanted.empty() || description_.find_path(wanted)) continue;
            std::vector<std::string> names;
            for (std::size_t n = 0; n < description_.nodes.size(); ++n) {
                const auto node = static_cast<NodeIndex>(n);
                if (description_.node(node).compatible.empty()) continue;
                names.push_back(firmware::linux_device_name(description_, node));
            }
            if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
            add(fmt::format("kernel.modules[{}].device", i), fmt::format("there is no device '{}'", wanted),
                "a node's path or a device's Linux name", nearest_name(wanted, names).value_or(""));
        }
    }
};

}  // namespace

void assemble_kernel(AssemblyWork& work) { KernelPart(work).assemble(); }

}  // namespace xlate::study
