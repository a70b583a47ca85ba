#include <array>

#include <fmt/format.h>

#include "iommu/amd/iommu.hpp"
#include "iommu/amd/purpose.hpp"

namespace xlate::iommu::amd {

namespace {

constexpr std::array kWires{WireSpec{"", 0}};
constexpr std::array kMachines{MachineSpec{"commands", MachineRole::commands},
                               MachineSpec{"outputs", MachineRole::outputs}};
constexpr std::array kStructures{
    StructureSpec{"dte_cache", Structure::config_cache, 1, 0},
    StructureSpec{"irte_cache", Structure::config_cache, 1, 1},
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"walk_cache_v2_level0", Structure::walk_cache, 1, 0},
    StructureSpec{"walk_cache_v2_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_v2_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_v1_level0", Structure::walk_cache, 2, 0},
    StructureSpec{"walk_cache_v1_level1", Structure::walk_cache, 2, 1},
    StructureSpec{"walk_cache_v1_level2", Structure::walk_cache, 2, 2},
};
// Where the hardware's own counters count the same, their names (perf's amd_iommu events), but for those that every
// family has.
constexpr std::array kCounters{
    CounterSpec{"translations", "", "translations that missed the ports' TLBs"},
    CounterSpec{"faults", "", "of those: ended with a fault, logged or not"},
    CounterSpec{"mem_iommu_tlb_pte_hit", "", "look-ups of the TLB with a hit"},
    CounterSpec{"mem_iommu_tlb_pte_mis", "", "look-ups of the TLB without one, or without the rights that were needed"},
    CounterSpec{"mem_dte_hit", "", "look-ups of the device table's cache with a hit"},
    CounterSpec{"config_reads", "", "device table entries read from memory (perf: mem_dte_mis)"},
    CounterSpec{"walks", "", "translations that needed a walk of v1 or v2 tables, or of both"},
    CounterSpec{"walk_reads", "", "table words read (perf: page_tbl_read_tot)"},
    CounterSpec{"page_tbl_read_nst", "", "of those: of v1 (host, nested) tables"},
    CounterSpec{"page_tbl_read_gst", "", "of those: of v2 (guest) tables, GCR3 entries included"},
    CounterSpec{"ad_updates", "", "words of v2 tables in which A or D was set"},
    CounterSpec{"interrupts", "", "interrupt messages of devices"},
    CounterSpec{"interrupts_blocked", "", "of those: not delivered"},
    CounterSpec{"events", "", "events written to the log"},
    CounterSpec{"events_lost", "", "events dropped: log off or full"},
    CounterSpec{"page_requests", "", "page requests written to the PPR log"},
    CounterSpec{"messages", "", "own interrupts sent"},
};
constexpr PurposeSpec walk(std::string_view name, std::uint8_t stage, std::uint8_t level) {
    return {name, AccessRole::walk, stage, level};
}
constexpr std::array kPurposes{
    PurposeSpec{"dte", AccessRole::device_config},
    PurposeSpec{"gcr3", AccessRole::process_config},
    walk("v1_level1", 2, 3),
    walk("v1_level2", 2, 2),
    walk("v1_level3", 2, 1),
    walk("v1_level4", 2, 0),
    walk("v1_level5", 2, 0),
    walk("v1_level6", 2, 0),
    walk("v2_level1", 1, 3),
    walk("v2_level2", 1, 2),
    walk("v2_level3", 1, 1),
    walk("v2_level4", 1, 0),
    walk("v2_level5", 1, 0),
    PurposeSpec{"ad_update", AccessRole::update},
    PurposeSpec{"irte", AccessRole::device_config},
    PurposeSpec{"command", AccessRole::command},
    PurposeSpec{"event", AccessRole::record},
    PurposeSpec{"page_request", AccessRole::record},
    PurposeSpec{"completion_wait", AccessRole::message},
    PurposeSpec{"msi", AccessRole::message},
};
static_assert(kPurposes.size() == static_cast<std::size_t>(Purpose::msi) + 1);
static_assert(host_purpose(1) == AccessPurpose{2} && guest_purpose(5) == AccessPurpose{12});

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "amd-vi";
    spec.title = "AMD-Vi";
    spec.ports = Ports::one;
    spec.wires = {kWires.data(), kWires.size()};
    spec.machines = {kMachines.data(), kMachines.size()};
    spec.structures = {kStructures.data(), kStructures.size()};
    spec.counters = {kCounters.data(), kCounters.size()};
    spec.purposes = {kPurposes.data(), kPurposes.size()};
    spec.fault_name = &event_name;
    spec.command_name = &command_name;
    spec.describe = &describe;
    return spec;
}

}  // namespace

std::string event_name(std::uint16_t code) {
    switch (static_cast<Event>(code)) {
        case Event::illegal_dev_table_entry:
            return "ILLEGAL_DEV_TABLE_ENTRY";
        case Event::io_page_fault:
            return "IO_PAGE_FAULT";
        case Event::dev_tab_hw_error:
            return "DEV_TAB_HARDWARE_ERROR";
        case Event::page_tab_hw_error:
            return "PAGE_TAB_HARDWARE_ERROR";
        case Event::illegal_command:
            return "ILLEGAL_COMMAND_ERROR";
        case Event::command_hw_error:
            return "COMMAND_HARDWARE_ERROR";
        case Event::iotlb_inv_timeout:
            return "IOTLB_INV_TIMEOUT";
        case Event::invalid_device_request:
            return "INVALID_DEVICE_REQUEST";
        case Event::invalid_ppr:
            return "INVALID_PPR_REQUEST";
    }
    return fmt::format("event {}", code);
}

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::amd
