#include "iommu/simple/bcm2712_page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/simple/bcm2712.hpp"

namespace xlate::iommu::bcm2712 {
namespace {

constexpr PageRow kRegisters[] = {
    {"CTRL", reg::CTRL, "functional",
     "ENABLE, STATS_ENABLE, TLB_CLEAR, STATS_CLEAR, BYPASS, causes and their ABORT_EN; INT_EN and EXCEPTION_EN stored"},
    {"PT_PA_BASE", reg::PT_PA_BASE, "functional", ""},
    {"HIT, MISS", reg::HIT, "functional", "look-ups of the TLB; MISS at 0x00c"},
    {"STALL", reg::STALL, "absent", "reads 0"},
    {"ADDR_CAP", reg::ADDR_CAP, "functional", "the last chunk of 256 MiB; what lies beyond is refused before bypass"},
    {"SHOOT_DOWN", reg::SHOOT_DOWN, "functional", "drops a line of four pages; SHOOTING reads 0"},
    {"BYPASS_START, BYPASS_END", reg::BYPASS_START, "functional", "in chunks of 256 MiB; END at 0x020; INVERT"},
    {"MISC", reg::MISC, "stored", "SINGLE_TABLE: tables have two levels in any case"},
    {"ILLEGAL_ADR", reg::ILLEGAL_ADR, "functional", "the page that refused accesses go to without ABORT_EN"},
    {"DEBUG_INFO", reg::DEBUG_INFO, "functional", "0x20804774, as logs of a Raspberry Pi 5 have it"},
};
constexpr PageRow kShared[] = {
    {"CONTROL", shared_cache::CONTROL, "functional",
     "ENABLE stored, FLUSH counted, FLUSHING reads 0; it keeps nothing"},
};
constexpr PageRow kWords[] = {
    {"directory: number of the table's page [27:0], valid 28", 0, "functional", ""},
    {"table: number of the page [27:0], valid 28, writable 29, size [31:30]", 0, "functional",
     "4 KiB, 64 KiB, 1 MiB, 4 MiB; what is valid may be read"},
};

}  // namespace

std::string bcm2712_page() {
    std::string page = page_head("Broadcom BCM2712 IOMMU", "bcm2712_page", "iommu/simple/",
                                 "no public manual; offsets and bits of Raspberry Pi's bcm2712-iommu.c");
    page += R"(
`brcm,bcm2712-iommu` and the cache its instances share, `brcm,bcm2712-iommuc`, of Raspberry Pi 5. The driver is Raspberry Pi's (6.6 to 6.12);
no kernel of kernel.org has one, and a run of any release has it as if it had been added. A series of July 2026 for kernel.org has another,
of which only what it says of the hardware is used here.

Decided here, since no source says it: ADDR_CAP is looked at before bypass; a cause stays until 1 is written to it; without ABORT_EN and without
ILLEGAL_ADR an access ends in a bus error; a table that memory refuses counts as PT_INVALID; the shared cache keeps nothing; sizes of caches.

Not modelled: interrupts (no tree names one), STALL, one-level tables.
)";
    page_table(page, "Registers", "Register | Offset", {kRegisters, std::size(kRegisters)}, "0x{:03x}");
    page_table(page, "Registers of the shared cache", "Register | Offset", {kShared, std::size(kShared)}, "0x{:03x}");
    page_table(page, "Words of the tables", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::unsupported));
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.directory};
    page_structures(page, kSpec, {caches, std::size(caches)});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::bcm2712
