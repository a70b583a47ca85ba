#include "study/config/kernel_parameters.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "kernel-model/driver-core/driver_core.hpp"
#include "study/config/acs_parameters.hpp"

namespace xlate::study {
namespace {

constexpr const char* kPciParameter =
    "config_acs=FLAGS@DEVICE[;FLAGS@DEVICE] or disable_acs_redir=DEVICE[;DEVICE], by commas";
constexpr const char* kAcsOverride = "downstream, multifunction, id:VENDOR:DEVICE, by commas";

/// "65536", "force", "65536,force", "65536,4,noforce": slots of 2 KiB, areas (not modelled), mode.
std::optional<Diagnostic> read_swiotlb(const std::string& text, kernel::KernelParameters& parameters) {
    using Swiotlb = kernel::KernelParameters::Swiotlb;
    unsigned numbers = 0;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string part = text.substr(at, comma - at);
        const Parsed<std::uint64_t> number = parse_integer(part);
        if (part == "force") {
            parameters.swiotlb = Swiotlb::force;
        } else if (part == "noforce") {
            parameters.swiotlb = Swiotlb::noforce;
        } else if (number && number.value() <= (std::uint64_t{1} << 24) && numbers < 2) {
            if (numbers++ == 0) parameters.swiotlb_slots = number.value();
        } else {
            return Diagnostic{{}, "", fmt::format("found '{}'", text), "slots of 2 KiB, force, noforce, by commas", ""};
        }
        at = comma + 1;
    }
    return std::nullopt;
}

/// Linux lib/kstrtox.c, kstrtobool(): the first letter decides; of "on" and "off" the second.
std::optional<bool> kstrtobool(const std::string& text) {
    if (text.empty()) return std::nullopt;
    switch (text[0]) {
        case 'y':
        case 'Y':
        case 't':
        case 'T':
        case '1':
            return true;
        case 'n':
        case 'N':
        case 'f':
        case 'F':
        case '0':
            return false;
        case 'o':
        case 'O':
            break;
        default:
            return std::nullopt;
    }
    if (text.size() < 2) return std::nullopt;
    if (text[1] == 'n' || text[1] == 'N') return true;
    if (text[1] == 'f' || text[1] == 'F') return false;
    return std::nullopt;
}

/// Parameters that people give for IOMMUs, and that do nothing in this model or on this architecture.
struct IdleParameter {
    std::string_view name;      ///< '-' for '_'
    bool on_x86;                ///< read by x86 alone
    std::string_view sentence;  ///< of what it is
};
constexpr IdleParameter kIdle[] = {
    {"iommu", true, "only x86 reads it; elsewhere 'iommu.passthrough=1' is what 'iommu=pt' is there"},
    {"intel-iommu", true, "an option of VT-d's driver"},
    {"amd-iommu", true, "an option of AMD-Vi's driver"},
    {"amd-iommu-dump", true, "what AMD-Vi's driver prints"},
    {"intremap", true, "interrupt remapping of x86"},
    {"arm-smmu-v3.disable-msipolling", false, "whether a CMD_SYNC is polled or awaited"},
    {"smmu.bypassdev", false, "no kernel.org kernel knows it: of a vendor's kernel"},
    {"iommu.forcedac", false, "whether IOVAs begin above 4 GiB at once"},
    {"iommu.debug-pagealloc", false, "a check of freed pages"},
    {"iommu.prq-timeout", false, "of page requests"},
    {"driver-async-probe", false, "which drivers probe asynchronously"},
    {"initcall-blacklist", false, "initcalls that are left out"},
    {"modprobe.blacklist", false, "modules that modprobe does not load; insmod does"},
    {"vfio-iommu-type1.allow-unsafe-interrupts", false, "of VFIO"},
    {"pcie-ports", false, "whether PCIe ports get a driver and services: they do"},
    {"nosmp", false, "how many CPUs start: `kernel.cpus`"},
    {"maxcpus", false, "how many CPUs start: `kernel.cpus`"},
    {"nr-cpus", false, "how many CPUs start: `kernel.cpus`"},
    {"cma", false, "the size of contiguous memory for DMA"},
    {"coherent-pool", false, "the size of the pool of atomic DMA allocations"},
    {"dma-debug", false, "checks of the DMA API's use"},
    {"kpti", false, "page tables of the CPU"},
};

/// Options of x86's parameters, which stand by commas. Those without an effect here are legal.
struct X86Option {
    std::string_view parameter;  ///< '-' for '_'
    std::string_view option;
    void (*apply)(kernel::KernelParameters& parameters);
};
void nothing(kernel::KernelParameters&) {}
constexpr X86Option kX86Options[] = {
    {"iommu", "off", [](kernel::KernelParameters& p) { p.x86.iommu = false; }},
    {"iommu", "on", nothing},
    {"iommu", "force", nothing},
    {"iommu", "noforce", nothing},
    {"iommu", "soft", nothing},
    {"iommu", "merge", nothing},
    {"iommu", "nomerge", nothing},
    {"iommu", "pt", [](kernel::KernelParameters& p) { p.iommu_passthrough = true; }},
    {"iommu", "nopt", [](kernel::KernelParameters& p) { p.iommu_passthrough = false; }},
    {"intel-iommu", "on", [](kernel::KernelParameters& p) { p.x86.intel = true; }},
    {"intel-iommu", "off", [](kernel::KernelParameters& p) { p.x86.intel = false; }},
    {"intel-iommu", "igfx_off", [](kernel::KernelParameters& p) { p.x86.intel_graphics = false; }},
    {"intel-iommu", "strict", [](kernel::KernelParameters& p) { p.iommu_strict = true; }},
    {"intel-iommu", "sp_off", [](kernel::KernelParameters& p) { p.x86.intel_superpages = false; }},
    {"intel-iommu", "sm_on", [](kernel::KernelParameters& p) { p.x86.intel_scalable = true; }},
    {"intel-iommu", "sm_off", [](kernel::KernelParameters& p) { p.x86.intel_scalable = false; }},
    {"intel-iommu", "tboot_noforce", nothing},
    {"amd-iommu", "off", [](kernel::KernelParameters& p) { p.x86.amd = false; }},
    {"amd-iommu", "on", [](kernel::KernelParameters& p) { p.x86.amd = true; }},
    {"amd-iommu", "pgtbl_v1", [](kernel::KernelParameters& p) { p.x86.amd_v2 = false; }},
    {"amd-iommu", "pgtbl_v2", [](kernel::KernelParameters& p) { p.x86.amd_v2 = true; }},
    {"amd-iommu", "fullflush", [](kernel::KernelParameters& p) { p.iommu_strict = true; }},
    {"intremap", "on", [](kernel::KernelParameters& p) { p.x86.intremap = true; }},
    {"intremap", "off", [](kernel::KernelParameters& p) { p.x86.intremap = false; }},
    {"intremap", "nosid", nothing},
};

std::optional<Diagnostic> read_x86(const std::string& plain, const std::string& text,
                                   kernel::KernelParameters& parameters) {
    std::vector<std::string> options;
    for (const X86Option& one : kX86Options) {
        if (one.parameter == plain) options.emplace_back(one.option);
    }
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string part = text.substr(at, comma - at);
        const auto found = std::find_if(std::begin(kX86Options), std::end(kX86Options), [&](const X86Option& one) {
            return one.parameter == plain && one.option == part;
        });
        if (found == std::end(kX86Options)) {
            return Diagnostic{{},
                              "",
                              fmt::format("found '{}'", part),
                              fmt::format("{}, by commas", fmt::join(options, ", ")),
                              nearest_name(part, options).value_or("")};
        }
        found->apply(parameters);
        at = comma + 1;
    }
    return std::nullopt;
}

}  // namespace

