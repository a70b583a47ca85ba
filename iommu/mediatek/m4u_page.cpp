#include "iommu/mediatek/m4u_page.hpp"

#include <fmt/format.h>

#include "iommu/mediatek/m4u.hpp"

namespace xlate::iommu::mediatek {
namespace {

struct Row {
    const char* name;
    std::uint32_t offset;
    const char* support;
    const char* note;
};

constexpr Row kRegisters[] = {
    {"PT_BASE", reg::PT_BASE, "functional",
     "PA[31:7], PA[34:32] in [2:0]; takes effect with the write, flushes nothing"},
    {"INVALIDATE", reg::INVALIDATE, "functional",
     "1: START to END of this bank; 2: everything, of all banks if bank 0; nothing while INV_SEL is 0"},
    {"INVLD_START, INVLD_END", reg::INVLD_START, "functional",
     "IOVA[31:12], IOVA[33:32] in [1:0]; END's page included"},
    {"INV_SEL", reg::INV_SEL_GEN2, "functional", "0x038 in mt2712, 6795, 8167, 8173, 8183, 8365; 0: of no MMU"},
    {"MISC_CTRL", reg::MISC_CTRL, "stored", "order and width of bus accesses"},
    {"DCM_DIS", reg::DCM_DIS, "stored", "no clock is modelled"},
    {"WR_LEN_CTRL", reg::WR_LEN_CTRL, "stored", "0x00210021 at power-on (ours; Linux needs it not to be 0)"},
    {"CTRL", reg::CTRL, "stored", "a faulting access always goes to the protect buffer"},
    {"IVRP_PADDR", reg::IVRP_PADDR, "stored", "the protect buffer is not accessed: reads give zero, writes go nowhere"},
    {"VLD_PA_RNG", reg::VLD_PA_RNG, "functional", "first and last GiB of memory; 0: all of it"},
    {"INT_CONTROL0", reg::INT_CONTROL0, "functional", "CLR 12 clears FAULT_ST1; the enables of the L2 are stored"},
    {"INT_MAIN", reg::INT_MAIN, "functional", "enables the causes of FAULT_ST1"},
    {"CPE_DONE", reg::CPE_DONE, "functional",
     "1 when a range is flushed and older translations are done; any write clears"},
    {"FAULT_ST1", reg::FAULT_ST1, "functional",
     "translation and invalid PA; MMU 0 [6:0], MMU 1 [13:7]; the first is kept"},
    {"MMU0_FAULT_VA, INVLD_PA", reg::MMU0_FAULT_VA, "functional",
     "VA[31:12], VA[34:32] [11:9], PA[34:32] [8:6], write 1"},
    {"MMU1_FAULT_VA, INVLD_PA", reg::MMU1_FAULT_VA, "functional",
     "of the inputs that the SMI common's BUS_SEL gives it"},
    {"MMU0_INT_ID, MMU1_INT_ID", reg::MMU0_INT_ID, "functional", "port, and larb or inputs of common and sub-common"},
};
constexpr Row kOutside[] = {
    {"larb: NONSEC_CON(port)", larb::NONSEC_CON(0), "functional", "EN 0; IOVA[33:32] in [9:8], for 34-bit parts"},
    {"larb: MMU_EN of mt8173, mt6795", larb::MMU_EN_MT8173, "functional", "one bit a port"},
    {"larb: MMU_EN of mt8167", larb::MMU_EN_MT8167, "functional", "one bit a port"},
    {"larb: SLP_CON", larb::SLP_CON, "functional", "ready 16 follows request 0 at once"},
    {"larb: all others", 0, "stored", "limits of requests"},
    {"SMI common: BUS_SEL", smi_common::BUS_SEL, "functional", "which MMU latches an input's faults"},
    {"SMI common: all others", 0, "stored", ""},
    {"PERICFG: IOMMU_1", pericfg::IOMMU_1, "functional",
     "one bit a port (mt8195); mt8188's enables are the secure world's"},
};
constexpr Row kWords[] = {
    {"first level: table [31:10], type 1", 0, "functional",
     "PA[34:32] as in a page where the part has it (mt6779, 8186, 8188)"},
    {"first level: section [31:20] or supersection [31:24], type 2, bit 18", 0, "functional",
     "PA[34:32]: bits 5, 4, 9"},
    {"second level: large page [31:16] type 1, page [31:12] type 2", 0, "functional", "PA[34:32]: bits 5, 4, 9"},
    {"S, nG, TEX, C, B, NS, XN, AP", 0, "stored", "no permissions, no attributes"},
};

template <std::size_t N>
void table(std::string& page, const char* heading, const char* first, const Row (&rows)[N], bool offsets) {
    page += fmt::format("\n## {}\n\n| {} | Support | Note |\n|---|{}---|---|\n", heading, first, offsets ? "---|" : "");
    for (const Row& row : rows) {
        page += fmt::format("| {} |", row.name);
        if (offsets) page += row.offset == 0 && row.name[0] != 'P' ? " |" : fmt::format(" 0x{:03x} |", row.offset);
        page += fmt::format(" {} | {} |\n", row.support, row.note);
    }
}

const char* int_id_text(IntId id) {
    switch (id) {
        case IntId::larb:
            return "larb";
        case IntId::larb_port6:
            return "larb, 6-bit port";
        case IntId::sub_2bits:
            return "common, sub-common of 4";
        case IntId::sub_3bits:
            return "common, sub-common of 8";
    }
    return "";
}

}  // namespace

std::string m4u_page() {
    std::string page = R"(# MediaTek M4U: what the model does

Made by `m4u_page()` from the tables in `iommu/mediatek/`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification (`docs/spec/iommu-hardware.md` 16.3) says.
- *stored*: kept and read back, or accepted, without effect.

An instance has the registers of its own node, and those of the larbs and SMI commons that its `mediatek,larbs` lead to (mt8195's
infrastructure IOMMU: of the `mediatek,mt8195-pericfg_ao`). A master passes untranslated until its port is switched over there.

Not modelled: prefetching, multi-hit and FIFO causes, power (registers and TLBs outlast a suspend), the 4 GB mode's second address
map, the secure world. The first generation (`mediatek,mt2701-m4u`) is another IOMMU: docs/mediatek-v1.md.
)";
    table(page, "Registers of each bank", "Register | Offset", kRegisters, true);
    table(page, "Registers of other nodes", "Register | Offset", kOutside, true);
    table(page, "Words of the tables", "Word", kWords, false);
    page += "\n## Parts\n\n| Compatible | IOVA bits | Banks in use | INT_ID | Larbs |\n|---|---|---|---|---|\n";
    for (const Soc& soc : kSocs) {
        std::string banks, larbs;
        for (unsigned bank = 0; bank < soc.banks; ++bank) {
            if ((soc.banks_used >> bank & 1) != 0) banks += fmt::format("{}{}", banks.empty() ? "" : ", ", bank);
        }
        for (unsigned larb = 0; larb < kLarbs; ++larb) {
            if (!soc.infra && soc.place_of(larb).common < 8)
                larbs += fmt::format("{}{}", larbs.empty() ? "" : ", ", larb);
        }
        page += fmt::format("| `{}` | {} | {} | {} | {} |\n", soc.compatible, soc.input_bits, banks,
                            soc.infra ? "port" : int_id_text(soc.int_id), larbs.empty() ? "none" : larbs);
    }
    page += "\n## Faults\n\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= static_cast<std::uint16_t>(Fault::unsupported); ++code) {
        page += fmt::format("| {} | {} |\n", code, kSpec.fault_name(code));
    }
    page += "\n## Structures\n\n| Key | Entries |\n|---|---|\n";
    const Parameters parameters;
    for (const StructureSpec& structure : kSpec.structures) {
        const CacheParams& cache = structure.kind == Structure::tlb ? parameters.tlb : parameters.directory;
        page += fmt::format("| {} | {}, {} ways (estimate) |\n", structure.name, cache.entries, cache.ways);
    }
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : kSpec.counters)
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    return page;
}

}  // namespace xlate::iommu::mediatek
