#include <array>

#include <fmt/format.h>

#include "iommu/intel/vtd.hpp"

namespace xlate::iommu::vtd {

namespace {

constexpr std::array kWires{WireSpec{"fault", 0}, WireSpec{"completion", 1}, WireSpec{"page", 2}};
static_assert(kWires.size() == kEvents);
constexpr std::array kMachines{MachineSpec{"invalidation_queue", MachineRole::commands},
                               MachineSpec{"register_invalidation", MachineRole::commands},
                               MachineSpec{"outputs", MachineRole::outputs}};
constexpr std::array kStructures{
    StructureSpec{"context_cache", Structure::config_cache, 1, 0},
    StructureSpec{"pasid_cache", Structure::config_cache, 1, 1},
    StructureSpec{"interrupt_cache", Structure::config_cache, 1, 2},
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"nested_cache", Structure::ipa_cache, 2},
    StructureSpec{"walk_cache_s1_level0", Structure::walk_cache, 1, 0},
    StructureSpec{"walk_cache_s1_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_s1_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_s2_level0", Structure::walk_cache, 2, 0},
    StructureSpec{"walk_cache_s2_level1", Structure::walk_cache, 2, 1},
    StructureSpec{"walk_cache_s2_level2", Structure::walk_cache, 2, 2},
};
constexpr std::array kCounters{
    CounterSpec{"translations", "", "requests that missed the port's TLB, interrupts included"},
    CounterSpec{"faults", "", "of those: refused, recorded or not"},
    CounterSpec{"config_reads", "", "root, context and PASID entries read"},
    CounterSpec{"context_misses", "", "look-ups of the context cache without a hit"},
    CounterSpec{"pasid_misses", "", "look-ups of the PASID cache without a hit"},
    CounterSpec{"iotlb_misses", "", "look-ups of the IOTLB without a hit, or without the rights that were needed"},
    CounterSpec{"walks", "", "translations that needed a walk of the first level, the second or both"},
    CounterSpec{"walk_reads", "", "table words read, both levels"},
    CounterSpec{"ad_updates", "", "table words in which A or D was set"},
    CounterSpec{"interrupts", "", "messages that went through the interrupt remapping table"},
    CounterSpec{"ats_requests", "", "translation requests of endpoints"},
    CounterSpec{"ats_translated", "", "requests with a translated address"},
    CounterSpec{"events", "", "faults recorded"},
    CounterSpec{"events_lost", "", "faults without a record: no free register, overflow pending, or collapsed"},
    CounterSpec{"page_requests", "", "page requests written to their queue"},
    CounterSpec{"messages", "", "own interrupts"},
};
constexpr PurposeSpec walk(std::string_view name, std::uint8_t stage, std::uint8_t level) {
    return {name, AccessRole::walk, stage, level};
}
constexpr std::array kPurposes{
    PurposeSpec{"root_entry", AccessRole::device_config},
    PurposeSpec{"context_entry", AccessRole::device_config},
    PurposeSpec{"pasid_directory", AccessRole::process_config},
    PurposeSpec{"pasid_entry", AccessRole::process_config},
    walk("s1_level3", 1, 3),
    walk("s1_level2", 1, 2),
    walk("s1_level1", 1, 1),
    walk("s1_level0", 1, 0),
    walk("s1_top", 1, 0),
    walk("s2_level3", 2, 3),
    walk("s2_level2", 2, 2),
    walk("s2_level1", 2, 1),
    walk("s2_level0", 2, 0),
    walk("s2_top", 2, 0),
    PurposeSpec{"interrupt_entry", AccessRole::device_config},
    PurposeSpec{"ad_update", AccessRole::update},
    PurposeSpec{"descriptor", AccessRole::command},
    PurposeSpec{"page_request", AccessRole::record},
    PurposeSpec{"wait_status", AccessRole::message},
    PurposeSpec{"message", AccessRole::message},
};
static_assert(kPurposes.size() == static_cast<std::size_t>(Purpose::message) + 1);

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "vt-d";
    spec.title = "Intel VT-d";
    spec.ports = Ports::one;
    spec.wires = {kWires.data(), kWires.size()};
    spec.machines = {kMachines.data(), kMachines.size()};
    spec.structures = {kStructures.data(), kStructures.size()};
    spec.counters = {kCounters.data(), kCounters.size()};
    spec.purposes = {kPurposes.data(), kPurposes.size()};
    spec.fault_name = &fault_name;
    spec.command_name = &descriptor_name;
    spec.describe = &describe;
    return spec;
}

