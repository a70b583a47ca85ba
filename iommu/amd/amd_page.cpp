#include "iommu/amd/amd_page.hpp"

#include <fmt/format.h>

#include "iommu/amd/iommu.hpp"

namespace xlate::iommu::amd {
namespace {

struct Row {
    const char* name;
    const char* support;
    const char* note;
};

/// In the order of register_rows().
constexpr Row kRegisters[] = {
    {"Device Table Base Address", "functional", "a device beyond its size: ILLEGAL_DEV_TABLE_ENTRY"},
    {"Command Buffer Base Address", "functional", ""},
    {"Event Log Base Address", "functional", ""},
    {"Control", "functional",
     "EN, EVTLOG, EVTINT, COMWAIT, CMDBUF, PPRLOG, PPRINT, PPR, GT, GA, XT, INTCAPXT act; the others are stored"},
    {"Exclusion Base", "functional", ""},
    {"Exclusion Range Limit", "functional", ""},
    {"Extended Feature", "functional", "by `soc.iommu.amd_vi.like`"},
    {"PPR Log Base Address", "functional", ""},
    {"Guest Virtual APIC Log Base Address", "stored", "no guest virtual APIC"},
    {"Guest Virtual APIC Log Tail Address", "stored", ""},
    {"MSI Capability Header", "functional", "the enable bit: what the function's capability holds"},
    {"MSI Address Low", "functional", ""},
    {"MSI Address High", "functional", ""},
    {"MSI Data", "functional", ""},
    {"XT General Interrupt Control", "functional", "with CONTROL.INTCAPXT"},
    {"XT PPR Interrupt Control", "functional", "with CONTROL.INTCAPXT"},
    {"XT GA Log Interrupt Control", "stored", ""},
    {"Extended Feature 2", "functional", "0"},
    {"Command Buffer Head Pointer", "functional", ""},
    {"Command Buffer Tail Pointer", "functional", ""},
    {"Event Log Head Pointer", "functional", ""},
    {"Event Log Tail Pointer", "functional", ""},
    {"Status", "functional", "EVT_OVF and COMWAIT are set whether or not their interrupts are enabled"},
    {"PPR Log Head Pointer", "functional", ""},
    {"PPR Log Tail Pointer", "functional", ""},
    {"GA Log Head Pointer", "stored", ""},
    {"GA Log Tail Pointer", "stored", ""},
};
constexpr Row kStructures[] = {
    {"Device table entry", "functional", "V, TV, Mode, IR, IW, GV, GIOV, GLX, GCR3, domain, I, SE, SA, EX, interrupts"},
    {"HAD, SYSMGT, PPR of it", "stored", "no accessed and dirty bits in v1 words; no system management range"},
    {"v1 tables, one to six levels", "functional",
     "skipped levels, leaves of each level's size and replicated ones of any power of two; reserved bits refused"},
    {"GCR3 table, one to three levels", "functional", "at system addresses; not cached"},
    {"v2 tables, four and five levels", "functional", "A and D are set; through v1 tables if the device has both"},
    {"Interrupt table, entries of 4 and 16 bytes", "functional",
     "fixed and arbitrated; NMI, INIT, ExtINT by the device's entry; a guest's entry is refused"},
    {"Exclusion range", "functional", ""},
    {"Performance counters, segmented device tables, SNP", "absent", ""},
};
constexpr Row kCommands[] = {
    {"COMPLETION_WAIT", "functional", "waits for older commands, translations and events; then stores, then signals"},
    {"INVALIDATE_DEVTAB_ENTRY", "functional", ""},
    {"INVALIDATE_IOMMU_PAGES", "functional",
     "S, PDE, GN; without GN also all that went through both stages of the domain, whatever the address"},
    {"INVALIDATE_IOTLB_PAGES", "functional", "the wait behind it waits for the endpoint, or says IOTLB_INV_TIMEOUT"},
    {"INVALIDATE_INTERRUPT_TABLE", "functional", ""},
    {"PREFETCH_IOMMU_PAGES", "functional", "a hint: fills the TLB, reports nothing"},
    {"COMPLETE_PPR_REQUEST", "functional", ""},
    {"INVALIDATE_IOMMU_ALL", "functional", ""},
};
/// By event code - 1.
constexpr const char* kEvents[] = {
    "a reserved bit (RZ), a level that does not exist, or a device beyond the table",
    "PR: something is mapped; PE: no permission; RZ: a reserved bit; I: an interrupt",
    "the entry could not be read",
    "a table word or an interrupt entry could not be read",
    "an opcode that does not exist or a reserved bit; the buffer stops",
    "the command could not be read; the buffer stops",
    "an endpoint did not answer its invalidation",
    "type 0: a read of the interrupt range, with TR a request of a device without I; 1: a translated access of one",
    "never",
};

template <std::size_t N>
void table(std::string& page, const char* heading, const char* first, const Row (&rows)[N]) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|---|---|\n", heading, first);
    for (const Row& row : rows) page += fmt::format("| {} | {} | {} |\n", row.name, row.support, row.note);
}

}  // namespace

std::string amd_page() {
    std::string page =
        "# AMD-Vi\n\n"
        "What the model does with each register, structure, command and event: *functional* it acts, *stored* it keeps "
        "what is\nwritten, *absent* not there. Made by `iommu/amd/amd_page.cpp`; a test holds it.\nSource: "
        "`docs/spec/iommu-hardware.md` section 4; what that leaves open, and what is done here: "
        "`iommu/amd/README.md`.\n"
        "\n## Registers\n\n| Offset | Register | Bytes | Access | Support | Note |\n|---|---|---|---|---|---|\n";
    const Span<RegSpec> rows = register_rows();
    static_assert(std::size(kRegisters) == 27);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const RegSpec& row = rows[i];
        const char* access = row.access == Access::ro ? "ro" : row.access == Access::w1c ? "w1c" : "rw";
        page += fmt::format("| {:#06x} | {} | {} | {} | {} | {} |\n", row.offset, row.name, row.size, access,
                            kRegisters[i].support, kRegisters[i].note);
    }
    table(page, "Structures", "Structure", kStructures);
    table(page, "Commands", "Command", kCommands);
    page += "\n## Events\n\n| Code | Event | When |\n|---|---|---|\n";
    for (std::uint16_t code = 1; code <= std::size(kEvents); ++code) {
        page += fmt::format("| {} | {} | {} |\n", code, event_name(code), kEvents[code - 1]);
    }
    page += "\n## Features by name\n\n| `like` | Extended Feature |\n|---|---|\n";
    for (const char* name : {"qemu", "full", "v1"})
        page += fmt::format("| {} | {:#x} |\n", name, ext_feat_by_name(name));
    page += "\n## Statistics\n\n| Counter | What |\n|---|---|\n";
    for (const CounterSpec& counter : sheet().counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    page += "\n## Caches\n\n| Structure | Config |\n|---|---|\n";
    for (const StructureSpec& structure : sheet().structures) {
        const char* key = structure.kind == Structure::config_cache ? "core.config_cache"
                          : structure.kind == Structure::tlb        ? "core.tlb"
                                                                    : "core.walk_cache";
        page += fmt::format("| {} | {} |\n", structure.name, key);
    }
    return page;
}

}  // namespace xlate::iommu::amd
