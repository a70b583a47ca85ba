#include "iommu/qcom/page.hpp"

#include "iommu/page_rows.hpp"
#include "iommu/qcom/layout.hpp"
#include "iommu/qcom/qcom.hpp"

namespace xlate::iommu::qcom {
namespace {

constexpr PageRow kRegisters[] = {
    {"SMMU_INTR_SEL_NS", SMMU_INTR_SEL_NS, "stored", "in the node's own window, which not every tree names"},
    {"everything else of the node's own window", 0, "absent", ""},
};
constexpr PageRow kBanks[] = {
    {"qcom,msm-iommu-v1-ns, -v2-ns", 0, "functional",
     "registers of an SMMUv2's context bank (docs/smmuv2.md), stage 1"},
    {"qcom,msm-iommu-v1-sec", 0, "functional", "the same: firmware hands it over"},
    {"qcom,msm-iommu-v2-sec", 0, "absent", "the secure world's: its masters pass untranslated"},
};

}  // namespace

std::string qcom_page() {
    std::string page =
        page_head("Qualcomm msm-iommu", "qcom_page", "iommu/qcom/", "`docs/spec/iommu-hardware.md` 16.5");
    page += R"(
`qcom,msm-iommu-v1` and `-v2`: an array of an SMMUv2's context banks without a stream mapping. Each bank is a child node with a window and
an interrupt of its own; its place, or `qcom,ctx-asid`, is its number, its ASID, and what a master names.

Decided here, since no source says it: masters of a bank that is off, or that is not there, pass untranslated; 128 banks at most.

Not modelled: the secure page table and firmware's calls, clocks. The first generation (`qcom,apq8064-iommu`, Linux's msm-iommu) is
another IOMMU: docs/msm-v0.md.
)";
    page_table(page, "Registers", "Register | Offset", {kRegisters, std::size(kRegisters)}, "0x{:04x}");
    page_table(page, "Banks", "Compatible of the child", {kBanks, std::size(kBanks)}, "");
    const Parameters parameters;
    const CacheParams caches[] = {parameters.tlb, parameters.level1, parameters.level2};
    page_structures(page, sheet(), {caches, std::size(caches)});
    page_counters(page, sheet());
    return page;
}

}  // namespace xlate::iommu::qcom
