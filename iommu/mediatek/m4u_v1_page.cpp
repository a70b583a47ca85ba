#include "iommu/mediatek/m4u_v1_page.hpp"

#include "iommu/mediatek/m4u_v1.hpp"
#include "iommu/page_rows.hpp"

namespace xlate::iommu::mediatek_v1 {
namespace {

constexpr PageRow kRegisters[] = {
    {"PT_BASE", reg::PT_BASE, "functional", "the table's address"},
    {"CTRL", reg::CTRL, "stored", "a faulting access always goes to the protect buffer"},
    {"IVRP_PADDR", reg::IVRP_PADDR, "stored", "the protect buffer is not accessed: reads give zero, writes go nowhere"},
    {"INT_CONTROL", reg::INT_CONTROL, "functional", "enables of FAULT_ST's causes; CLR 12 clears FAULT_ST"},
    {"FAULT_ST", reg::FAULT_ST, "functional", "translation 0, table walk 4; the first is kept"},
    {"FAULT_VA", reg::FAULT_VA, "functional", "VA[31:12]"},
    {"INVLD_PA", reg::INVLD_PA, "stored", "0: no physical address is refused"},
    {"INT_ID", reg::INT_ID, "functional", "port [11:8], of which four bits are kept; 6 minus the larb [15:13]"},
    {"INVALIDATE", reg::INVALIDATE, "functional", "1: START to END; 2: everything; nothing while INV_SEL is 0"},
    {"INVLD_START", reg::INVLD_START, "functional", "IOVA[31:12]"},
    {"INVLD_END", reg::INVLD_END, "functional", "IOVA[31:12], the page included"},
    {"INV_SEL", reg::INV_SEL, "functional", "0: of no MMU"},
    {"STANDARD_AXI_MODE", reg::STANDARD_AXI_MODE, "stored", ""},
    {"DCM", reg::DCM, "stored", "no clock is modelled"},
    {"CPE_DONE", reg::CPE_DONE, "functional",
     "1 when a range is flushed and older translations are done; a write clears"},
};
constexpr PageRow kOutside[] = {
    {"SMI common: SECUR_CON, eight words", smi_secure::CON, "functional",
     "eight ports a word, four bits each: virtual 3; domain and security are stored"},
    {"SMI common and larbs: all others", 0, "stored", ""},
};
constexpr PageRow kWords[] = {
    {"page [31:12], valid 1", 0, "functional", "a word for each 4 KiB of 32 bits: a table of 4 MiB"},
    {"not secure 3", 0, "stored", "no secure world"},
};

}  // namespace

std::string m4u_v1_page() {
    std::string page = page_head("MediaTek M4U, first generation", "m4u_v1_page", "iommu/mediatek/",
                                 "`docs/spec/kernel-probe.md` 5.2; offsets and bits of Linux's mtk_iommu_v1.c");
    page += R"(
`mediatek,mt2701-m4u` (mt2701, mt7623): one linear table for all masters. A master's id is its port's number among those of all larbs; a port is
switched to the M4U in the SMI common, which `mediatek,larbs` lead to, and passes untranslated until then.

Linux's driver is for 32-bit Arm and has no of_xlate. In 6.1 its masters are translated, through one mapping of the architecture that they
share; in 6.12 none is (as OMAP's, docs/omap.md): a fwspec without of_xlate is refused, and without a fwspec the driver is not asked.

Decided here, since no source says it: a word that memory refuses is a table walk fault; the size of the TLB.

Not modelled: multi-hit, replacement, FIFO and invalid PA causes, suspend, the secure world.
)";
    page_table(page, "Registers", "Register | Offset", {kRegisters, std::size(kRegisters)}, "0x{:03x}");
    page_table(page, "Registers of other nodes", "Register | Offset", {kOutside, std::size(kOutside)}, "0x{:03x}");
    page_table(page, "Words of the table", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::unsupported));
    const Parameters parameters;
    page_structures(page, kSpec, {&parameters.tlb, 1});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::mediatek_v1
