#include "iommu/simple/rockchip_page.hpp"

#include <fmt/format.h>

#include "iommu/simple/rockchip.hpp"

namespace xlate::iommu::rockchip {
namespace {

struct Row {
    const char* name;
    std::uint32_t code;
    const char* support;
    const char* note;
};

constexpr Row kRegisters[] = {
    {"DTE_ADDR", reg::DTE_ADDR, "functional", "address bits only: [31:12], version 2 also [11:4]; the others read 0"},
    {"STATUS", reg::STATUS, "functional",
     "PAGING 0, FAULT_ACTIVE 1, STALL_ACTIVE 2, IDLE 3, REPLAY_EMPTY 4, FAULT_IS_WRITE 5, STALL_NOT_ACTIVE 31"},
    {"COMMAND", reg::COMMAND, "functional", "write only; codes without a command are ignored"},
    {"PAGE_FAULT_ADDR", reg::PAGE_FAULT_ADDR, "functional", "of the last page fault or bus error"},
    {"ZAP_ONE_LINE", reg::ZAP_ONE_LINE, "functional", "drops the page's translation and its directory word"},
    {"INT_RAWSTAT", reg::INT_RAWSTAT, "functional", "read only"},
    {"INT_CLEAR", reg::INT_CLEAR, "functional", "write 1 to clear"},
    {"INT_MASK", reg::INT_MASK, "functional", "1: enabled"},
    {"INT_STATUS", reg::INT_STATUS, "functional", "INT_RAWSTAT and INT_MASK"},
    {"AUTO_GATING", reg::AUTO_GATING, "stored", "no clock is modelled"},
};
constexpr Row kCommands[] = {
    {"enable paging", 0, "functional", "takes effect when the owner lets it, as do 1, 2, 3 and 6"},
    {"disable paging", 1, "functional", "a stall ends with it"},
    {"enable stall", 2, "functional", "ignored while paging is off"},
    {"disable stall", 3, "functional", "what waited is tried again, oldest first"},
    {"zap cache", 4, "functional", "complete with the write"},
    {"page fault done", 5, "functional",
     "what waited is tried again; an access that faults again is aborted (ours: hardware repeats the fault for ever)"},
    {"force reset", 6, "functional", "all registers but AUTO_GATING"},
};
constexpr Row kInterrupts[] = {
    {"PAGE_FAULT", 0, "functional",
     "no table, no page, or a right that its word does not give; the MMU translates nothing until it is done"},
    {"BUS_ERROR", 1, "functional", "a table that memory refuses; the access is aborted"},
};
constexpr Row kWords[] = {
    {"DTE: table [31:12], valid 0", 1, "functional", "version 2: table [35:32] at [11:8], [39:36] at [7:4]"},
    {"PTE: page [31:12], valid 0, readable 1, writable 2", 1, "functional", "version 2: as in a DTE"},
    {"PTE: override 3, hints [8:4] (version 1)", 1, "stored", "no cache hints"},
    {"PTE: secure 3 (version 2)", 1, "stored", "no secure world"},
};

template <std::size_t N>
void table(std::string& page, const char* heading, const char* first, const Row (&rows)[N], const char* format) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|{}---|---|\n", heading, first,
                        *format != 0 ? "---|" : "");
    for (const Row& row : rows) {
        page += fmt::format("| {} |", row.name);
        if (*format != 0) page += fmt::format(" {} |", fmt::format(fmt::runtime(format), row.code));
        page += fmt::format(" {} | {} |\n", row.support, row.note);
    }
}

}  // namespace

std::string rockchip_page() {
    std::string page = R"(# Rockchip IOMMU: what the model does

Made by `rockchip_page()` from the tables in `iommu/simple/`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification (`docs/spec/iommu-hardware.md` 16.1) says.
- *stored*: kept and read back, or accepted, without effect.

Version 1 is `rockchip,iommu` (32-bit output), version 2 `rockchip,rk3568-iommu` (40 bits). An instance has an MMU for each `reg` entry
of its node, each with registers, TLB, directory and interrupt of its own (MMUs beyond the last interrupt share it). Of several
MMUs the last serves writes and the others reads; which of a real chip's master ports has which MMU is not documented.

Not modelled: the secure world, cache hints, clocks, TLB entries of invalid words (real lines hold several words, which is why
Linux zaps the first and last page of a new mapping).
)";
    table(page, "Registers of each MMU", "Register | Offset", kRegisters, "0x{:02x}");
    table(page, "Commands", "Command | Code", kCommands, "{}");
    table(page, "Interrupts", "Interrupt | Bit", kInterrupts, "{}");
    table(page, "Words of the tables", "Word", kWords, "");
    page += "\n## Faults\n\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= static_cast<std::uint16_t>(Fault::unsupported); ++code) {
        page += fmt::format("| {} | {} |\n", code, kSpec.fault_name(code));
    }
    page += "\n## Structures\n\n| Key | Entries |\n|---|---|\n";
    const Parameters parameters;
    for (const StructureSpec& structure : kSpec.structures) {
        const CacheParams& cache = structure.kind == Structure::tlb ? parameters.tlb : parameters.directory;
        page += fmt::format("| {} | {} a MMU, fully associative (estimate) |\n", structure.name, cache.entries);
    }
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : kSpec.counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    return page;
}

}  // namespace xlate::iommu::rockchip
