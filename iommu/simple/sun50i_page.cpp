#include "iommu/simple/sun50i_page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/simple/sun50i.hpp"

namespace xlate::iommu::sun50i {
namespace {

constexpr PageRow kRegisters[] = {
    {"RESET", reg::RESET, "functional", "a bit a master: 0 holds its channel in reset, and its accesses are refused"},
    {"ENABLE", reg::ENABLE, "functional", "bit 0"},
    {"BYPASS", reg::BYPASS, "functional", "a bit a master"},
    {"AUTO_GATING", reg::AUTO_GATING, "stored", "no clock is modelled"},
    {"WBUF_CTRL, OOO_CTRL, 4KB_BDY_PRT_CTRL", reg::WBUF_CTRL, "stored", ""},
    {"TTB", reg::TTB, "functional", "[31:14]"},
    {"TLB_ENABLE, TLB_PREFETCH", reg::TLB_ENABLE, "stored", "the TLBs are always on, and nothing is fetched ahead"},
    {"TLB_FLUSH", reg::TLB_FLUSH, "functional",
     "micro [5:0], macro 16, walk cache 17; acts with the write, reads 0 once older translations are done"},
    {"TLB_IVLD_ADDR, _MASK, _ENABLE", reg::TLB_IVLD_ADDR, "functional", "drops the pages that match"},
    {"PC_IVLD_ADDR, _ENABLE", reg::PC_IVLD_ADDR, "functional", "drops the directory word of an address"},
    {"DM_AUT0 to DM_AUT7", reg::DM_AUT0, "functional", "two domains a register: no read 2m, no write 2m + 1"},
    {"DM_AUT_OVWT", reg::DM_AUT_OVWT, "stored", ""},
    {"INT_ENABLE, INT_CLR, INT_STA", reg::INT_ENABLE, "functional",
     "permission by master [5:0], L1 invalid 16, L2 invalid 17"},
    {"INT_ERR_ADDR0 to 5, INT_ERR_DATA0 to 5", reg::INT_ERR_ADDR0, "functional",
     "of a master's permission fault: address and word"},
    {"INT_ERR_ADDR_L1, _L2, L1PG_INT, L2PG_INT", reg::INT_ERR_ADDR_L1, "functional",
     "of invalid words: address, masters"},
};
constexpr PageRow kWords[] = {
    {"directory: type [1:0] 1, table [31:10]", 0, "functional", "4096 words of 1 MiB"},
    {"table: valid 1, ACI [7:4], page [31:12]", 0, "functional",
     "ACI names the domain whose DM_AUT says what each master may do"},
};

}  // namespace

std::string sun50i_page() {
    std::string page =
        page_head("Allwinner IOMMU", "sun50i_page", "iommu/simple/", "`docs/spec/iommu-hardware.md` 16.6");
    page += R"(
`allwinner,sun50i-h6-iommu`, and H616's, which is the same register by register. One table for six masters. A refused read gives zero, a
refused write goes nowhere; the interrupt is level-sensitive.

Of Linux's driver: domains 2 and 3 share DM_AUT1, which it writes twice, so that read-only pages end up writable; the model does as the
register says.

Not modelled: prefetching, the write buffer, out-of-order control, clock gating.
)";
    page_table(page, "Registers", "Register | Offset", {kRegisters, std::size(kRegisters)}, "0x{:03x}");
    page_table(page, "Words of the tables", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::channel_reset));
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.directory};
    page_structures(page, kSpec, {caches, std::size(caches)});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::sun50i