const std::vector<std::string>& kernel_parameter_names(kernel::Arch arch) {
    static const std::vector<std::string> kKnown{"iommu.passthrough",
                                                 "iommu.strict",
                                                 "deferred_probe_timeout",
                                                 "arm-smmu-v3.disable_bypass",
                                                 "arm-smmu.disable_bypass",
                                                 "arm-smmu.force_stage",
                                                 "arm-smmu-v3.invalidation",
                                                 "arm-smmu-v3.all_from_pages",
                                                 "fw_devlink",
                                                 "fw_devlink.strict",
                                                 "swiotlb",
                                                 "pci",
                                                 "module_blacklist",
                                                 "pcie_acs_override"};
    static const std::vector<std::string> kOnX86 = [] {
        std::vector<std::string> all = kKnown;
        for (const char* const name : {"iommu", "intel_iommu", "amd_iommu", "intremap"}) all.emplace_back(name);
        return all;
    }();
    return arch == kernel::Arch::x86 ? kOnX86 : kKnown;
}

std::optional<std::string> idle_kernel_parameter(const std::string& name, kernel::Arch arch) {
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '_', '-');
    for (const IdleParameter& one : kIdle) {
        if (one.name != plain) continue;
        if (one.on_x86 && arch != kernel::Arch::x86)
            return fmt::format("means nothing on this architecture: {}", one.sentence);
        return fmt::format("is not modelled: {}", one.sentence);
    }
    for (const std::string_view part : {"iommu", "smmu", "acs", "dma", "vfio", "ats", "pasid"}) {
        if (plain.find(part) != std::string::npos) return "is not known here";
    }
    return std::nullopt;
}

std::optional<std::string> retired_kernel_parameter(const std::string& name, unsigned release) {
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '_', '-');
    if (plain != "arm-smmu-v3.disable-bypass" || release < kernel::kFirstReleaseWithoutDisableBypass)
        return std::nullopt;
    return "it means nothing from Linux 6.10 on (734554fdfce6): streams without a domain abort";
}

