#include "study/init/init_kernel.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "study/config/kernel_parameters.hpp"
#include "study/init/init_text.hpp"

namespace xlate::study {
namespace {

constexpr std::string_view kDefaultVariant = "linux-6.12";
constexpr const char* kDigits = "0123456789";

kernel::Arch arch_of(const std::string& program) {
    const std::string name = program.substr(program.find_last_of('/') + 1);
    const auto ends = [&](std::string_view end) {
        return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
    };
    if (ends("-arm")) return kernel::Arch::arm;
    if (ends("-riscv64") || ends("-riscv32")) return kernel::Arch::riscv;
    if (ends("-x86_64") || ends("-i386")) return kernel::Arch::x86;
    return kernel::Arch::arm64;
}

/// A driver that `initcall_blacklist` takes out of the kernel is one that an init script loads as a module.
struct BlacklistedDriver {
    std::string_view initcall;
    std::string_view module;
};
constexpr BlacklistedDriver kBlacklisted[] = {
    {"rk_iommu_driver_init", "rockchip-iommu"},   {"rk_iommu_init", "rockchip-iommu"},
    {"arm_smmu_driver_init", "arm-smmu"},         {"arm_smmu_v3_driver_init", "arm-smmu-v3"},
    {"sun50i_iommu_driver_init", "sun50i-iommu"}, {"qcom_iommu_init", "qcom-iommu"},
    {"mtk_iommu_driver_init", "mtk-iommu"},       {"tegra_mc_init", "tegra-mc"},
};

struct Module {
    std::string name;
    std::string delay = "0 ns";
};

class KernelWriter {
public:
    explicit KernelWriter(const QemuCommand& command) : command_(command), arch_(arch_of(command.program)) {}

    std::string write() {
        line("\nkernel:");
        const ChosenVariant chosen = variant_of_kernel(command_.kernel);
        const std::string note = chosen.note.empty() ? "" : ": " + chosen.note;
        line(fmt::format("  variant: {}{}", chosen.variant,
                         command_.kernel.empty() ? "" : "   # " + remark(command_.kernel) + note));
        if (arch_ != kernel::Arch::arm64)
            line(fmt::format("  arch: {}   # {}", kernel::arch_names()[static_cast<std::size_t>(arch_)],
                             remark(command_.program)));
        line(fmt::format("  cpus: {}", command_.cpus.value_or(1)));
        modules(chosen.variant);
        parameters();
        return std::move(out_);
    }

private:
    void line(std::string_view text) { (out_ += text) += '\n'; }

    /// The last value of a parameter on the command line; '-' and '_' are the same.
    std::optional<std::string> parameter(std::string_view name) const {
        std::optional<std::string> found;
        for (const auto& [key, value] : command_.append) {
            if (same(key, name)) found = value;
        }
        return found;
    }
    static bool same(std::string_view a, std::string_view b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                          [](char x, char y) { return (x == '_' ? '-' : x) == (y == '_' ? '-' : y); });
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
        const std::string blacklist = "," + parameter("initcall_blacklist").value_or("") + ",";
        for (const BlacklistedDriver& one : kBlacklisted) {
            if (blacklist.find(fmt::format(",{},", one.initcall)) != std::string::npos)
                list.push_back({std::string(one.module)});
        }
        for (const Known& module : kModules) {
            if (variant == "linux-6.1" && !module.in_6_1) continue;
            if (variant != "linux-6.1" && !module.in_6_12) continue;
            list.push_back({module.name});
        }
        line("  modules:                               # one after the other, as the init script loads them");
        delay(list);
        for (std::size_t i = 0; i < list.size(); ++i) {
            line(fmt::format("    - {{ name: {}, at: {}{} }}", list[i].name, list[i].delay,
                             i == 0 ? "" : ", after_previous: true"));
        }
    }

    /// `predelay=MODULE:SECONDS`, of the init script of our corpus: it waits before it loads that module.
    void delay(std::vector<Module>& list) const {
        const std::string wanted = parameter("predelay").value_or("");
        const std::size_t colon = wanted.find(':');
        if (colon == std::string::npos) return;
        const Parsed<std::uint64_t> seconds = parse_integer(wanted.substr(colon + 1));
        if (!seconds || seconds.value() > 3600) return;
        for (Module& module : list) {
            if (same(module.name, wanted.substr(0, colon))) module.delay = fmt::format("{} s", seconds.value());
        }
    }

