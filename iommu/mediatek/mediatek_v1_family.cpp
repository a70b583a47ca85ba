#include <algorithm>

#include "iommu/families.hpp"
#include "iommu/mediatek/m4u_v1.hpp"

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

}  // namespace

Span<Family> mediatek_v1_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
