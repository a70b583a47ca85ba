#include "iommu/riscv/riscv_page.hpp"

#include <fmt/format.h>

#include "iommu/riscv/iommu.hpp"

namespace xlate::iommu::riscv {
namespace {

struct Row {
    const char* name;
    const char* support;
    const char* note;
};

/// In the order of register_rows().
constexpr Row kRegisters[] = {
    {"capabilities", "functional", "by `soc.iommu.riscv.like`"},
    {"fctl", "functional",
     "BE, WSI, GXL as far as the capabilities have both; only while directory and queues are off"},
    {"ddtp", "functional", "busy until it is in effect; a mode that is not there changes nothing"},
    {"cqb", "functional", "ignored while the queue is on"},
    {"cqh", "functional", ""},
    {"cqt", "functional", ""},
    {"fqb", "functional", "ignored while the queue is on"},
    {"fqh", "functional", ""},
    {"fqt", "functional", ""},
    {"pqb", "functional", "read-only 0 without ATS"},
    {"pqh", "functional", "read-only 0 without ATS"},
    {"pqt", "functional", ""},
    {"cqcsr", "functional", "en, ie, mf, cmd_to, cmd_ill, fence_w_ip, on, busy; off waits for the command in hand"},
    {"fqcsr", "functional", "en, ie, mf, of, on, busy"},
    {"pqcsr", "functional", "as fqcsr; the queue can be switched on without ATS, and stays empty"},
    {"ipsr", "functional", "a source with an error left is pending again"},
    {"iocntovf", "functional", ""},
    {"iocntinh", "functional", ""},
    {"iohpmcycles", "stored", "an engine has no clock: it stands still"},
    {"iohpmctr", "functional", "of as many bits as the instance has"},
    {"iohpmevt", "functional", "event, filters by device, process, GSCID, PSCID, partial ids, OF"},
    {"tr_req_iova", "functional", ""},
    {"tr_req_ctl", "functional", "one translation at a time; its fault is recorded as any other"},
    {"tr_response", "functional", ""},
    {"iommu_qosid", "stored", "no quality of service"},
    {"icvec", "functional", ""},
    {"msi_addr", "functional", ""},
    {"msi_data", "functional", ""},
    {"msi_vec_ctl", "functional", "a masked vector's message waits"},
};
constexpr Row kStructures[] = {
    {"DDT, one to three levels, contexts of 32 or 64 bytes", "functional",
     "all checks of a context, reserved bits included"},
    {"PDT: PD8, PD17, PD20", "functional", "through the second stage where there is one"},
    {"First stage: Sv32, Sv39, Sv48, Sv57", "functional",
     "NAPOT leaves are kept as 64 KiB; PBMT becomes memory attributes"},
    {"Second stage: Sv32x4, Sv39x4, Sv48x4, Sv57x4", "functional", ""},
    {"A/D updates (SADE, GADE)", "functional", "compare-and-swap; a word that changed meanwhile is read again"},
    {"MSI page table, basic entries", "functional", "not kept: no command drops them alone"},
    {"MSI page table, MRIF entries", "functional",
     "a write of 4 bytes is stored there, and a notice goes on in its place if its identity is enabled; a write that "
     "carries no data (masters of a config) goes to the notice page"},
    {"Big-endian structures (fctl.BE, tc.SBE)", "functional", ""},
    {"Custom encodings", "absent", "misconfigured"},
};
constexpr Row kCommands[] = {
    {"IOTINVAL.VMA", "functional", "AV, PSCV, GV; NL and S where the capabilities have them"},
    {"IOTINVAL.GVMA", "functional", "drops all that went through the guest's tables, whatever the address"},
    {"IOFENCE.C", "functional",
     "older commands, translations and records; AV, WSI. PR and PW change nothing: all older accesses are waited for"},
    {"IODIR.INVAL_DDT", "functional", "its process contexts go with a device's"},
    {"IODIR.INVAL_PDT", "functional", ""},
    {"ATS.INVAL", "functional", "the fence behind it waits for the endpoint, or ends in cmd_to"},
    {"ATS.PRGR", "functional", ""},
};
constexpr const char* kEvents[] = {"none",
                                   "untranslated requests",
                                   "translated requests",
                                   "ATS requests",
                                   "TLB misses",
                                   "device directory walks",
                                   "process directory walks",
                                   "first-stage words",
                                   "second-stage words"};

template <std::size_t N>
void table(std::string& page, const char* heading, const char* first, const Row (&rows)[N]) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|---|---|\n", heading, first);
    for (const Row& row : rows) page += fmt::format("| {} | {} | {} |\n", row.name, row.support, row.note);
}

void registers(std::string& page) {
    page += "\n## Registers\n\n| Offset | Register | Bytes | Access | Support | Note |\n|---|---|---|---|---|---|\n";
    const Span<RegRow> rows = register_rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const RegRow& row = rows[i];
        const char* access = row.first.access == Access::ro ? "ro" : row.first.access == Access::w1c ? "w1c" : "rw";
        const std::string count = row.count > 1 ? fmt::format(" × {}", row.count) : "";
        page += fmt::format("| {:#05x} | {}{} | {} | {} | {} | {} |\n", row.first.offset, row.first.name, count,
                            row.first.size, access, kRegisters[i].support, kRegisters[i].note);
    }
}

void causes(std::string& page) {
    page += "\n## Causes\n\n| Cause | What |\n|---|---|\n";
    for (std::uint16_t code = 0; code < 512; ++code) {
        const std::string text = fault_name(code);
        if (text.rfind("cause ", 0) == 0) continue;
        const auto cause = static_cast<Cause>(code);
        const bool never = cause == Cause::internal;
        page += fmt::format("| {} | {}{} |\n", code, text, never ? " (never: absent)" : "");
    }
}

}  // namespace

std::string riscv_page() {
    std::string page =
        "# The RISC-V IOMMU\n\n"
        "What the model does with each register, structure, command and cause: *functional* it acts, *stored* it keeps "
        "what "
        "is\nwritten, *limited* as the note says, *absent* not there. Made by `iommu/riscv/riscv_page.cpp`; a test "
        "holds "
        "it.\nSource: RISC-V IOMMU specification 1.0; `docs/spec/iommu-hardware.md` section 9.\n";
    static_assert(std::size(kRegisters) == 29);
    registers(page);
    table(page, "Structures", "Structure", kStructures);
    table(page, "Commands", "Command", kCommands);
    causes(page);
    page += "\n## Events of counters\n\n| Event | What |\n|---|---|\n";
    for (std::size_t i = 0; i < std::size(kEvents); ++i) page += fmt::format("| {} | {} |\n", i, kEvents[i]);
    page += "\n## Capabilities by name\n\n| `like` | capabilities |\n|---|---|\n";
    for (const char* name : {"qemu", "full", "base"}) {
        page += fmt::format("| {} | {:#x} |\n", name, capabilities_by_name(name));
    }
    page += "\n## Statistics\n\n| Counter | What |\n|---|---|\n";
    for (const CounterSpec& counter : sheet().counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    page += "\n## Caches\n\n| Structure | Config |\n|---|---|\n";
    for (const StructureSpec& structure : sheet().structures) {
        const char* key = structure.name == "pdt_cache"               ? "riscv.pdt_cache"
                          : structure.kind == Structure::config_cache ? "core.config_cache"
                          : structure.kind == Structure::tlb          ? "core.tlb"
                          : structure.kind == Structure::ipa_cache    ? "core.ipa_cache"
                                                                      : "core.walk_cache";
        page += fmt::format("| {} | {} |\n", structure.name, key);
    }
    return page;
}

}  // namespace xlate::iommu::riscv
