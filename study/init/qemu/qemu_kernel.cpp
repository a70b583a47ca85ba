#include "study/init/qemu/qemu_kernel.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "kernel-model/clients/client_modules.hpp"
#include "kernel-model/drivers/initcalls.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/command_line.hpp"
#include "study/init/qemu/qemu_machine.hpp"
#include "study/init/starter_kernel.hpp"
#include "study/init/starter_text.hpp"

namespace xlate::study {
namespace {

/// From one module of an init script to the next: in the recorded boots some 30 to 500 ms. Long enough for the work
/// that the module before has left to a worker (the deferred devices).
constexpr std::string_view kNextModule = "10 ms";

/// Of a kernel without a version the first variant that has drivers for all IOMMUs of the machine.
ChosenVariant variant_of_machine(const std::string& kernel, const firmware::Description& description) {
    ChosenVariant chosen = variant_of_kernel(kernel);
    const kernel::IommuDriver* newest = nullptr;  // that the machine has a use for
    for (const firmware::Node& node : description.nodes) {
        if (!node.reachable) continue;
        for (const kernel::IommuDriver& driver : kernel::iommu_drivers()) {
            if (driver.binds_to(node) && (newest == nullptr || driver.first_release > newest->first_release))
                newest = &driver;
        }
    }
    if (newest == nullptr || kernel::find_variant(chosen.variant).release >= newest->first_release) return chosen;
    const std::string since =
        fmt::format("{} is of Linux {}.{}", newest->name, newest->first_release / 100, newest->first_release % 100);
    if (kernel_release_of(kernel)) {
        chosen.note += (chosen.note.empty() ? "" : "; ") + since + ": this kernel has no driver for the IOMMU";
        return chosen;
    }
    const kernel::Variant* first = nullptr;  // of several of one release the last one, with its repairs
    for (const kernel::Variant& variant : kernel::variants()) {
        const bool released = variant.name.rfind("linux-", 0) == 0 || variant.name.rfind("mainline-", 0) == 0;
        if (!released || !variant.runnable || variant.release < newest->first_release) continue;
        if (first == nullptr || variant.release <= first->release) first = &variant;
    }
    if (first == nullptr) return chosen;
    return {first->name, since + ": the first variant that has it"};
}

struct Module {
    std::string name;
    std::string delay = std::string(kNextModule);
};

class KernelWriter {
public:
    KernelWriter(const QemuCommand& command, const firmware::Description& description)
        : command_(command), in_(description), arch_(qemu_machine(command).arch) {}

    std::string write() {
        line("\nkernel:");
        const ChosenVariant chosen = variant_of_machine(command_.kernel, in_);
        const std::string colon = command_.kernel.empty() || chosen.note.empty() ? "" : ": ";
        const std::string comment = command_.kernel + colon + chosen.note;
        line(fmt::format("  variant: {}{}", chosen.variant, comment.empty() ? "" : "   # " + remark(comment)));
        if (arch_ != kernel::Arch::arm64)
            line(fmt::format("  arch: {}   # {}", kernel::arch_names()[static_cast<std::size_t>(arch_)],
                             remark(command_.program)));
        line(fmt::format("  cpus: {}", command_.cpus.value_or(1)));
        out_ += page_size_line(command_.kernel.substr(command_.kernel.find_last_of('/') + 1));
        modules(chosen.variant);
        build();
        parameters();
        return std::move(out_);
    }

private:
    void line(std::string_view text) { (out_ += text) += '\n'; }

    /// The last value of a parameter on the command line; '-' and '_' are the same.
    std::optional<std::string> parameter(std::string_view name) const {
        std::optional<std::string> found;
        for (const auto& [key, value] : command_.append) {
            if (same_parameter(key, name)) found = value;
        }
        return found;
    }
    /// The kernel's name has this in it.
    bool says(std::string_view text) const {
        return command_.kernel.substr(command_.kernel.find_last_of('/') + 1).find(text) != std::string::npos;
    }

