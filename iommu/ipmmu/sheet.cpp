#include <array>

#include <fmt/format.h>

#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/ipmmu/slot.hpp"

namespace xlate::iommu::ipmmu {

namespace {

constexpr std::array kWires{WireSpec{"", 0}};
constexpr std::array kMachines{MachineSpec{"flush", MachineRole::commands}};
constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_level1", Structure::walk_cache, 1, 1},
};
constexpr std::array kCounters{
    CounterSpec{"translations", "", "accesses that missed the ports' micro-TLBs and have a context"},
    CounterSpec{"passed", "", "accesses passed untranslated: a micro-TLB or a context is off"},
    CounterSpec{"tlb_misses", "", "look-ups of the TLB (a cache's: of its root's) without a hit"},
    CounterSpec{"walks", "", "translations that needed a walk"},
    CounterSpec{"walk_reads", "", "table words read"},
    CounterSpec{"faults", "", "accesses refused"},
    CounterSpec{"flushes", "", "IMCTR.FLUSH written"},
    CounterSpec{"utlb_flushes", "", "IMUCTR.FLUSH written"},
    CounterSpec{"faults_lost", "", "faults whose address is not kept: IMELAR holds an earlier one's"},
};
constexpr std::array kPurposes{
    PurposeSpec{"level1", AccessRole::walk, 1, 1},
    PurposeSpec{"level2", AccessRole::walk, 1, 2},
    PurposeSpec{"level3", AccessRole::walk, 1, 3},
};

std::string fault_name(std::uint16_t code) { return name(static_cast<Fault>(code)); }
std::string describe(const Invalidation& invalidation) {
    if (invalidation.is_config()) return fmt::format("IMUCTR.FLUSH of micro-TLB {}", invalidation.stream);
    return fmt::format("IMCTR.FLUSH of context {}", kContextOfSpace.get(invalidation.space));
}

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "ipmmu";
    spec.title = "Renesas IPMMU";
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

std::string name(Fault fault) {
    switch (fault) {
        case Fault::none:
            return "NONE";
        case Fault::translation:
            return "TF";
        case Fault::permission:
            return "PF";
        case Fault::walk_abort:
            return "ABORT";
        case Fault::no_context:
            return "NO_CONTEXT";
        case Fault::no_root:
            return "NO_ROOT";
        case Fault::short_descriptors:
            return "SHORT_DESCRIPTORS_NOT_MODELLED";
        case Fault::unsupported:
            return "UNSUPPORTED";
    }
    return fmt::format("FAULT_{}", static_cast<unsigned>(fault));
}

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::ipmmu
