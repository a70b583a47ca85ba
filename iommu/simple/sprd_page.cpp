#include "iommu/simple/sprd_page.hpp"

#include <fmt/format.h>

#include "iommu/page_rows.hpp"
#include "iommu/simple/sprd.hpp"

namespace xlate::iommu::sprd {
namespace {

struct Register {
    const char* name;
    std::uint32_t ex, vau;
    const char* support;
    const char* note;
};
constexpr Register kRegisters[] = {
    {"VERSION", reg::VERSION, reg::VERSION, "functional", "[15:8]: 0 EX, 1 VAU"},
    {"CFG", kEx.CFG, kVau.CFG, "functional", "EN 0, VAOR_BYPASS 4: what is beyond VPN_RANGE passes; GATE 1 is stored"},
    {"UPDATE", kEx.UPDATE, kVau.UPDATE, "functional", "any write drops the TLB, complete with the write"},
    {"FIRST_VPN", kEx.FIRST_VPN, kVau.FIRST_VPN, "functional", "the page number of the table's first word"},
    {"VPN_RANGE", kEx.VPN_RANGE, kVau.VPN_RANGE, "functional", "the last index"},
    {"FIRST_PPN", kEx.FIRST_PPN, kVau.FIRST_PPN, "functional", "the table's page number"},
    {"DEFAULT_PPN of reads", kEx.DEFAULT_PPN_RD, kVau.DEFAULT_PPN_RD, "functional",
     "where an access without a mapping lands"},
    {"DEFAULT_PPN of writes", kEx.DEFAULT_PPN_WR, kVau.DEFAULT_PPN_WR, "functional", "EX: the same register"},
    {"AUTH", kEx.AUTH, kVau.AUTH, "stored", ""},
};

std::string offset(std::uint32_t at) { return at == kNone ? "" : fmt::format("0x{:02x}", at); }

}  // namespace

std::string sprd_page() {
    std::string page =
        page_head("Spreadtrum IOMMU", "sprd_page", "iommu/simple/", "`docs/spec/iommu-hardware.md` 16.7");
    page += R"(
`sprd,iommu-v1` in its two versions; `soc.iommu.sprd.version` says which. One linear table of 32-bit words: a word is a page's number, 0 is
not mapped. No rights, no interrupt, no fault: what is not mapped, and what is beyond the range, lands in the default page, and nothing
tells software. Results count it as `defaulted`.

Decided here, since no source says it: a table that memory refuses counts as not mapped; VAOR_BYPASS passes what is beyond the range.

Not modelled: clock gating, AUTH.

## Registers

| Register | EX | VAU | Support | Note |
|---|---|---|---|---|
)";
    for (const Register& row : kRegisters) {
        page += fmt::format("| {} | {} | {} | {} | {} |\n", row.name, offset(row.ex), offset(row.vau), row.support,
                            row.note);
    }
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::unsupported));
    const Parameters parameters;
    page_structures(page, kSpec, {&parameters.tlb, 1});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::sprd