struct ReasonName {
    Reason reason;
    const char* name;
};
constexpr ReasonName kReasons[] = {
    {Reason::none, "refused without a record"},
    {Reason::root_not_present, "root entry not present"},
    {Reason::context_not_present, "context entry not present"},
    {Reason::context_invalid, "context entry invalid"},
    {Reason::address_beyond_width, "address beyond the domain's width"},
    {Reason::no_write, "no write permission"},
    {Reason::no_read, "no read permission"},
    {Reason::entry_access, "page table not readable"},
    {Reason::root_access, "root table not readable"},
    {Reason::context_access, "context table not readable"},
    {Reason::root_reserved, "root entry: reserved bits"},
    {Reason::context_reserved, "context entry: reserved bits"},
    {Reason::entry_reserved, "page-table entry: reserved bits"},
    {Reason::request_blocked, "translation type blocks the request"},
    {Reason::interrupt_address, "page in the interrupt range"},
    {Reason::ir_request_reserved, "interrupt request: reserved bits"},
    {Reason::ir_index, "interrupt index beyond the table"},
    {Reason::ir_not_present, "interrupt entry not present"},
    {Reason::ir_access, "interrupt table not readable"},
    {Reason::ir_reserved, "interrupt entry: reserved bits"},
    {Reason::ir_compatibility, "compatibility format blocked"},
    {Reason::ir_source, "interrupt of another source"},
    {Reason::sm_table_address, "root table address: reserved mode"},
    {Reason::sm_pasid_in_legacy, "PASID in legacy mode"},
    {Reason::sm_page_group_in_legacy, "page request in legacy mode"},
    {Reason::sm_root_access, "root table not readable"},
    {Reason::sm_root_not_present, "root entry not present"},
    {Reason::sm_root_reserved, "root entry: reserved bits"},
    {Reason::sm_context_access, "context table not readable"},
    {Reason::sm_context_not_present, "context entry not present"},
    {Reason::sm_context_reserved, "context entry: reserved bits"},
    {Reason::sm_context_invalid, "context entry invalid"},
    {Reason::sm_no_device_tlb, "no device TLB allowed (DTE)"},
    {Reason::sm_no_pasid, "no PASID allowed (PASIDE)"},
    {Reason::sm_pasid_too_large, "PASID too large"},
    {Reason::sm_no_page_requests, "no page requests allowed (PRE)"},
    {Reason::sm_rid_pasid_too_large, "RID_PASID too large"},
    {Reason::sm_directory_access, "PASID directory not readable"},
    {Reason::sm_directory_not_present, "PASID directory entry not present"},
    {Reason::sm_directory_reserved, "PASID directory entry: reserved bits"},
    {Reason::sm_pasid_access, "PASID table not readable"},
    {Reason::sm_pasid_not_present, "PASID entry not present"},
    {Reason::sm_pasid_reserved, "PASID entry: reserved bits"},
    {Reason::sm_pasid_invalid, "PASID entry invalid"},
    {Reason::sm_no_execute_requests, "no execute requests allowed (ERE)"},
    {Reason::sm_no_supervisor, "no supervisor requests allowed (SRE)"},
    {Reason::sm_first_access, "first level: table not readable"},
    {Reason::sm_first_not_present, "first level: entry not present"},
    {Reason::sm_first_reserved, "first level: reserved bits"},
    {Reason::sm_first_root, "first level: first table not readable"},
    {Reason::sm_nested_beyond_width, "nested: first-level table beyond the second level"},
    {Reason::sm_nested_root, "nested: second level refuses the first table"},
    {Reason::sm_nested_entry, "nested: second level refuses a table"},
    {Reason::sm_nested_update, "nested: second level refuses a write to a table"},
    {Reason::sm_second_access, "second level: table not readable"},
    {Reason::sm_second_not_present, "second level: entry not present"},
    {Reason::sm_second_reserved, "second level: reserved bits"},
    {Reason::sm_second_root, "second level: first table not readable"},
    {Reason::sm_second_update, "second level: A or D cannot be set"},
    {Reason::sm_not_canonical, "address not canonical"},
    {Reason::sm_supervisor_page, "user request to a supervisor page"},
    {Reason::sm_no_execute, "no execute permission"},
    {Reason::sm_beyond_width, "address beyond the domain's width"},
    {Reason::sm_second_beyond_width, "nested: first-level output beyond the second level"},
    {Reason::sm_no_write, "no write permission"},
    {Reason::sm_no_read, "no read permission"},
    {Reason::sm_interrupt_address, "address in the interrupt range"},
    {Reason::sm_first_update, "first level: A or D cannot be set"},
};

}  // namespace

std::string fault_name(std::uint16_t code) {
    for (const ReasonName& one : kReasons) {
        if (static_cast<std::uint16_t>(one.reason) == code) return one.name;
    }
    return fmt::format("reason {:#x}", code);
}

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::vtd
