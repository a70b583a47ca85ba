#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/mediatek/m4u_v1.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return mediatek_v1::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    mediatek_v1::Parameters own;
    const std::size_t first = facts.register_bytes.size() - std::min(facts.outside.size(), facts.register_bytes.size());
    for (std::size_t i = 1; i < facts.register_bytes.size(); ++i) {
        const bool common = i >= first && facts.outside[i - first].role == "smi-common";
        own.satellites.push_back({common, facts.register_bytes[i]});
    }
    own.tlb = params.caches.tlb;
    own.seed = params.seed;
    return std::make_unique<mediatek_v1::M4uV1>(own);
}

/// One TLB behind the larbs, one read a walk.
constexpr TimingPreset kTiming{
    "m4u-v1-like", "estimate",        {false, 16, 0, 1, 1}, {true, 16, 0, 1, 1}, {true, 64, 0, 2, 1}, 4, 16, 2,
    {0, 0, 0, 0},  {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"mediatek-v1", &kTiming, &sheet, &make, {}}};

/// With the SMI common, which has the second register bank.
std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    mediatek_v1::Parameters parameters;
    parameters.satellites = {{true, wanted.register_bytes.at(1)}};
    parameters.tlb.entries = kSmallCache;
    return std::make_unique<mediatek_v1::M4uV1>(parameters);
}

}  // namespace

Span<Family> mediatek_v1_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily mediatek_v1_small() { return {"mediatek-v1", &make_small}; }
ExampleBoard mediatek_v1_example() {
    ExampleBoard one{"mediatek-v1", "a first MediaTek M4U", "mediatek_v1.dtb", "14007000.display"};
    one.kernel = "variant: linux-6.1";
    one.arm32 = true;
    return one;
}

}  // namespace xlate::iommu
