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

/// Linux setup_io_tlb_npages(): "65536", "force", "65536,force", "65536,4,noforce": slots of 2 KiB, areas, mode, in
/// this order; of anything else it takes a part without a word.
std::optional<Diagnostic> read_swiotlb(const std::string& text, kernel::KernelParameters& parameters) {
    using Swiotlb = kernel::KernelParameters::Swiotlb;
    unsigned numbers = 0;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        const std::string part = text.substr(at, comma - at);
        const Parsed<std::uint64_t> number = parse_integer(part);
        const bool last = comma == text.size();
        if (part == "force" && last) {
            parameters.swiotlb = Swiotlb::force;
        } else if (part == "noforce" && last) {
            parameters.swiotlb = Swiotlb::noforce;
        } else if (number && number.value() <= (std::uint64_t{1} << 24) && numbers < 2) {
            (numbers++ == 0 ? parameters.swiotlb_slots : parameters.swiotlb_areas) = number.value();
        } else {
            return Diagnostic{{},
                              "",
                              fmt::format("found '{}'", text),
                              "slots of 2 KiB, areas, force or noforce, by commas, in this order",
                              ""};
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
    {"amd-iommu-intr", true, "how guests get interrupts"},
    {"intremap", true, "interrupt remapping of x86"},
    {"nointremap", true, "'intremap=off' is what it is"},
    {"ivrs-ioapic", true, "the device id of an I/O APIC, whatever IVRS says"},
    {"ivrs-hpet", true, "the device id of a timer (HPET), whatever IVRS says"},
    {"ivrs-acpihid", true, "the device id of a device of ACPI's namespace, whatever IVRS says"},
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

/// Options of x86's parameters, which stand by commas. Source: Linux Documentation/admin-guide/kernel-parameters.txt.
struct X86Option {
    std::string_view parameter;  ///< '-' for '_'
    std::string_view option;
    void (*apply)(kernel::KernelParameters& parameters);  ///< null: it has no effect here
    std::string_view sentence;                            ///< of what it is, if so
};
constexpr X86Option kX86Options[] = {
    {"iommu", "off", [](kernel::KernelParameters& p) { p.x86.iommu = false; }, {}},
    {"iommu", "pt", [](kernel::KernelParameters& p) { p.iommu_passthrough = true; }, {}},
    {"iommu", "nopt", [](kernel::KernelParameters& p) { p.iommu_passthrough = false; }, {}},
    {"iommu", "on", nullptr, "Linux has no such option; it uses the IOMMU that there is"},
    {"iommu", "force", nullptr, "of the GART of old AMD machines"},
    {"iommu", "noforce", nullptr, "of the GART of old AMD machines"},
    {"iommu", "merge", nullptr, "of the GART of old AMD machines"},
    {"iommu", "nomerge", nullptr, "of the GART of old AMD machines"},
    {"iommu", "biomerge", nullptr, "of the GART of old AMD machines"},
    {"iommu", "panic", nullptr, "of the GART of old AMD machines"},
    {"iommu", "nopanic", nullptr, "of the GART of old AMD machines"},
    {"iommu", "fullflush", nullptr, "of the GART of old AMD machines; 'iommu.strict=1' is what it sounds like"},
    {"iommu", "nofullflush", nullptr, "of the GART of old AMD machines"},
    {"iommu", "memaper", nullptr, "of the GART of old AMD machines"},
    {"iommu", "noaperture", nullptr, "of the GART of old AMD machines"},
    {"iommu", "noagp", nullptr, "of the GART of old AMD machines"},
    {"iommu", "allowed", nullptr, "of the GART of old AMD machines"},
    {"iommu", "leak", nullptr, "of the GART of old AMD machines"},
    {"iommu", "soft", nullptr, "keeps the bounce buffers of swiotlb"},
    {"iommu", "forcesac", nullptr, "Linux ignores it"},
    {"iommu", "allowdac", nullptr, "Linux ignores it"},
    {"iommu", "nodac", nullptr, "Linux ignores it"},
    {"iommu", "usedac", nullptr, "of bridges by VIA, which Linux keeps below 4 GiB"},
    {"intel-iommu", "on", [](kernel::KernelParameters& p) { p.x86.intel = true; }, {}},
    {"intel-iommu", "off", [](kernel::KernelParameters& p) { p.x86.intel = false; }, {}},
    {"intel-iommu", "igfx_off", [](kernel::KernelParameters& p) { p.x86.intel_graphics = false; }, {}},
    {"intel-iommu", "strict", [](kernel::KernelParameters& p) { p.iommu_strict = true; }, {}},
    {"intel-iommu", "sp_off", [](kernel::KernelParameters& p) { p.x86.intel_superpages = false; }, {}},
    {"intel-iommu", "sm_on", [](kernel::KernelParameters& p) { p.x86.intel_scalable = true; }, {}},
    {"intel-iommu", "sm_off", [](kernel::KernelParameters& p) { p.x86.intel_scalable = false; }, {}},
    {"intel-iommu", "forcedac", nullptr, "whether IOVAs begin above 4 GiB at once"},
    {"intel-iommu", "tboot_noforce", nullptr, "of a launch by Intel's TXT"},
    {"amd-iommu", "off", [](kernel::KernelParameters& p) { p.x86.amd = false; }, {}},
    {"amd-iommu", "pgtbl_v1", [](kernel::KernelParameters& p) { p.x86.amd_v2 = false; }, {}},
    {"amd-iommu", "pgtbl_v2", [](kernel::KernelParameters& p) { p.x86.amd_v2 = true; }, {}},
    {"amd-iommu", "fullflush", [](kernel::KernelParameters& p) { p.iommu_strict = true; }, {}},
    {"amd-iommu", "on", nullptr, "Linux has no such option; AMD-Vi is on unless it is off"},
    {"amd-iommu", "force_enable", nullptr, "whether machines with a defect known to Linux use it, too"},
    {"amd-iommu", "force_isolation", [](kernel::KernelParameters& p) { p.x86.amd_force_isolation = true; }, {}},
    {"amd-iommu", "irtcachedis", nullptr, "whether the IOMMU caches entries of interrupt remapping"},
    {"amd-iommu", "nohugepages", nullptr, "of page sizes: v1 tables of 4 KiB alone"},
    {"amd-iommu", "v2_pgsizes_only", nullptr, "of page sizes: v1 tables of 4 KiB, 2 MiB and 1 GiB alone"},
    {"intremap", "on", [](kernel::KernelParameters& p) { p.x86.intremap = true; }, {}},
    {"intremap", "off", [](kernel::KernelParameters& p) { p.x86.intremap = false; }, {}},
    {"intremap", "nosid", nullptr, "whether interrupts are held against who sends them"},
    {"intremap", "no_x2apic_optout", nullptr, "whether firmware's word against x2APIC counts"},
    {"intremap", "nopost", nullptr, "of posted interrupts, which guests get"},
    {"intremap", "posted_msi", nullptr, "of posted interrupts of the host"},
};
constexpr std::string_view kEndsIommu = "usedac";  // iommu_setup() returns at it: what stands behind it is not read

const X86Option* find_x86_option(std::string_view parameter, std::string_view option) {
    const auto found = std::find_if(std::begin(kX86Options), std::end(kX86Options), [&](const X86Option& one) {
        return one.parameter == parameter && one.option == option.substr(0, option.find('='));
    });
    return found == std::end(kX86Options) ? nullptr : found;
}

std::vector<std::string> by_commas(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        if (comma > at) parts.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return parts;
}

std::string with_dashes(std::string name) {
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

std::optional<Diagnostic> read_x86(const std::string& name, const std::string& text,
                                   kernel::KernelParameters& parameters) {
    const std::string plain = with_dashes(name);
    for (const std::string& part : by_commas(text)) {
        const X86Option* const found = find_x86_option(plain, part);
        if (found == nullptr) {
            std::vector<std::string> options;
            for (const X86Option& one : kX86Options) {
                if (one.parameter == plain) options.emplace_back(one.option);
            }
            return Diagnostic{{},
                              "",
                              fmt::format("Linux has no option '{}' of {}=, and would pass it by", part, name),
                              fmt::format("{}, by commas", fmt::join(options, ", ")),
                              nearest_name(part, options).value_or("")};
        }
        if (found->apply != nullptr) found->apply(parameters);
        if (plain == "iommu" && part == kEndsIommu) break;
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

bool has_x86_options(const std::string& name, kernel::Arch arch) {
    return arch == kernel::Arch::x86 &&
           std::any_of(std::begin(kX86Options), std::end(kX86Options),
                       [plain = with_dashes(name)](const X86Option& one) { return one.parameter == plain; });
}

X86Options x86_options(const std::string& name, const std::string& text) {
    X86Options options;
    const std::string plain = with_dashes(name);
    bool ended = false;
    for (const std::string& part : by_commas(text)) {
        const X86Option* const found = find_x86_option(plain, part);
        if (ended) {
            options.idle.push_back(fmt::format("'{}' is not read: Linux stops at '{}'", part, kEndsIommu));
        } else if (found == nullptr) {
            options.idle.push_back(fmt::format("'{}' is left out: Linux has no such option, and passes it by", part));
        } else if (found->apply == nullptr) {
            options.idle.push_back(fmt::format("'{}' changes nothing here: {}", part, found->sentence));
        } else {
            options.applied += (options.applied.empty() ? "" : ",") + part;
        }
        ended = ended || (plain == "iommu" && part == kEndsIommu);
    }
    return options;
}

std::optional<std::string> idle_kernel_parameter(const std::string& name, kernel::Arch arch) {
    const std::string plain = with_dashes(name.substr(0, name.find('[')));  // "ivrs_ioapic[32]"
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

std::optional<std::string> retired_kernel_parameter(const std::string& name, const std::string& text,
                                                    unsigned release) {
    std::string plain = name;
    std::replace(plain.begin(), plain.end(), '_', '-');
    if (plain == "pci" && text.find("config_acs=") != std::string::npos && release < kernel::kFirstReleaseWithConfigAcs)
        return "has config_acs=, which Linux has from 6.11 on (47c8846a49ba): this kernel passes it by";
    if (plain != "arm-smmu-v3.disable-bypass" || release < kernel::kFirstReleaseWithoutDisableBypass)
        return std::nullopt;
    return "changes nothing: it means nothing from Linux 6.10 on (734554fdfce6): streams without a domain abort";
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
    const std::string plain = with_dashes(name);
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
    if (has_x86_options(name, arch)) return read_x86(name, text, parameters);
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
