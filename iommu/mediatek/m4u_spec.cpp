#include <fmt/format.h>

#include "iommu/mediatek/m4u.hpp"

namespace xlate::iommu::mediatek {

namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr MachineSpec kMachines[] = {{"invalidation", MachineRole::commands}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0},
                                         {"directory_cache", Structure::walk_cache, 1, 2}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses of ports that are switched to the M4U and missed the ports' TLBs"},
    {"tlb_misses", "", "look-ups of the TLB without a hit"},
    {"walks", "", "walks that read a table word"},
    {"walk_reads", "", "table words read"},
    {"faults", "", "accesses that went to the protect buffer"},
    {"lost_faults", "", "of those, faults that were not recorded: an earlier one of the same MMU was not cleared"},
    {"flushes", "", "INVALIDATE of everything"},
    {"range_flushes", "", "INVALIDATE of a range"},
};
constexpr PurposeSpec kPurposes[] = {{"level1", AccessRole::walk, 1, 2}, {"level2", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "INVALIDATE all";
    return fmt::format("INVALIDATE {:#x} to {:#x}", invalidation.first, invalidation.last);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace

std::string name(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "NONE";
        case Fault::l1_invalid:
            return "TRANSLATION_L1";
        case Fault::l2_invalid:
            return "TRANSLATION_L2";
        case Fault::walk_aborted:
            return "TABLE_WALK";
        case Fault::out_of_range:
            return "OUT_OF_RANGE";
        case Fault::invalid_pa:
            return "INVALID_PA";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", static_cast<unsigned>(fault));
}

const InstanceSpec kSpec{"mediatek",      "MediaTek M4U",  kPageBits,         Ports::one_per_master,
                         rows(kWires),    rows(kMachines), rows(kStructures), rows(kCounters),
                         rows(kPurposes), fault_name,      nullptr,           describe};

}  // namespace xlate::iommu::mediatek
