#include "study/run/assemble.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "study/run/assembly_part.hpp"

namespace xlate::study {

Assembly assemble(Config& config, const firmware::Description& description) {
    AssemblyWork work{config, description, {}, {}, {}, {}, {}};
    assemble_pci(work);
    if (!config.given("traffic")) assume_traffic(work);
    assemble_soc(work);
    assemble_kernel(work);
    assemble_traffic(work);
    check_translation_caches(work);
    work.findings.throw_if_any();
    std::vector<Diagnostic> from_soc = soc::check(work.wiring.soc, description);
    for (Diagnostic& finding : from_soc) {
        if (finding.where.file.empty()) finding.where = config.where(finding.path);
    }
    if (!from_soc.empty()) throw InputError(std::move(from_soc), ExitStatus::usage);
    return std::move(work.wiring);
}

std::optional<std::string> assume_memory(firmware::Description& description, std::uint64_t size, std::uint64_t wanted) {
    if (!description.memory.empty()) return std::nullopt;
    constexpr std::uint64_t kStep = std::uint64_t{1} << 30;
    const auto is_free = [&](std::uint64_t base) {
        for (const firmware::Node& node : description.nodes) {
            for (const firmware::Reg& reg : node.regs) {
                if (!reg.cpu_address || reg.size == 0) continue;
                if (*reg.cpu_address < base + size && base < *reg.cpu_address + reg.size) return false;
            }
        }
        return true;
    };
    std::uint64_t base = wanted != 0 ? wanted : kStep;
    while (wanted == 0 && base < (std::uint64_t{1} << 40) && !is_free(base)) base += kStep;
    description.memory.push_back({base, size});
    return fmt::format("the firmware names no memory: {} at {:#x}", format_bytes(size), base);
}

}  // namespace xlate::study
