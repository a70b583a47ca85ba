#include "iommu/tegra/page.hpp"

#include <fmt/format.h>

#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/tegra_smmu.hpp"

namespace xlate::iommu::tegra {
namespace {

struct Row {
    const char* name;
    std::uint32_t code;
    const char* support;
    const char* note;
};

constexpr Row kRegisters[] = {
    {"MC_INTSTATUS", reg::INTSTATUS, "functional", "write 1 to clear; bits 6 and 10 are set here"},
    {"MC_INTMASK", reg::INTMASK, "functional", "1: it may interrupt"},
    {"MC_ERR_STATUS", reg::ERR_STATUS, "functional",
     "client [7:0], write 16, address [33:32] at [21:20], page's NS 25, W 26, R 27, type [30:28]"},
    {"MC_ERR_ADR", reg::ERR_ADR, "functional", "of the fault that MC_ERR_STATUS tells of"},
    {"SMMU_CONFIG", reg::SMMU_CONFIG, "functional", "bit 0: on"},
    {"SMMU_TLB_CONFIG", reg::SMMU_TLB_CONFIG, "stored", "lines and arbitration: soc.iommu.core.tlb has the shape"},
    {"SMMU_PTC_CONFIG", reg::SMMU_PTC_CONFIG, "functional", "bit 29: on; INDEX_MAP and REQ_LIMIT are stored"},
    {"SMMU_PTB_ASID", reg::SMMU_PTB_ASID, "functional", "selects whose directory PTB_DATA is"},
    {"SMMU_PTB_DATA", reg::SMMU_PTB_DATA, "functional", "one an ASID; its rights bound those of every page"},
    {"SMMU_TLB_FLUSH", reg::SMMU_TLB_FLUSH, "functional",
     "match 0 all, 2 section of 4 MiB, 3 group of 16 KiB; 1 acts as 0; complete with the write"},
    {"SMMU_PTC_FLUSH", reg::SMMU_PTC_FLUSH, "functional",
     "type 0 all, 1 the atom at an address; complete with the write"},
    {"SMMU_TRANSLATION_ENABLE", reg::CLIENT_ENABLE, "functional", "a bit a client; bits without one read 0"},
    {"SMMU_PTC_FLUSH_HI", reg::SMMU_PTC_FLUSH_HI, "functional", "address [33:32]; Tegra124 on"},
    {"SMMU_<swgroup>_ASID", 0x238, "functional", "ENABLE 31, ASID [6:0]; which ones a SoC has is below"},
    {"all others", 0, "stored", "latency allowances, arbitration, timings, resets, carve-outs"},
};
constexpr Row kWords[] = {
    {"readable 31, writable 30", 0, "functional", "of PTB_DATA, directory and table word together"},
    {"non-secure 29", 0, "stored", "reported in MC_ERR_STATUS; no access is secure"},
    {"NEXT 28 (directory)", 0, "functional", "clear: a page of 4 MiB"},
    {"page or table number [21:0]", 0, "functional", "[19:0] where memory is of 32 bits: Tegra30, Tegra114"},
};

void swgroups(std::string& page, const Soc& soc) {
    page += fmt::format("\n### {}: {} swgroups\n\n| Swgroup | Number | Register | Clients |\n|---|---|---|---|\n",
                        soc.name, soc.swgroups.size());
    for (const Swgroup& one : soc.swgroups) {
        std::string clients;
        for (const Client& client : soc.clients) {
            if (client.swgroup != one.swgroup) continue;
            clients += fmt::format("{}{} {:#x}{}", clients.empty() ? "" : ", ", client.name, client.id,
                                   client.smmu ? "" : " (no enable: passes)");
        }
        page += fmt::format("| {} | {} | {:#x} | {} |\n", one.name, one.swgroup, one.reg, clients);
    }
}

}  // namespace

std::string tegra_page() {
    std::string page = R"(# Tegra SMMU: what the model does

Made by `tegra_page()` from the tables in `iommu/tegra/`; a test fails when the two disagree.
Run the tests of `iommu` with `XLATE_UPDATE_DOCS=1` to write it anew.

- *functional*: acts as the specification (`docs/spec/iommu-hardware.md` 7) says.
- *stored*: kept and read back, or accepted, without effect.

The SMMU is a part of the memory controller: `nvidia,tegra30-mc`, `114`, `124`, `132` (as 124) and `210`. A stream is a swgroup, as
`iommus` names it; which of the swgroup's clients makes an access is not in firmware: the first one that reads, or writes. An access is translated
if its client and its swgroup are enabled and the SMMU is on; all else passes, and is counted (`bypassed`). A refused read gives zero, a
refused write goes nowhere (not documented). The first fault stays until MC_INTSTATUS is clear; later ones are counted.

On arm64 every default domain is identity: there Linux translates the graphics alone, through domains of their own (host1x, displays, vic).

Absent: security, carve-outs, the GPU's own page tables (bit 34 of its addresses), what waits in the memory controller for an older translation.
)";
    page += "\n## Registers\n\n| Register | Offset | Support | Note |\n|---|---|---|---|\n";
    for (const Row& row : kRegisters) {
        page += fmt::format("| {} | {} | {} | {} |\n", row.name,
                            row.code == 0 && row.name[0] == 'a' ? "" : fmt::format("{:#x}", row.code), row.support,
                            row.note);
    }
    page += "\n## Words of the tables\n\n| Word | Support | Note |\n|---|---|---|\n";
    for (const Row& row : kWords) page += fmt::format("| {} | {} | {} |\n", row.name, row.support, row.note);
    page += "\n## Faults\n\n| Code | Name in results |\n|---|---|\n";
    for (std::uint16_t code = 1; code <= static_cast<std::uint16_t>(Fault::decode_error); ++code) {
        page += fmt::format("| {} | {} |\n", code, kSpec.fault_name(code));
    }
    page += "\n## Structures\n\n| Key | Entries |\n|---|---|\n";
    const Parameters parameters;
    page += fmt::format("| tlb | {} pages, fully associative (estimate; TLB_CONFIG's lines have several each) |\n",
                        parameters.tlb.entries);
    page += fmt::format("| ptc | {} atoms, {} ways (estimate) |\n", parameters.ptc.entries, parameters.ptc.ways);
    page += "\n## Counters\n\n| Key | What it counts |\n|---|---|\n";
    for (const CounterSpec& counter : kSpec.counters)
        page += fmt::format("| {} | {} |\n", counter.name, counter.sentence);
    page +=
        "\n## SoCs\n\n| SoC | Address bits | Atom | ASIDs | TLB lines | In one group by Linux "
        "|\n|---|---|---|---|---|---|\n";
    constexpr const Soc* kSocs[] = {&t30::kSoc, &t114::kSoc, &t124::kSoc, &t210::kSoc};
    for (const Soc* const soc : kSocs) {
        std::string together;
        for (const GroupSoc& group : soc->groups) {
            together += fmt::format("{}:", group.name);
            for (const std::uint16_t swgroup : group.swgroups)
                together += fmt::format(" {}", find_swgroup(*soc, swgroup)->name);
        }
        page += fmt::format("| {} | {} | {} bytes | {} | {} | {} |\n", soc->name, soc->address_bits, soc->atom_bytes,
                            soc->asids, soc->tlb_lines, together);
    }
    for (const Soc* const soc : kSocs) swgroups(page, *soc);
    return page;
}

}  // namespace xlate::iommu::tegra
