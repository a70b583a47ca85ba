#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/qcom/msm.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

/// As many banks as firmware says; of more than the model has, those that it has.
std::unique_ptr<Instance> make(const InstanceParams& params) {
    msm::Parameters own;
    const auto banks = params.facts.cells.find("qcom,ncb");
    if (banks != params.facts.cells.end()) own.banks = std::clamp(banks->second, 1U, msm::kMostBanks);
    own.wires = std::max(params.facts.interrupts, 1U);
    own.tlb = params.caches.tlb;
    own.level1 = params.caches.walk(1);
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<msm::MsmIommu>(own);
}

/// One TLB and a walker for all banks.
constexpr TimingPreset kTiming{
    "msm-v0-like", "estimate",        {false, 16, 0, 1, 1}, {true, 16, 0, 1, 1}, {true, 64, 4, 2, 2}, 5, 32, 2,
    {0, 16, 0, 0}, {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"msm", &kTiming, &msm::sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    msm::Parameters parameters;
    parameters.name = wanted.name;
    parameters.banks = 4;
    for (CacheParams* cache : {&parameters.tlb, &parameters.level1}) {
        cache->entries = kSmallCache;
        cache->ways = 0;
    }
    return std::make_unique<msm::MsmIommu>(parameters);
}

}  // namespace

Span<Family> msm_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily msm_small() { return {"msm", &make_small}; }
ExampleBoard msm_example() {
    ExampleBoard one{"msm", "an APQ8064 IOMMU", "msm_v0.dtb", "5100000.display"};
    one.kernel = "arch: arm, variant: linux-6.12";
    one.arm32 = true;
    return one;
}

}  // namespace xlate::iommu