    /// Its name is one that Debian gives: "6.12.107+deb13-arm64", "6.1.0-50-armmp".
    bool is_debian() const {
        if (says("+deb")) return true;
        const std::size_t abi = command_.kernel.rfind(".0-");
        if (abi == std::string::npos) return false;
        const std::size_t end = command_.kernel.find_first_not_of("0123456789", abi + 3);
        return end != std::string::npos && end > abi + 3 && command_.kernel[end] == '-';
    }

    /// Modules of the IOMMU drivers that this kernel has not built in, or is told to leave out.
    std::vector<std::string> iommu_modules() const {
        std::vector<std::string> taken_out;
        const std::string blacklist = parameter("initcall_blacklist").value_or("");
        bool unknown = false;
        for (std::size_t at = 0; at < blacklist.size();) {
            const std::size_t end = std::min(blacklist.find(',', at), blacklist.size());
            const std::string initcall = blacklist.substr(at, end - at);
            // A driver that is taken out of the kernel is one that an init script loads as a module.
            const auto all = kernel::driver_initcalls();
            const auto* const known = std::find_if(
                all.begin(), all.end(), [&](const kernel::DriverInitcall& one) { return one.initcall == initcall; });
            if (known != all.end()) taken_out.emplace_back(known->module);
            unknown = unknown || known == all.end();
            at = end + 1;
        }
        std::vector<std::string> modules;
        for (const kernel::IommuDriver& driver : kernel::iommu_drivers()) {
            const std::string module(driver.module);
            const bool here = std::any_of(in_.nodes.begin(), in_.nodes.end(),
                                          [&](const firmware::Node& node) { return driver.binds_to(node); });
            if (!here) continue;
            const bool absent = arch_ == kernel::Arch::arm64 && is_debian() && kernel::absent_in_debian_arm64(module);
            const bool out = std::any_of(taken_out.begin(), taken_out.end(),
                                         [&](const std::string& one) { return same_parameter(one, module); });
            const bool listed = std::find(modules.begin(), modules.end(), module) != modules.end();
            if (!listed && (absent || out || unknown)) modules.push_back(module);
        }
        return modules;
    }

    void build() {
        std::vector<std::string> options;
        if (arch_ == kernel::Arch::arm && says("lpae")) options.emplace_back("ARM_LPAE: y");
        const std::vector<std::string> own = iommu_modules();
        const bool legacy = std::any_of(in_.nodes.begin(), in_.nodes.end(),
                                        [](const firmware::Node& node) { return node.has("mmu-masters"); });
        // No kernel of Debian's has it: a module that a tree of that kind is booted with does.
        if (legacy && std::find(own.begin(), own.end(), "arm-smmu") != own.end())
            options.emplace_back("ARM_SMMU_LEGACY_DT_BINDINGS: y");
        if (!options.empty()) line(fmt::format("  build: {{ {} }}", fmt::join(options, ", ")));
    }

    /// What the init script of our corpus is told: `pmon=DEVICES`, `rebind=DEVICES`.
    void after_boot() {
        std::vector<std::string> steps;
        for (const auto& [key, step] : {std::pair("pmon", "power_on"), std::pair("rebind", "rebind")}) {
            const std::string names = parameter(key).value_or("");
            for (std::size_t at = 0; at < names.size();) {
                const std::size_t end = std::min(names.find(',', at), names.size());
                if (end > at) steps.push_back(fmt::format("{{ {}: {} }}", step, in_quotes(names.substr(at, end - at))));
                at = end + 1;
            }
        }
        if (!steps.empty()) line(fmt::format("  after_boot: [ {} ]", fmt::join(steps, ", ")));
    }

