#include <algorithm>

#include "base/bits.hpp"
#include "iommu/families.hpp"
#include "iommu/smmuv2/register_files.hpp"
#include "iommu/smmuv2/sheet.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kLikes[] = {"by-compatible",
                                       "full",
                                       "smmu-v1",
                                       "smmu-v2",
                                       "mmu-400-like",
                                       "mmu-401-like",
                                       "mmu-500-like",
                                       "qcom-smmu-500-like",
                                       "nvidia-smmu-500-like",
                                       "marvell-smmu-500-like",
                                       "cavium-smmu-v2-like"};
constexpr OptionSpec kOptions[] = {{"smmuv2",
                                    "SMMUv1 and v2 only.",
                                    "like",
                                    "What its ID registers say; by-compatible: what firmware calls it.",
                                    {kLikes, std::size(kLikes)}}};

/// What a compatible says of the ID registers, in names of smmuv2::features_by_name().
std::string_view features_of(std::string_view compatible) {
    constexpr struct {
        std::string_view compatible, features;
    } kRows[] = {
        {"arm,smmu-v1", "smmu-v1"},
        {"arm,mmu-400", "mmu-400-like"},
        {"arm,mmu-401", "mmu-401-like"},
        {"arm,smmu-v2", "smmu-v2"},
        {"arm,mmu-500", "mmu-500-like"},
        {"cavium,smmu-v2", "cavium-smmu-v2-like"},
        {"marvell,ap806-smmu-500", "marvell-smmu-500-like"},
        {"nvidia,smmu-500", "nvidia-smmu-500-like"},
        {"qcom,smmu-v2", "qcom-smmu-500-like"},
        {"qcom,smmu-500", "qcom-smmu-500-like"},
        {"qcom,adreno-smmu", "qcom-smmu-500-like"},
    };
    for (const auto& row : kRows) {
        if (row.compatible == compatible) return row.features;
    }
    return "mmu-500-like";
}

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    smmuv2::SmmuParams own;
    const bool by_compatible = params.hardware.option(kOptions[0]) == 0;
    own.features = smmuv2::features_by_name(
        std::string(by_compatible ? features_of(facts.compatible) : params.hardware.choice(kOptions[0])));
    // The next smaller size that the architecture has.
    constexpr std::uint64_t kLeast = 0x4000, kMost = 0x2000000;
    const std::uint64_t bytes = facts.register_bytes.empty() ? kLeast : facts.register_bytes.front();
    smmuv2::fit_space(own.features, bytes < kLeast ? kLeast : std::min(kMost, std::uint64_t{1} << log2_floor(bytes)));
    own.seed = params.seed;
    own.name = params.name;
    smmuv2::fit_interrupts(own.features,
                           facts.interrupts > facts.global_interrupts ? facts.interrupts - facts.global_interrupts : 0);
    own.global_interrupts = static_cast<std::uint8_t>(std::min(facts.global_interrupts, facts.interrupts));
    own.context_interrupts = static_cast<std::uint16_t>(facts.interrupts - own.global_interrupts);
    own.caches.tlb = params.caches.tlb;
    own.caches.ipa = params.caches.ipa;
    own.caches.walk_enabled = params.caches.walk_enabled;
    std::copy(std::begin(params.caches.walk_s1), std::end(params.caches.walk_s1), std::begin(own.caches.walk_s1));
    std::copy(std::begin(params.caches.walk_s2), std::end(params.caches.walk_s2), std::begin(own.caches.walk_s2));
    const auto files = static_cast<unsigned>(facts.register_bytes.size());
    if (facts.compatible == "nvidia,smmu-500" && files > 1) {
        return std::make_unique<smmuv2::RegisterFiles>(own, std::min(files, 4U));
    }
    return std::make_unique<smmuv2::Smmu>(own);
}

constexpr TimingPreset kTiming{
    "mmu-500-like",
    "port TLB hit: 2 clocks (docs/spec/iommu-anchors.md section E, Arm DDI 0517); all else is an estimate",
    {false, 16, 0, 1, 1},
    {true, 64, 0, 2, 2},
    {true, 512, 4, 3, 3},
    10,
    64,
    8,
    {4, 16, 64, 0},
    {4, 16, 64, 0}};

constexpr Family kFamilies[] = {
    {"smmuv1", &kTiming, &smmuv2::sheet, &make, {kOptions, std::size(kOptions)}},
    {"smmuv2", &kTiming, &smmuv2::sheet, &make, {}},
};

}  // namespace

Span<Family> smmuv2_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
