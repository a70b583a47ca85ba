#include "study/config/kernel_parameters.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/quantity.hpp"

namespace xlate::study {

std::optional<Diagnostic> read_kernel_parameter(const std::string& name, const std::string& text,
                                                kernel::KernelParameters& parameters) {
    static const std::vector<std::string> kKnown{"iommu.passthrough",        "iommu.strict",
                                                 "deferred_probe_timeout",   "arm-smmu-v3.disable_bypass",
                                                 "arm-smmu-v3.invalidation", "arm-smmu-v3.all_from_pages"};
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '_', '-');
    const auto wrong = [&](const char* expected) -> std::optional<Diagnostic> {
        return Diagnostic{{}, "", fmt::format("found '{}'", text), expected, ""};
    };
    const auto flag = [&](auto& field) -> std::optional<Diagnostic> {
        if (text == "1" || text == "y" || text == "on" || text == "true") {
            field = true;
        } else if (text == "0" || text == "n" || text == "off" || text == "false") {
            field = false;
        } else {
            return wrong("0 or 1");
        }
        return std::nullopt;
    };
    if (plain == "iommu.passthrough") return flag(parameters.iommu_passthrough);
    if (plain == "iommu.strict") return flag(parameters.iommu_strict);
    if (plain == "arm-smmu-v3.disable-bypass") return flag(parameters.smmu_v3_disable_bypass);
    if (plain == "arm-smmu-v3.invalidation") {
        using Invalidation = kernel::KernelParameters::Invalidation;
        if (text != "linux" && text != "single" && text != "all") return wrong("linux, single or all");
        parameters.smmu_v3_invalidation = text == "linux"    ? Invalidation::linux_choice
                                          : text == "single" ? Invalidation::single
                                                             : Invalidation::all;
        return std::nullopt;
    }
    if (plain == "arm-smmu-v3.all-from-pages") {
        const Parsed<std::uint64_t> pages = parse_integer(text);
        if (!pages) return wrong("pages; 0: never");
        parameters.smmu_v3_all_from_pages = pages.value();
        return std::nullopt;
    }
    if (plain == "deferred-probe-timeout") {
        const Parsed<std::uint64_t> seconds = parse_integer(text);
        if (!seconds || seconds.value() > 1'000'000) return wrong("seconds");
        parameters.deferred_probe_timeout_s = static_cast<unsigned>(seconds.value());
        return std::nullopt;
    }
    return Diagnostic{{},
                      "",
                      "this kernel parameter has no meaning here",
                      fmt::format("one of {}", fmt::join(kKnown, ", ")),
                      nearest_name(name, kKnown).value_or("")};
}

}  // namespace xlate::study
