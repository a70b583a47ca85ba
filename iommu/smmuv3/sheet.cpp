#include "iommu/smmuv3/sheet.hpp"

#include <array>

#include "iommu/smmuv3/interrupts.hpp"
#include "iommu/smmuv3/invalidation.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/purpose.hpp"

namespace xlate::iommu::smmuv3 {

namespace {

constexpr std::array kWires{WireSpec{"gerror", 0}, WireSpec{"eventq", 1}, WireSpec{"priq", 2},
                            WireSpec{"cmdq-sync", 3}};

// Rows of kinds: an instance has one `commands` for each queue.
constexpr std::array kMachines{MachineSpec{"commands", MachineRole::commands},
                               MachineSpec{"outputs", MachineRole::outputs},
                               MachineSpec{"gatos", MachineRole::operation}};

constexpr std::array kStructures{
    StructureSpec{"config_cache", Structure::config_cache},
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

constexpr std::array kCounters{
    CounterSpec{"translations", "", "translations that missed the TBUs' TLBs, or asked before the SMMU was on"},
    CounterSpec{"faults", "", "of those: ended with a fault, recorded or not"},
    CounterSpec{"stalls", "", "times an access stalled"},
    CounterSpec{"config_reads", "", "STE and CD fetches, all levels"},
    CounterSpec{"ste_fetches", "", "of those: stream table entries"},
    CounterSpec{"cd_fetches", "", "of those: context descriptors"},
    CounterSpec{"walks", "", "table walks, those to a CD through stage 2 included"},
    CounterSpec{"walk_reads", "", "descriptor fetches, both stages"},
    CounterSpec{"httu_updates", "", "descriptors in which access flag or dirty state was set"},
    CounterSpec{"config_misses", "", "look-ups of the configuration cache without a hit"},
    CounterSpec{"tlb_misses", "", "look-ups of the TCU's TLB without a hit"},
    CounterSpec{"ats_requests", "", "translation requests of endpoints"},
    CounterSpec{"ats_translated", "", "accesses with a translated address"},
    CounterSpec{"events", "", "event records written"},
    CounterSpec{"events_lost", "", "event records dropped: queue full, disabled or aborted"},
    CounterSpec{"events_merged", "", "event records that joined an equal one"},
    CounterSpec{"page_requests", "", "page request records written"},
};

constexpr PurposeSpec walk(std::string_view name, std::uint8_t stage, std::uint8_t level) {
    return {name, AccessRole::walk, stage, level};
}
constexpr std::array kPurposes{
    PurposeSpec{"ste_l1", AccessRole::device_config},
    PurposeSpec{"ste", AccessRole::device_config},
    PurposeSpec{"cd_l1", AccessRole::process_config},
    PurposeSpec{"cd", AccessRole::process_config},
    walk("s1_level0", 1, 0),
    walk("s1_level1", 1, 1),
    walk("s1_level2", 1, 2),
    walk("s1_level3", 1, 3),
    walk("s2_level0", 2, 0),
    walk("s2_level1", 2, 1),
    walk("s2_level2", 2, 2),
    walk("s2_level3", 2, 3),
    PurposeSpec{"httu", AccessRole::update},
    PurposeSpec{"command", AccessRole::command},
    PurposeSpec{"event", AccessRole::record},
    PurposeSpec{"page_request", AccessRole::record},
    PurposeSpec{"msi", AccessRole::message},
};
static_assert(kPurposes.size() == static_cast<std::size_t>(Purpose::msi) + 1);

std::string fault_name(std::uint16_t code) { return name(static_cast<EventCode>(code)); }
std::string command_name(std::uint16_t code) { return name(static_cast<Opcode>(code)); }

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "smmuv3";
    spec.title = "Arm SMMUv3";
    spec.wires = {kWires.data(), kWires.size()};
    spec.machines = {kMachines.data(), kMachines.size()};
    spec.structures = {kStructures.data(), kStructures.size()};
    spec.counters = {kCounters.data(), kCounters.size()};
    spec.purposes = {kPurposes.data(), kPurposes.size()};
    spec.fault_name = &fault_name;
    spec.command_name = &command_name;
    spec.describe = &describe;
    return spec;
}

}  // namespace

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::smmuv3