    /// Debian's kernels: what is a module, in the order in which an init script loads it.
    void modules(const std::string& variant) {
        struct Known {
            const char* name;
            bool in_6_1;
            bool in_6_12;
        };
        static constexpr Known kModules[] = {{"virtio-pci", true, false},  // built in
                                             {"virtio-mmio", true, true}, {"virtio-iommu", false, true},
                                             {"virtio-net", true, true},  {"virtio-blk", true, true},
                                             {"e1000e", true, true},      {"nvme", true, true}};
        std::vector<Module> list;
        // One that the init script is told to wait for comes last.
        const std::string late = parameter("predelay").value_or("");
        const std::string late_name = late.substr(0, late.find(':'));
        const std::vector<std::string> own = iommu_modules();
        // A name that no module here has is of the driver that was brought along.
        const bool brought =
            !late.empty() && late_name.rfind("virtio", 0) != 0 &&
            std::none_of(std::begin(kModules), std::end(kModules),
                         [&](const Known& one) { return same_parameter(one.name, late_name); }) &&
            std::none_of(own.begin(), own.end(), [&](const auto& one) { return same_parameter(one, late_name); });
        const auto is_late = [&](const std::string& module) { return brought || same_parameter(module, late_name); };
        for (const std::string& module : own) {
            if (!is_late(module)) list.push_back({module});
        }
        for (const Known& module : kModules) {
            if (variant == "linux-6.1" && !module.in_6_1) continue;
            if (variant != "linux-6.1" && !module.in_6_12) continue;
            list.push_back({module.name});
            if (same_parameter(module.name, "virtio-mmio") && has_rng()) list.push_back({"virtio-rng"});
        }
        for (const std::string& module : kernel::client_modules(in_)) list.push_back({module});
        for (const std::string& module : own) {
            if (is_late(module)) list.push_back({module});
        }
        list.front().delay = "0 ns";
        line("  modules:                               # one after the other, as the init script loads them");
        delay(list, brought ? own : std::vector<std::string>{late_name});
        for (std::size_t i = 0; i < list.size(); ++i) {
            line(fmt::format("    - {{ name: {}, at: {}{} }}", list[i].name, list[i].delay,
                             i == 0 ? "" : ", after_previous: true"));
        }
    }

    bool has_rng() const {
        return std::any_of(command_.devices.begin(), command_.devices.end(),
                           [](const QemuOption& device) { return device.head == "virtio-rng-device"; });
    }

    /// `predelay=MODULE:SECONDS`, of the init script of our corpus: it waits before it loads that module.
    void delay(std::vector<Module>& list, const std::vector<std::string>& names) const {
        const std::string wanted = parameter("predelay").value_or("");
        const std::size_t colon = wanted.find(':');
        if (colon == std::string::npos) return;
        const Parsed<std::uint64_t> seconds = parse_integer(wanted.substr(colon + 1));
        if (!seconds || seconds.value() > 3600) return;
        for (Module& module : list) {
            if (std::any_of(names.begin(), names.end(),
                            [&](const std::string& one) { return same_parameter(module.name, one); }))
                module.delay = fmt::format("{} s", seconds.value());
        }
    }

    void parameters() {
        CommandLineWords words = command_.append;
        const auto taken_over = [](const auto& word) {  // as modules and steps
            constexpr std::string_view kNames[] = {"predelay", "initcall_blacklist", "pmon", "rebind"};
            return std::any_of(std::begin(kNames), std::end(kNames),
                               [&](std::string_view name) { return same_parameter(word.first, name); });
        };
        words.erase(std::remove_if(words.begin(), words.end(), taken_over), words.end());
        const ParameterLines lines = parameter_lines(words, arch_);
        after_boot();
        out_ += lines.key + lines.comments;
    }

    const QemuCommand& command_;
    const firmware::Description& in_;
    kernel::Arch arch_;
    std::string out_;
};

}  // namespace

std::string qemu_kernel(const QemuCommand& command, const firmware::Description& description) {
    return KernelWriter(command, description).write();
}

}  // namespace xlate::study