    void parameters() {
        std::string list;
        std::vector<std::string> done;
        std::vector<std::string> other;
        std::vector<std::string> idle;
        for (auto at = command_.append.rbegin(); at != command_.append.rend(); ++at) {  // the last one counts
            const std::vector<std::string>& names = kernel_parameter_names();
            const auto known =
                std::find_if(names.begin(), names.end(), [&](const std::string& one) { return same(one, at->first); });
            const std::string& name = known == names.end() ? at->first : *known;
            if (std::find(done.begin(), done.end(), name) != done.end()) continue;
            done.push_back(name);
            const std::string written = at->second.empty() ? at->first : at->first + "=" + at->second;
            if (known == names.end()) {
                if (same(name, "predelay") || same(name, "initcall_blacklist")) continue;  // taken over as modules
                const std::optional<std::string> what = idle_kernel_parameter(name, arch_);
                if (what) {
                    idle.push_back(fmt::format("kernel parameter '{}' {}", written, *what));
                } else {
                    other.push_back(at->first);
                }
                continue;
            }
            const bool simple = !at->second.empty() && at->second.find_first_not_of("0123456789") == std::string::npos;
            list =
                fmt::format("{}: {}{}{}", name, simple ? at->second : in_quotes(at->second.empty() ? "1" : at->second),
                            list.empty() ? "" : ", ", list);
        }
        if (!list.empty()) line("  parameters: { " + list + " }");
        for (auto one = idle.rbegin(); one != idle.rend(); ++one) line("  # note: " + remark(*one));
        std::reverse(other.begin(), other.end());
        if (!other.empty())
            line("  # kernel parameters that touch nothing here: " + remark(fmt::format("{}", fmt::join(other, ", "))));
    }

    const QemuCommand& command_;
    kernel::Arch arch_;
    std::string out_;
};

}  // namespace

std::optional<KernelRelease> kernel_release_of(const std::string& kernel) {
    const std::string name = kernel.substr(kernel.find_last_of('/') + 1);
    const std::size_t at = name.find_first_of(kDigits);
    if (at == std::string::npos) return std::nullopt;
    const std::size_t dot = name.find_first_not_of(kDigits, at);
    if (dot == std::string::npos || name[dot] != '.' || dot - at > 3) return std::nullopt;
    const std::size_t end = std::min(name.find_first_not_of(kDigits, dot + 1), name.size());
    if (end == dot + 1 || end - dot > 4) return std::nullopt;
    KernelRelease release;
    release.major = static_cast<unsigned>(std::stoul(name.substr(at, dot - at)));
    release.minor = static_cast<unsigned>(std::stoul(name.substr(dot + 1, end - dot - 1)));
    if (end < name.size() && name[end] == '.') {
        const std::size_t last = std::min(name.find_first_not_of(kDigits, end + 1), name.size());
        if (last > end + 1 && last - end <= 6)
            release.patch = static_cast<unsigned>(std::stoul(name.substr(end + 1, last - end - 1)));
    }
    return release;
}

ChosenVariant variant_of_kernel(const std::string& kernel) {
    const std::optional<KernelRelease> release = kernel_release_of(kernel);
    if (kernel.empty()) return {std::string(kDefaultVariant), ""};
    if (!release) return {std::string(kDefaultVariant), "its name says no version; " + std::string(kDefaultVariant)};
    const unsigned number = release->number();
    const std::string own = fmt::format("linux-{}.{}", release->major, release->minor);
    // c41e2fb67e26 in stable releases (docs/spec/probe-reports.md sections 1 and 3).
    const unsigned patch = release->patch.value_or(0);
    if (number == 612 && patch >= 75 && patch <= 77) return {"linux-6.12.75", ""};
    if (number == 618 && patch >= 16) return {own + "+acs_in_dma_configure", ""};
    const kernel::Variant* newest = nullptr;  // of Debian's, before it
    for (const kernel::Variant& variant : kernel::variants()) {
        if (variant.name == own) return {own, ""};
        if (variant.name.rfind("linux-", 0) == 0 && variant.release <= number && variant.release > 612 &&
            (newest == nullptr || variant.release > newest->release))
            newest = &variant;
    }
    if (newest != nullptr)
        return {newest->name, fmt::format("Linux {}.{} is no variant; this one is the nearest before it",
                                          release->major, release->minor)};
    const std::string_view nearest = number < 602    ? "linux-6.1"
                                     : number < 608  ? "base"
                                     : number < 611  ? "mainline-6.8"
                                     : number == 611 ? "mainline-6.11"
                                     : number < 615  ? "linux-6.12"
                                                     : "mainline-6.15.1";
    return {std::string(nearest), fmt::format("Linux {}.{} is no variant; this one is the nearest before it",
                                              release->major, release->minor)};
}

std::string init_kernel(const QemuCommand* command) {
    if (command != nullptr) return KernelWriter(*command).write();
    return fmt::format(
        "\nkernel:\n  variant: {}\n"
        "  # cpus: 4                              # default: as many as the firmware has\n"
        "  # parameters: {{ iommu.passthrough: 0, iommu.strict: 1, deferred_probe_timeout: 10 }}\n",
        kDefaultVariant);
}

}  // namespace xlate::study