std::optional<Diagnostic> read_build_option(const std::string& name, const std::string& text,
                                            kernel::KernelParameters& parameters) {
    static const std::vector<std::string> kNames{"ARM_LPAE", "ARM_SMMU_LEGACY_DT_BINDINGS"};
    const std::string plain = name.rfind("CONFIG_", 0) == 0 ? name.substr(7) : name;
    bool* const field = plain == kNames[0]   ? &parameters.arm_lpae
                        : plain == kNames[1] ? &parameters.arm_smmu_legacy_bindings
                                             : nullptr;
    if (field == nullptr) {
        return Diagnostic{{},
                          "",
                          "no option of the kernel's build that has a meaning here",
                          fmt::format("one of {}", fmt::join(kNames, ", ")),
                          nearest_name(plain, kNames).value_or("")};
    }
    const bool yes = text == "y" || text == "1" || text == "true";
    if (!yes && text != "n" && text != "0" && text != "false")
        return Diagnostic{{}, "", fmt::format("found '{}'", text), "y or n", ""};
    *field = yes;
    return std::nullopt;
}

std::optional<Diagnostic> read_kernel_parameter(const std::string& name, const std::string& text,
                                                kernel::KernelParameters& parameters, kernel::Arch arch) {
    const std::vector<std::string>& known = kernel_parameter_names(arch);
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '_', '-');
    const auto wrong = [&](const char* expected) -> std::optional<Diagnostic> {
        return Diagnostic{{}, "", fmt::format("found '{}'", text), expected, ""};
    };
    const auto flag = [&](auto& field) -> std::optional<Diagnostic> {
        if (const std::optional<bool> value = kstrtobool(text)) {
            field = *value;
        } else {
            return wrong("0 or 1");
        }
        return std::nullopt;
    };
    if (arch == kernel::Arch::x86) {
        for (const X86Option& one : kX86Options) {
            if (plain == one.parameter) return read_x86(plain, text, parameters);
        }
    }
    if (plain == "iommu.passthrough") return flag(parameters.iommu_passthrough);
    if (plain == "iommu.strict") return flag(parameters.iommu_strict);
    if (plain == "arm-smmu-v3.disable-bypass") return flag(parameters.smmu_v3_disable_bypass);
    if (plain == "arm-smmu.disable-bypass") return flag(parameters.arm_smmu_disable_bypass);
    if (plain == "arm-smmu.force-stage") {
        if (text != "0" && text != "1" && text != "2") return wrong("0 (the driver's choice), 1 or 2");
        parameters.arm_smmu_force_stage = static_cast<unsigned>(text[0] - '0');
        return std::nullopt;
    }
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
    if (plain == "fw-devlink") {
        if (text != "off" && text != "permissive" && text != "on" && text != "rpm") {
            return wrong("off, permissive, on or rpm");
        }
        parameters.fw_devlink = text == "on" || text == "rpm";
        return std::nullopt;
    }
    if (plain == "fw-devlink.strict") return flag(parameters.fw_devlink_strict);
    if (plain == "module-blacklist") {
        for (std::size_t at = 0; at <= text.size();) {
            const std::size_t comma = std::min(text.find(',', at), text.size());
            if (comma > at) parameters.module_blacklist.push_back(text.substr(at, comma - at));
            at = comma + 1;
        }
        return std::nullopt;
    }
    if (plain == "swiotlb") return read_swiotlb(text, parameters);
    if (plain == "pci" || plain == "pcie-acs-override") {
        std::string finding;
        const bool good = plain == "pci" ? read_pci_parameter(text, parameters.acs, finding)
                                         : read_acs_override(text, parameters.acs.overrides, finding);
        if (good) return std::nullopt;
        return Diagnostic{{}, "", finding, plain == "pci" ? kPciParameter : kAcsOverride, ""};
    }
    if (plain == "deferred-probe-timeout") {
        if (text.size() > 1 && text[0] == '-' && text.find_first_not_of("0123456789", 1) == std::string::npos) {
            parameters.deferred_probe_timeout_s = kernel::DriverCoreParameters::kForEver;
            return std::nullopt;
        }
        const Parsed<std::uint64_t> seconds = parse_integer(text);
        if (!seconds || seconds.value() > 1'000'000) return wrong("seconds; negative: for ever");
        parameters.deferred_probe_timeout_s = static_cast<unsigned>(seconds.value());
        return std::nullopt;
    }
    // An idle one of another architecture says so; the architecture is the config's to know.
    const std::optional<std::string> idle = idle_kernel_parameter(name, arch);
    return Diagnostic{{},
                      "",
                      fmt::format("this kernel parameter {}", idle.value_or("has no meaning here")),
                      fmt::format("one of {}", fmt::join(known, ", ")),
                      nearest_name(name, known).value_or("")};
}

}  // namespace xlate::study
