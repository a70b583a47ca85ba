#include <array>

#include <fmt/format.h>

#include "iommu/riscv/iommu.hpp"
#include "iommu/riscv/purpose.hpp"

namespace xlate::iommu::riscv {

namespace {

// Lines by vector: firmware knows them by their place in `interrupts`. An instance says how many it has.
constexpr std::array kWires{WireSpec{"", 0}, WireSpec{"", 1}, WireSpec{"", 2}, WireSpec{"", 3}};
constexpr std::array kMachines{MachineSpec{"commands", MachineRole::commands},
                               MachineSpec{"outputs", MachineRole::outputs},
                               MachineSpec{"tr_req", MachineRole::operation}};
constexpr std::array kStructures{
    StructureSpec{"ddt_cache", Structure::config_cache, 1, 0},
    StructureSpec{"pdt_cache", Structure::config_cache, 1, 1},
    StructureSpec{"tlb", Structure::tlb},
    StructureSpec{"gpa_cache", Structure::ipa_cache, 2},
    StructureSpec{"walk_cache_s1_level0", Structure::walk_cache, 1, 0},
    StructureSpec{"walk_cache_s1_level1", Structure::walk_cache, 1, 1},
    StructureSpec{"walk_cache_s1_level2", Structure::walk_cache, 1, 2},
    StructureSpec{"walk_cache_s2_level0", Structure::walk_cache, 2, 0},
    StructureSpec{"walk_cache_s2_level1", Structure::walk_cache, 2, 1},
    StructureSpec{"walk_cache_s2_level2", Structure::walk_cache, 2, 2},
};
constexpr std::array kCounters{
    CounterSpec{"translations", "", "translations that missed the ports' TLBs, those of tr_req included"},
    CounterSpec{"faults", "", "of those: ended with a fault, recorded or not"},
    CounterSpec{"config_reads", "", "directory entries and contexts read, devices' and processes'"},
    CounterSpec{"config_misses", "", "look-ups of the DDT and PDT caches without a hit"},
    CounterSpec{"tlb_misses", "", "look-ups of the TLB without a hit, or without the rights that were needed"},
    CounterSpec{"walks", "", "translations that needed a walk of one stage or both"},
    CounterSpec{"walk_reads", "", "table words read, both stages"},
    CounterSpec{"ad_updates", "", "table words in which A or D was set"},
    CounterSpec{"msi_translations", "", "accesses to virtual interrupt files, by the MSI page table"},
    CounterSpec{"ats_requests", "", "translation requests of endpoints"},
    CounterSpec{"ats_translated", "", "accesses with a translated address"},
    CounterSpec{"events", "", "fault records written"},
    CounterSpec{"events_lost", "", "fault records dropped: queue off, full or faulty"},
    CounterSpec{"page_requests", "", "page request records written"},
    CounterSpec{"messages", "", "own interrupts sent as messages"},
};
constexpr PurposeSpec walk(std::string_view name, std::uint8_t stage, std::uint8_t level) {
    return {name, AccessRole::walk, stage, level};
}
constexpr std::array kPurposes{
    PurposeSpec{"ddt_entry", AccessRole::device_config},
    PurposeSpec{"device_context", AccessRole::device_config},
    PurposeSpec{"pdt_entry", AccessRole::process_config},
    PurposeSpec{"process_context", AccessRole::process_config},
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
    walk("msi_entry", 2, 3),
    PurposeSpec{"ad_update", AccessRole::update},
    PurposeSpec{"command", AccessRole::command},
    PurposeSpec{"fault_record", AccessRole::record},
    PurposeSpec{"page_request", AccessRole::record},
    PurposeSpec{"fence", AccessRole::message},
    PurposeSpec{"msi", AccessRole::message},
};
static_assert(kPurposes.size() == static_cast<std::size_t>(Purpose::msi) + 1);

constexpr InstanceSpec make() {
    InstanceSpec spec;
    spec.arch = "riscv";
    spec.title = "RISC-V IOMMU";
    spec.ports = Ports::one;
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

std::string fault_name(std::uint16_t code) {
    switch (static_cast<Cause>(code)) {
        case Cause::instruction_access:
            return "instruction access fault";
        case Cause::read_access:
            return "read access fault";
        case Cause::write_access:
            return "write access fault";
        case Cause::instruction_page:
            return "instruction page fault";
        case Cause::read_page:
            return "read page fault";
        case Cause::write_page:
            return "write page fault";
        case Cause::instruction_guest_page:
            return "instruction guest page fault";
        case Cause::read_guest_page:
            return "read guest page fault";
        case Cause::write_guest_page:
            return "write guest page fault";
        case Cause::disallowed:
            return "all inbound transactions disallowed";
        case Cause::ddt_load:
            return "DDT entry load access fault";
        case Cause::ddt_invalid:
            return "DDT entry not valid";
        case Cause::ddt_misconfigured:
            return "DDT entry misconfigured";
        case Cause::type_disallowed:
            return "transaction type disallowed";
        case Cause::msi_load:
            return "MSI PTE load access fault";
        case Cause::msi_invalid:
            return "MSI PTE not valid";
        case Cause::msi_misconfigured:
            return "MSI PTE misconfigured";
        case Cause::mrif_access:
            return "MRIF access fault";
        case Cause::pdt_load:
            return "PDT entry load access fault";
        case Cause::pdt_invalid:
            return "PDT entry not valid";
        case Cause::pdt_misconfigured:
            return "PDT entry misconfigured";
        case Cause::ddt_corrupt:
            return "DDT data corruption";
        case Cause::pdt_corrupt:
            return "PDT data corruption";
        case Cause::msi_corrupt:
            return "MSI PT data corruption";
        case Cause::mrif_corrupt:
            return "MRIF data corruption";
        case Cause::internal:
            return "internal datapath error";
        case Cause::msi_write:
            return "IOMMU MSI write access fault";
        case Cause::table_corrupt:
            return "page table data corruption";
    }
    return fmt::format("cause {}", code);
}

const InstanceSpec& sheet() {
    static constexpr InstanceSpec kSheet = make();
    return kSheet;
}

}  // namespace xlate::iommu::riscv
