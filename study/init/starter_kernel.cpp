#include "study/init/starter_kernel.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kernel-model/iommu-core/variant.hpp"
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
    const unsigned number = release->number();
    const std::string own = fmt::format("linux-{}.{}", release->major, release->minor);
    // c41e2fb67e26 in stable releases (docs/spec/probe-reports.md sections 1 and 3).
    const unsigned patch = release->patch.value_or(0);
    if (number == 612 && patch >= 75 && patch <= 77) return {"linux-6.12.75", ""};
    if (number == 618 && patch >= 16) return {own + "+acs_in_dma_configure", ""};
    if (number == 615) return {patch == 0 ? "mainline-6.15" : "mainline-6.15.1", ""};
    const kernel::Variant* newest = nullptr;  // of Debian's, before it
    const std::string mainline = fmt::format("mainline-{}.{}", release->major, release->minor);
    for (const kernel::Variant& variant : kernel::variants()) {
        if (variant.name == own || variant.name == mainline) return {variant.name, ""};
        if (variant.name.rfind("linux-", 0) == 0 && variant.release <= number && variant.release > 612 &&
            (newest == nullptr || variant.release > newest->release))
            newest = &variant;
    }
    const auto no_variant = [&](std::string_view taken, std::string_view why) {
        return ChosenVariant{std::string(taken), fmt::format("Linux {}.{} is no variant; this one is {}",
                                                             release->major, release->minor, why)};
    };
    constexpr std::string_view kBefore = "the nearest before it";
    if (number < 601) return no_variant("linux-6.1", "the oldest that there is");
    if (newest != nullptr) return no_variant(newest->name, kBefore);
    return no_variant(number < 602    ? "linux-6.1"
                      : number < 608  ? "base"
                      : number < 611  ? "mainline-6.8"
                      : number == 611 ? "mainline-6.11"
                                      : "linux-6.12",
                      kBefore);
}

std::string plain_kernel() {
    return fmt::format(
        "\nkernel:\n  variant: {}\n"
        "  # cpus: 4                              # default: as many as the firmware has\n"
        "  # parameters: {{ iommu.passthrough: 0, iommu.strict: 1, deferred_probe_timeout: 10 }}\n",
        kDefaultVariant);
}

}  // namespace xlate::study
