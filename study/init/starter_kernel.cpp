#include "study/init/starter_kernel.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "study/init/starter_text.hpp"

namespace xlate::study {
namespace {

constexpr std::string_view kDefaultVariant = "linux-6.12";
constexpr const char* kDigits = "0123456789";

}  // namespace

ParameterLines parameter_lines(const CommandLineWords& words, kernel::Arch arch) {
    const KernelCommandLine command_line = read_command_line(words, arch);
    std::string list;
    for (const auto& [name, value] : command_line.parameters) {
        const bool simple = value.find_first_not_of("0123456789") == std::string::npos;
        list += fmt::format("{}{}: {}", list.empty() ? "" : ", ", name, simple ? value : in_quotes(value));
    }
    ParameterLines lines;
    if (!list.empty()) lines.key = "  parameters: { " + list + " }\n";
    for (const std::string& one : command_line.idle) lines.comments += "  # note: " + remark(one) + "\n";
    if (!command_line.other.empty())
        lines.comments += fmt::format("  # kernel parameters that touch nothing here: {}\n",
                                      remark(fmt::format("{}", fmt::join(command_line.other, ", "))));
    return lines;
}

std::string page_size_line(const std::string& name) {
    for (const auto& [suffix, size] : {std::pair("-16k", "16 KiB"), std::pair("-64k", "64 KiB")}) {
        if (name.find(suffix) != std::string::npos) return fmt::format("  page_size: {}\n", size);
    }
    return {};
}

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
    const kernel::ReleaseVariant chosen = kernel::variant_of_release(*release);
    if (chosen.why.empty()) return {chosen.variant, ""};
    return {chosen.variant, fmt::format("Linux {}.{} is no variant; {} stands for it: {}", release->major,
                                        release->minor, chosen.variant, chosen.why)};
}

std::string plain_kernel() {
    return fmt::format(
        "\nkernel:\n  variant: {}\n"
        "  # cpus: 4                              # default: as many as the firmware has\n"
        "  # parameters: {{ iommu.passthrough: 0, iommu.strict: 1, deferred_probe_timeout: 10 }}\n",
        kDefaultVariant);
}

}  // namespace xlate::study
