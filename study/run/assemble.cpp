#include "study/run/assemble.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/bits.hpp"
#include "firmware/device_name.hpp"
#include "firmware/iommu_families.hpp"
#include "firmware/pci_hosts.hpp"
#include "kernel-model/of/fw_devlink.hpp"
#include "study/run/assembly_part.hpp"

namespace xlate::study {
namespace {

/// Clocks, power domains and the like of masters: their drivers are taken as there, unless kernel.modules says when.
void assume_suppliers(AssemblyWork& work) {
    const kernel::KernelParameters& parameters = work.wiring.boot.parameters;
    if (!parameters.fw_devlink) return;
    std::vector<std::string> masters;
    std::set<std::string> properties;
    for (const soc::MasterConfig& master : work.wiring.soc.masters) {
        if (master.requester_id || !master.part_of.empty()) continue;
        bool any = false;
        for (const kernel::Supplier& supplier : kernel::suppliers_of(work.description, master.node)) {
            const std::string& path = work.description.node(supplier.node).path;
            const std::string name = firmware::linux_device_name(work.description, supplier.node);
            const std::vector<kernel::ModuleLoad>& modules = work.config.kernel.modules;
            const bool said = std::any_of(modules.begin(), modules.end(), [&](const kernel::ModuleLoad& load) {
                return load.device == path || load.device == name;
            });
            if (said || (supplier.optional && !parameters.fw_devlink_strict) ||
                firmware::is_iommu(work.description.node(supplier.node)))
                continue;
            any = true;
            properties.insert(supplier.property);
        }
        if (any) masters.push_back(master.device);
    }
    if (masters.empty()) return;
    constexpr std::size_t kShown = 3;
    const std::size_t shown = std::min(masters.size(), kShown);
    work.wiring.assumptions.push_back(
        fmt::format("what {}{} {} for ({}) is there from the start: kernel.modules[] with device: says when one comes",
                    fmt::join(masters.begin(), masters.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                    masters.size() > shown ? fmt::format(" and {} more masters", masters.size() - shown) : "",
                    masters.size() == 1 ? "waits" : "wait", fmt::join(properties, ", ")));
}

}  // namespace

Assembly assemble(Config& config, const firmware::Description& description) {
    AssemblyWork work{config, description, {}, {}, {}, {}, {}};
    assemble_pci(work);
    if (!config.given("traffic")) assume_traffic(work);
    assemble_soc(work);
    assemble_kernel(work);
    assemble_traffic(work);
    assume_suppliers(work);
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
    std::vector<firmware::MemoryRange> taken = firmware::pci_memory_of_all(description);
    std::optional<std::uint64_t> reserved;  // memory that firmware keeps back is memory
    for (const firmware::Node& node : description.nodes) {
        const bool memory = node.path.rfind("/reserved-memory/", 0) == 0;
        for (const firmware::Reg& reg : node.regs) {
            if (!reg.cpu_address || reg.size == 0) continue;
            if (memory) {
                reserved = std::min(reserved.value_or(*reg.cpu_address), *reg.cpu_address);
            } else {
                taken.push_back({*reg.cpu_address, reg.size});
            }
        }
    }
    const auto is_free = [&](std::uint64_t base) {
        return std::none_of(taken.begin(), taken.end(), [&](const firmware::MemoryRange& one) {
            return one.base < base ? base - one.base < one.size : one.base - base < size;
        });
    };
    const bool hinted = wanted == 0 && reserved && is_free(align_down(*reserved, kStep));
    std::uint64_t base = wanted != 0 ? wanted : hinted ? align_down(*reserved, kStep) : kStep;
    while (wanted == 0 && base < (std::uint64_t{1} << 40) && !is_free(base)) base += kStep;
    description.memory.push_back({base, size});
    return fmt::format("the firmware names no memory: {} at {:#x}{}", format_bytes(size), base,
                       hinted ? ", where it keeps some back (/reserved-memory)" : "");
}

}  // namespace xlate::study
