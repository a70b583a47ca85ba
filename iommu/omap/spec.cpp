// The data sheet of OMAP's IOMMU.
#include <fmt/format.h>

#include "iommu/omap/omap.hpp"

namespace xlate::iommu::omap {
namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr StructureSpec kStructures[] = {{"tlb", Structure::tlb, 1, 0}};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses while it is on"},      {"tlb_misses", "", "look-ups without an entry"},
    {"walks", "", "walks of the hardware walker"},        {"walk_reads", "", "table words read"},
    {"faults", "", "faults recorded in IRQSTATUS"},       {"flushes", "", "GFLUSH and FLUSH_ENTRY"},
    {"loads", "", "entries loaded by software (LD_TLB)"},
};
constexpr PurposeSpec kPurposes[] = {{"directory", AccessRole::walk, 1, 2}, {"table", AccessRole::walk, 1, 3}};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return "GFLUSH";
    return fmt::format("FLUSH_ENTRY {:#x} to {:#x}", invalidation.first, invalidation.last);
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
        case Fault::tlb_miss:
            return "TLBMISS";
        case Fault::translation:
            return "TRANSLATION";
        case Fault::walk:
            return "TABLEWALK";
        case Fault::multi_hit:
            return "MULTIHIT";
        case Fault::out_of_range:
            return "OUT_OF_RANGE";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", static_cast<unsigned>(fault));
}

const InstanceSpec kSpec{"omap",          "OMAP IOMMU",    kPageBits,  Ports::one, rows(kWires), {}, rows(kStructures),
                         rows(kCounters), rows(kPurposes), fault_name, nullptr,    describe};

}  // namespace xlate::iommu::omap
