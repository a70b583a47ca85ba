#include "iommu/simple/rockchip_spec.hpp"

#include <fmt/format.h>

#include "iommu/simple/rockchip.hpp"

namespace xlate::iommu::rockchip {
namespace {

constexpr WireSpec kWires[] = {{{}, 0}};
constexpr StructureSpec kStructures[] = {
    {"tlb", Structure::tlb, 1, 0},
    {"directory_cache", Structure::walk_cache, 1, kDirectoryLevel},
};
constexpr CounterSpec kCounters[] = {
    {"translations", "", "accesses translated, each once; those while paging is off are none"},
    {"tlb_hits", "", "translations that the IOMMU's own TLBs answered"},
    {"page_faults", "", "page faults raised, retries of the same access included"},
    {"bus_errors", "", "tables that memory refused"},
    {"given_up", "", "accesses aborted because their retry after PAGE_FAULT_DONE faulted again"},
    {"zaps", "", "ZAP_ONE_LINE and ZAP_CACHE written"},
    {"walks", "", "walks of the tables, those of retries included"},
    {"walk_reads", "", "directory and table words read"},
};
constexpr PurposeSpec kPurposes[] = {
    {"directory", AccessRole::walk, 1, kDirectoryLevel},
    {"table", AccessRole::walk, 1, 3},
};

std::string fault_name(std::uint16_t code) {
    switch (static_cast<Fault>(code)) {
        case Fault::none:
            return "none";
        case Fault::directory_invalid:
            return "page fault: no table";
        case Fault::page_invalid:
            return "page fault: no page";
        case Fault::read_denied:
            return "page fault: not readable";
        case Fault::write_denied:
            return "page fault: not writable";
        case Fault::out_of_range:
            return "page fault: beyond 32 bits";
        case Fault::bus_error:
            return "bus error";
        case Fault::unsupported:
            return "unsupported";
    }
    return fmt::format("fault {}", code);
}

std::string describe(const Invalidation& invalidation) {
    if (!invalidation.by_address) return fmt::format("ZAP_CACHE of MMU {}", invalidation.space);
    return fmt::format("ZAP_ONE_LINE {:#x} of MMU {}", invalidation.first, invalidation.space);
}

template <typename Row, std::size_t N>
constexpr Span<Row> rows(const Row (&table)[N]) {
    return {table, N};
}

}  // namespace

const InstanceSpec kSpec{"rockchip",        "Rockchip IOMMU", kPageBits,       Ports::one, rows(kWires), {},
                         rows(kStructures), rows(kCounters),  rows(kPurposes), fault_name, nullptr,      describe};

}  // namespace xlate::iommu::rockchip
