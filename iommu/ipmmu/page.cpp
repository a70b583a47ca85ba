#include "iommu/ipmmu/page.hpp"

#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/page_rows.hpp"

namespace xlate::iommu::ipmmu {
namespace {

constexpr PageRow kContext[] = {
    {"IMCTR", reg::IMCTR, "functional", "MMUEN 0, FLUSH 1 (reads 1 until older translations are done), INTEN 2"},
    {"IMTTBCR", reg::IMTTBCR, "functional",
     "EAE 31, TSZ0 [2:0], the root table's level; SH0, ORGN0, IRGN0 are stored; without EAE every access is refused by "
     "name"},
    {"IMBUSCR", reg::IMBUSCR, "stored", "Gen2"},
    {"IMTTLBR0, IMTTUBR0", reg::IMTTLBR0, "functional", "40 bits"},
    {"IMTTLBR1, IMTTUBR1", reg::IMTTLBR1, "stored", "no second half of the addresses"},
    {"IMSTR", reg::IMSTR, "functional", "TF 0, PF 1, ABORT 2; zeroes clear, and free IMELAR; MHIT 4 never comes"},
    {"IMMAIR0, IMMAIR1", reg::IMMAIR0, "functional", "attributes by index"},
    {"IMELAR, IMEUAR", reg::IMELAR, "functional", "of the first fault since IMSTR was cleared"},
};
constexpr PageRow kUtlb[] = {
    {"IMUCTR", reg::IMUCTR, "functional", "MMUEN 0, FLUSH 1, TTSEL [7:4]: the context; off: passes"},
    {"IMUASID", reg::IMUASID, "functional", "tags what is kept"},
};
constexpr PageRow kWords[] = {
    {"long descriptors of three levels", 0, "functional",
     "blocks of 1 GiB and 2 MiB, pages of 4 KiB; output of 40 bits"},
    {"AP[2:1], AF", 0, "functional", "an access flag of 0 is a permission fault (ours)"},
    {"NS, NSTable", 0, "functional", "required of a non-secure walk; a word without is a permission fault"},
    {"the contiguous hint", 0, "stored", ""},
};

}  // namespace

std::string ipmmu_page() {
    std::string page =
        page_head("Renesas IPMMU-VMSA", "ipmmu_page", "iommu/ipmmu/", "`docs/spec/iommu-hardware.md` 16.4");
    page += R"(
R-Car Gen2 (`renesas,ipmmu-vmsa`: 1 context, 32 micro-TLBs, the non-secure registers at 0x800), Gen3 and RZ/G2 (8 and 48), Gen4 (16 and
64). From Gen3 on there are several instances: a root with contexts, TLB and walks, and caches before it with micro-TLBs;
`renesas,ipmmu-main` says which root.

Which masters use it is Linux's choice: on R-Car Gen3, Gen4 and RZ/G2 only four SDHI controllers and, from 6.8 on, PCI functions; on
R-Car M3-W and RZ/G2M (r8a774a1) none. `xlate run` names each master that is turned away.

Decided here, since no source says it: a refused read gives zero and a refused write goes nowhere; a context that is off passes accesses; a
root's FLUSH drops what its caches' ports keep, a cache's own does not reach the root's TLB; a port without a micro-TLB passes.

Not modelled: short descriptors, the secure registers, PMB, performance monitors, the silicon's revision (R-Car H3 is taken as ES3).
)";
    page_table(page, "Registers of a context", "Register | Offset", {kContext, std::size(kContext)}, "0x{:02x}");
    page_table(page, "Registers of a micro-TLB", "Register | Offset", {kUtlb, std::size(kUtlb)}, "0x{:x}");
    page_table(page, "Words of the tables", "Word", {kWords, std::size(kWords)}, "");
    page_faults(page, sheet(), static_cast<std::uint16_t>(Fault::unsupported));
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.level2, parameters.level1};
    page_structures(page, sheet(), {caches, std::size(caches)});
    page_counters(page, sheet());
    return page;
}

}  // namespace xlate::iommu::ipmmu
