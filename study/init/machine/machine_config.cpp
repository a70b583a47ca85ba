#include "study/init/machine/machine_config.hpp"

#include <set>

#include <fmt/format.h>

#include "firmware/cpu_kinds.hpp"
#include "firmware/device_name.hpp"
#include "study/init/starter_config.hpp"
#include "study/init/starter_kernel.hpp"
#include "study/init/starter_text.hpp"

namespace xlate::study {
namespace {

/// What their drivers printed of them.
void found_iommus(StarterConfig& config, const firmware::Description& in, const LogIommus& iommus) {
    bool any = false;
    std::set<std::string> found;
    std::vector<std::string> notes;
    for (const firmware::NodeIndex at : in.providers()) {
        const auto said = iommus.find(firmware::linux_device_name(in, at));
        if (said == iommus.end()) continue;
        found.insert(said->first);
        for (const std::string& note : said->second.notes()) notes.push_back(fmt::format("{}: {}", said->first, note));
        const std::string entry = said->second.entry();
        if (entry.empty()) continue;
        if (!any) config.line("  iommus:                                  # as their drivers found them");
        any = true;
        config.line(fmt::format("    {}: {{ {} }}", in_quotes(in.node(at).path), entry));
    }
    for (const auto& [name, said] : iommus) {
        if (found.count(name) == 0)
            notes.push_back(name + ": no IOMMU of this firmware; what the log says of it is left out");
    }
    for (const std::string& note : notes) config.line("  # note: " + remark(note));
}

std::string kernel_of(const KernelLog& log, const firmware::Description& description) {
    const firmware::CpuKinds cpus = firmware::cpu_kinds(description);
    const kernel::Arch arch = cpus.x86     ? kernel::Arch::x86
                              : cpus.riscv ? kernel::Arch::riscv
                              : cpus.arm32 ? kernel::Arch::arm
                                           : kernel::Arch::arm64;
    const ChosenVariant chosen = variant_of_kernel(log.release);
    std::string text = fmt::format("\nkernel:\n  variant: {}", chosen.variant);
    if (!log.release.empty())
        text += fmt::format("   # {}{}{}", remark(log.release), chosen.note.empty() ? "" : ": ", chosen.note);
    text += '\n';
    if (log.cpus) text += fmt::format("  cpus: {}\n", *log.cpus);
    text += page_size_line(log.release);
    CommandLineWords words = log.words;
    if (log.passthrough.value_or(false)) words.emplace_back("iommu.passthrough", "1");
    const bool lazy_by_default = arch == kernel::Arch::x86;
    if (log.strict.value_or(!lazy_by_default) == lazy_by_default)
        words.emplace_back("iommu.strict", lazy_by_default ? "1" : "0");
    const ParameterLines lines = parameter_lines(words, arch);
    return text + lines.key + lines.comments;
}

}  // namespace

std::string machine_config(const firmware::Description& description, const std::vector<std::string>& firmware_paths,
                           const std::optional<KernelLog>& log, const std::optional<PciListing>& listing) {
    const KernelLog said = log.value_or(KernelLog{});
    std::string files = said.file;
    if (listing) files += (files.empty() ? "" : ", ") + listing->file;
    StarterConfig config(description, firmware_paths, {"Made from " + remark(files)});
    found_iommus(config, description, said.iommus);
    for (const std::string& note : listing ? listing->notes : said.notes) config.line("  # note: " + remark(note));
    const std::vector<StarterFunction>& functions = listing ? listing->functions : said.functions;
    if (functions.empty()) {
        config.no_functions();
    } else {
        config.functions(functions);
    }
    return config.finish(kernel_of(said, description));
}

}  // namespace xlate::study
