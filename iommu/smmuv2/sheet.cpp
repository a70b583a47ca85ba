#include "iommu/smmuv2/sheet.hpp"

#include <array>

#include "iommu/smmuv2/address_space.hpp"
#include "iommu/smmuv2/context.hpp"
#include "iommu/smmuv2/faults.hpp"
#include "iommu/smmuv2/purpose.hpp"

namespace xlate::iommu::smmuv2 {

namespace {

constexpr std::array kMachines{MachineSpec{"sync", MachineRole::commands},
                               MachineSpec{"operation", MachineRole::operation}};

constexpr std::array kStructures{
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"ipa_cache", Structure::ipa_cache, 2},
    StructureSpec{"walk_cache_s1_level0", Structure::walk_cache, 1, 0},
    StructureSpec{"walk_cache_s1_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_s1_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_s1_level3", Structure::walk_cache, 1, 3},
    StructureSpec{"walk_cache_s2_level0", Structure::walk_cache, 2, 0},
    StructureSpec{"walk_cache_s2_level1", Structure::walk_cache, 2, 1},
    StructureSpec{"walk_cache_s2_level2", Structure::walk_cache, 2, 2},
    StructureSpec{"walk_cache_s2_level3", Structure::walk_cache, 2, 3},
};

// In the order of Smmu::counter_values().
constexpr std::array kCounters{
    CounterSpec{"translations", "", "translations that missed the TBUs' TLBs, or came before the SMMU was on"},
    CounterSpec{"faults", "", "of those: ended with a fault, recorded or not"},
    CounterSpec{"stalls", "", "times an access was held: by its own fault, or behind one of its context"},
    CounterSpec{"unmatched", "", "accesses of a stream that no mapping register matches"},
    CounterSpec{"global_faults", "", "faults of sGFSR; those that came while one was outstanding included"},
    CounterSpec{"context_faults", "", "faults of context banks; those that came while one was outstanding included"},
    CounterSpec{"behind_fault", "", "accesses terminated since a fault of their context was outstanding (HUPCF 0)"},
    CounterSpec{"illegal_contexts", "", "accesses that met a context bank programmed against the architecture"},
    CounterSpec{"tlb_misses", "", "look-ups of the TCU's TLB without a hit"},
    CounterSpec{"walks", "", "translations that needed a walk"},
    CounterSpec{"walk_reads", "", "descriptor fetches, both stages"},
    CounterSpec{"invalidations", "", "writes of TLBI registers"},
    CounterSpec{"syncs", "", "drains that TLBSYNC or sTLBGSYNC asked for"},
};

constexpr PurposeSpec walk(std::string_view name, std::uint8_t stage, std::uint8_t level) {
    return {name, AccessRole::walk, stage, level};
}
constexpr std::array kPurposeRows{
    walk("s1_level0", 1, 0),       walk("s1_level1", 1, 1),       walk("s1_level2", 1, 2), walk("s1_level3", 1, 3),
    walk("s2_level0", 2, 0),       walk("s2_level1", 2, 1),       walk("s2_level2", 2, 2), walk("s2_level3", 2, 3),
    walk("s1_short_level1", 1, 2), walk("s1_short_level2", 1, 3),
};
static_assert(kPurposeRows.size() == kPurposes);

std::string fault_name(std::uint16_t code) {
    std::size_t count = 0;
    const BankRule* rules = bank_rules(count);
    if (code >= kBrokenRule && code < kBrokenRule + count) {
        return "TF (context bank programmed against: " + std::string(rules[code - kBrokenRule].name) + ")";
    }
    return name(static_cast<FaultCode>(code));
}

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "smmuv2";
    spec.title = "Arm SMMUv2";
    spec.machines = {kMachines.data(), kMachines.size()};
    spec.structures = {kStructures.data(), kStructures.size()};
    spec.counters = {kCounters.data(), kCounters.size()};
    spec.purposes = {kPurposeRows.data(), kPurposeRows.size()};
    spec.fault_name = &fault_name;
    spec.describe = &describe;
    spec.bypass_is_lookup = false;  // S2CR
    return spec;
}

}  // namespace

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::smmuv2
