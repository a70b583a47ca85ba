#include "iommu/omap/page.hpp"

#include <fmt/format.h>

#include "iommu/omap/omap.hpp"

namespace xlate::iommu::omap {
namespace {

struct Row {
    const char* name;
    std::uint32_t code;
    const char* support;
    const char* note;
};

constexpr Row kRegisters[] = {
    {"REVISION", reg::REVISION, "functional", "major [7:4], minor [3:0]: 2.0 (estimate)"},
    {"SYSCONFIG", reg::SYSCONFIG, "functional",
     "SOFTRESET 1 acts with the write and reads 0; the idle modes are stored"},
    {"SYSSTATUS", reg::SYSSTATUS, "functional", "RESETDONE 0, always"},
    {"IRQSTATUS", reg::IRQSTATUS, "functional", "write 1 to clear; with nothing left what has stalled tries again"},
    {"IRQENABLE", reg::IRQENABLE, "functional", ""},
    {"WALKING_ST", reg::WALKING_ST, "functional", "1 while a walk is under way"},
    {"CNTL", reg::CNTL, "functional", "MMU_EN 1, TWL_EN 2; EML_TLB 3 is stored"},
    {"FAULT_AD", reg::FAULT_AD, "functional", "of the fault that IRQSTATUS tells"},
    {"TTB", reg::TTB, "functional", "[31:14]"},
    {"LOCK", reg::LOCK, "functional", "VICT [8:4], BASE [14:10]"},
    {"LD_TLB", reg::LD_TLB, "functional", "bit 0 loads CAM and RAM at VICT, which stays"},
    {"CAM", reg::CAM, "functional", "address [31:12], P 3, V 2, size [1:0]: 0 1M, 1 64K, 2 4K, 3 16M"},
    {"RAM", reg::RAM, "functional", "address [31:12]; ENDIAN 9, ELSZ [8:7], MIXED 6 are stored"},
    {"GFLUSH", reg::GFLUSH, "functional", "bit 0 drops every entry that P does not preserve"},
    {"FLUSH_ENTRY", reg::FLUSH_ENTRY, "functional", "bit 0 drops what matches CAM, preserved or not"},
    {"READ_CAM", reg::READ_CAM, "functional", "of the entry at VICT; beyond the last one 0"},
    {"READ_RAM", reg::READ_RAM, "functional", "the same"},
    {"EMU_FAULT_AD", reg::EMU_FAULT_AD, "absent", "reads 0: no emulator"},
    {"FAULT_PC", reg::FAULT_PC, "absent", "reads 0"},
    {"GP_REG", reg::GP_REG, "functional", "BUS_ERR_BACK_EN 0: a fault is answered with a bus error and stalls nothing"},
};
constexpr Row kInterrupts[] = {
    {"TLBMISS", 0, "functional", "no entry and no walker; the access waits until an entry for it is loaded"},
    {"TRANSLATION", 1, "functional", "the tables have nothing"},
    {"EMUMISS", 2, "absent", "no emulator"},
    {"TABLEWALK", 3, "functional", "a table that memory refuses"},
    {"MULTIHIT", 4, "functional", "two entries match"},
};
constexpr Row kWords[] = {
    {"first level, [1:0] 1: table [31:10]", 1, "functional", ""},
    {"first level, [1:0] 2: section [31:20]; bit 18: supersection [31:24]", 1, "functional",
     "16 equal words; each is read by itself, an unequal one is used as it is"},
    {"second level, bit 1: small page [31:12]; bit 0 alone: large page [31:16]", 1, "functional", "16 equal words"},
    {"MIXED, ENDIAN, ELSZ", 1, "stored", "go to the TLB entry; data is not converted"},
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

std::string omap_page() {
    std::string page = R"(# OMAP IOMMU: what the model does

Made by `omap_page()` from the tables in `iommu/omap/`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification (`docs/spec/iommu-hardware.md` 6) says.
- *stored*: kept and read back, without effect. *absent*: not there.

One TLB of 32 entries, or of as many as firmware's `ti,#tlb-entries` says, and one walker. No other cache: every access looks an
entry up, and what software reads in the TLB is all that there is. The walker fills the entry at LOCK.VICT, which then moves on round
the entries from LOCK.BASE up; a driver that looks through the TLB moves VICT too, and changes with it what the walker replaces next.

Ours, where nothing is documented: an access that faults while another fault is recorded waits for that one, unrecorded; hits go on
meanwhile. A victim below BASE or beyond the last entry is none: the first entry that is not locked goes. With all entries locked a
walk keeps nothing. Switching the MMU off lets what has stalled pass. Addresses beyond 32 bits are aborted.

Of a DSP with two MMUs every access goes through the one that its `iommus` names first (which of its ports has which MMU is not in
firmware); the driver programs both alike. The enables in DRA7's DSP system module are written and count as given.

Linux: `omap3isp` and the remote processors attach domains of their own (`kernel-model/clients/omap_clients`). Until 6.12 the driver has no
`of_xlate`, so that the DMA API goes past it: in 6.1 a walk of the bus finds its clients; in 6.8 to 6.12 none of them has a group
(`docs/spec/linux-findings.md` 14). Since 6.13 (c9b4a3185fcb) it has one, every instance registers, a DSP's second MMU too, and the clients
take the architecture's mapping off before they attach. A fault that nothing handles switches the MMU's interrupts off, and what has
stalled stays so.
)";
    table(page, "Registers", "Register | Offset", kRegisters, "0x{:02x}");
    table(page, "Interrupts", "Interrupt | Bit", kInterrupts, "{}");
    table(page, "Words of the tables", "Word", kWords, "");
    page += "\n## Faults\n\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= static_cast<std::uint16_t>(Fault::unsupported); ++code) {
        page += fmt::format("| {} | {} |\n", code, kSpec.fault_name(code));
    }
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : kSpec.counters) {
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    }
    return page;
}

}  // namespace xlate::iommu::omap
