#include <array>

#include <fmt/format.h>

#include "iommu/dart/dart.hpp"
#include "iommu/dart/purpose.hpp"

namespace xlate::iommu::dart {

namespace {

constexpr std::array kWires{WireSpec{"", 0}};
constexpr std::array kMachines{MachineSpec{"invalidation", MachineRole::commands}};
constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_level1", Structure::walk_cache, 1, 1},
};
constexpr std::array kCounters{
    CounterSpec{"translations", "", "translations that missed the ports' TLBs"},
    CounterSpec{"bypassed", "", "of those: passed with the address as it was"},
    CounterSpec{"faults", "", "of those: refused, blocked ones included"},
    CounterSpec{"blocked", "", "refused because the stream's TCR is 0 or the stream is off"},
    CounterSpec{"tlb_misses", "", "look-ups of the TLB without a hit"},
    CounterSpec{"walks", "", "translations that needed a walk"},
    CounterSpec{"walk_reads", "", "table words read"},
    CounterSpec{"invalidations", "", "invalidations by register"},
    CounterSpec{"errors_lost", "", "faults that found ERROR taken by an earlier one"},
};
constexpr std::array kPurposes{
    PurposeSpec{"level3", AccessRole::walk, 1, 3},
    PurposeSpec{"level2", AccessRole::walk, 1, 2},
    PurposeSpec{"level1", AccessRole::walk, 1, 1},
};

std::string fault_name(std::uint16_t code) { return name(static_cast<FaultCode>(code)); }
std::string describe(const Invalidation& invalidation) {
    if (invalidation.stream_mask == 0 && invalidation.space_mask == 0) return "invalidate all streams";
    return fmt::format("invalidate stream {}",
                       invalidation.stream_mask != 0 ? invalidation.stream : invalidation.space);
}

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "dart";
    spec.title = "Apple DART";
    spec.wires = {kWires.data(), kWires.size()};
    spec.machines = {kMachines.data(), kMachines.size()};
    spec.structures = {kStructures.data(), kStructures.size()};
    spec.counters = {kCounters.data(), kCounters.size()};
    spec.purposes = {kPurposes.data(), kPurposes.size()};
    spec.fault_name = &fault_name;
    spec.describe = &describe;
    return spec;
}

}  // namespace

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::dart
