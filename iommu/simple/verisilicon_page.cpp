#include "iommu/simple/verisilicon_page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/simple/verisilicon.hpp"

namespace xlate::iommu::verisilicon {
namespace {

constexpr PageRow kRegisters[] = {
    {"FLUSH", reg::FLUSH, "functional", "bit 4 drops everything, the table array's word included; reads 0"},
    {"CONFIG1", reg::CONFIG1, "stored", "OUT_OF_BOUND 28: addresses beyond 32 bits are refused in any case"},
    {"EXCEPTION, FAULT_ADDR", reg::EXCEPTION, "functional",
     "written: bit 0 enables the interrupt; read: the first fault's address"},
    {"STATUS", reg::STATUS, "functional", "what the first fault was; any write clears it"},
    {"CONTROL", reg::CONTROL, "functional", "bit 0: on; a change drops everything"},
    {"ARRAY_BASE", reg::ARRAY_BASE, "functional", "the table array's address, 32 bits"},
};
constexpr PageRow kWords[] = {
    {"table array, word 0: directory [31:10]", 0, "functional", "the page mode is taken to be 0, 4 KiB"},
    {"directory: table [31:6], valid 0", 0, "functional", ""},
    {"table: page [31:12], page [39:32] at [11:4], writable 2, valid 0", 0, "functional", "what is valid may be read"},
};

}  // namespace

std::string verisilicon_page() {
    std::string page = page_head("Verisilicon IOMMU", "verisilicon_page", "iommu/simple/",
                                 "no public manual; offsets and bits of Linux's vsi-iommu.c");
    page += R"(
`verisilicon,iommu-1.2`, as of the AV1 decoder of Rockchip's RK3588 (`rockchip,rk3588-av1-iommu`). Linux has a driver from 7.2 on; an older
variant drives it as if that had been taken back, and a run says so.

Decided here, since no source says it: STATUS has the codes of the MMU of Vivante's GPUs (1 no table, 2 no page, 3 a write that is not
allowed, 4 beyond 32 bits) and 7 where memory refuses a table; the first fault is kept; a refused access ends in a bus error; sizes of caches.

Not modelled: larger page modes, other words of the table array, clocks.
)";
    page_table(page, "Registers", "Register | Offset", {kRegisters, std::size(kRegisters)}, "0x{:03x}");
    page_table(page, "Words of the tables", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, kSpec, static_cast<std::uint16_t>(Fault::unsupported));
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.directory};
    page_structures(page, kSpec, {caches, std::size(caches)});
    page_counters(page, kSpec);
    return page;
}

}  // namespace xlate::iommu::verisilicon
