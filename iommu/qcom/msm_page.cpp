#include "iommu/qcom/msm_page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/qcom/msm.hpp"

namespace xlate::iommu::msm {
namespace {

constexpr PageRow kBank[] = {
    {"SCTLR", cb::SCTLR, "functional", "M 0, TRE 1, AFE 2, BE 4, AFFD 5; HAF 3 is stored"},
    {"ACTLR", cb::ACTLR, "functional", "CFERE 0, CFEIE 1, CFCFG 14: the access waits; all others are stored"},
    {"CONTEXTIDR", cb::CONTEXTIDR, "functional", "ASID [7:0]"},
    {"TTBR0", cb::TTBR0, "functional", ""},
    {"TTBR1", cb::TTBR1, "functional", ""},
    {"TTBCR", cb::TTBCR, "functional", "N [2:0], PD0 4, PD1 5"},
    {"PAR", cb::PAR, "functional", "of the last V2P look-up, when its walk is done"},
    {"FSR", cb::FSR, "functional", "TF 1, AFF 2, APF 3, TLBMF 4, HTWSEEF 6, SS 30, MULTI 31; write 1 to clear"},
    {"FSRRESTORE", cb::FSRRESTORE, "functional", "clears FSR, whatever is written"},
    {"FAR", cb::FAR, "functional", ""},
    {"FSYNR0", cb::FSYNR0, "functional", "the master's id [7:0]"},
    {"FSYNR1", cb::FSYNR1, "functional", "privileged 5, instruction 7, write 8"},
    {"PRRR", cb::PRRR, "functional", ""},
    {"NMRR", cb::NMRR, "functional", ""},
    {"TLBLCKR, TLBFLPTER, TLBSLPTER", cb::TLBLCKR, "stored", "nothing is locked"},
    {"V2PSR", cb::V2PSR, "absent", ""},
    {"BFBCR", cb::BFBCR, "stored", "nothing is prefetched"},
    {"CTX_TLBIALL", cb::TLBIALL, "functional", "of all banks (ours)"},
    {"TLBIASID", cb::TLBIASID, "functional", ""},
    {"TLBIVA", cb::TLBIVA, "functional", "VA [31:12], ASID [7:0]"},
    {"TLBIVAA", cb::TLBIVAA, "functional", ""},
    {"V2PPR, V2PPW, V2PUR, V2PUW", cb::V2PPR, "functional", ""},
    {"RESUME", cb::RESUME, "functional", "0: again, 1: the access is ended"},
};
constexpr PageRow kGlobal[] = {
    {"M2VCBR, one an id", global::M2VCBR(0), "functional", "the bank: CBNDX [15:8]; all others are stored"},
    {"CBACR, one a bank", global::CBACR(0), "stored", "one VMID, one interrupt"},
    {"GLOBAL_TLBIALL", global::TLBIALL, "functional", ""},
    {"CR", global::CR, "functional", "CLIENTPD 4: everything passes; all others are stored"},
    {"IDR", global::IDR, "functional", "ids [8:0], banks [23:16], less one"},
    {"TLBIVMID, TLBRSW, TESTBUSCR, EAR, ESR, RPU_ACR", global::TLBIVMID, "stored", ""},
};

}  // namespace

std::string msm_page() {
    std::string page = page_head("Qualcomm APQ8064 IOMMU", "msm_page", "iommu/qcom/",
                                 "`docs/spec/kernel-probe.md` 5.2; offsets and fields of Linux's msm_iommu_hw-8xxx.h");
    page += R"(
`qcom,apq8064-iommu` (Linux's msm_iommu), Qualcomm's first: context banks of 4 KiB with VMSAv7 short descriptors, as many as `qcom,ncb` says, and
a table, M2VCBR, that leads a master's id to its bank. What a bank does, `iommu/smmuv2` does (docs/smmuv2.md).

Linux gives the ids of one device a bank, the lowest that is free; a second device behind the same instance has no master of its own and is a
crash (docs/spec/kernel-probe.md 5.2). Its fault handler clears FSR with SS and writes no RESUME.

Decided here, since no source says it: clearing FSR.SS ends an access that waits; 64 banks and 128 ids at most; masters of a bank that is off, or
that is not there, pass untranslated; a look-up's PAR is zero until its walk is done.

Not modelled: the secure world and its interrupt, VMIDs, TLB locking, prefetching. The sanitizer has no rules for short descriptors.
)";
    page_table(page, "Registers of a bank", "Register | Offset", {kBank, std::size(kBank)}, "0x{:03x}");
    page_table(page, "Registers of the whole", "Register | Offset", {kGlobal, std::size(kGlobal)}, "0x{:05x}");
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.level1};
    page_structures(page, sheet(), {caches, std::size(caches)});
    page_counters(page, sheet());
    return page;
}

}  // namespace xlate::iommu::msm
