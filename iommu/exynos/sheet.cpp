// The data sheet of the Exynos SysMMU.
#include <fmt/format.h>

#include "iommu/exynos/sysmmu.hpp"

namespace xlate::iommu::exynos {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr MachineSpec kMachines[] = {{"block", MachineRole::commands}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}, {"flpd_cache", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses translated, each once; those while it is off are none"},
    {"tlb_hits", "", "translations that its TLB answered"},
    {"page_faults", "", "faults raised: no page"},
    {"access_faults", "", "faults raised: a right that the word does not give"},
    {"walk_faults", "", "faults raised: memory refused a table"},
    {"given_up", "", "accesses that faulted again after their fault had been answered"},
    {"blocks", "", "CTRL written with BLOCK while it was not blocked"},
    {"flushes", "", "flushes of everything"},
    {"entry_flushes", "", "flushes of an address"},
    {"range_flushes", "", "flushes of a range"},
    {"walks", "", "translations that needed a walk"},
    {"walk_reads", "", "table words read"},
};
constexpr PurposeSpec kPurposes[] = {{"section", AccessRole::walk, 1, 2}, {"page", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "flush of everything";
    if (invalidation.last - invalidation.first < std::uint64_t{1} << kPageBits)
        return fmt::format("flush of {:#x}", invalidation.first);
    return fmt::format("flush of {:#x} to {:#x}", invalidation.first, invalidation.last);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace

std::string name(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "none";
        case Fault::section_invalid:
            return "page fault: first level";
        case Fault::page_invalid:
            return "page fault: second level";
        case Fault::read_denied:
            return "access protection: read";
        case Fault::write_denied:
            return "access protection: write";
        case Fault::walk_aborted:
            return "table walk: memory refused";
        case Fault::unsupported:
            return "unsupported";
    }
    return fmt::format("fault {}", static_cast<unsigned>(fault));
}

const InstanceSpec kSpec{"exynos",          "Exynos SysMMU", kPageBits,       Ports::one, rows(kWires), rows(kMachines),
                         rows(kStructures), rows(kCounters), rows(kPurposes), fault_name, nullptr,      describe};

}  // namespace xlate::iommu::exynos
