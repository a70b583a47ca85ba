#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/mediatek/m4u.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return mediatek::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    mediatek::Parameters own;
    const mediatek::Soc* const soc = mediatek::find_soc(facts.compatible);
    own.soc = soc != nullptr ? *soc : *mediatek::find_soc("mediatek,mt8192-m4u");
    const std::size_t first = facts.register_bytes.size() - std::min(facts.outside.size(), facts.register_bytes.size());
    using Kind = mediatek::Satellite::Kind;
    for (std::size_t i = 1; i < first; ++i) own.satellites.push_back({Kind::storage, 0, facts.register_bytes[i]});
    for (std::size_t i = 0; i < facts.outside.size() && first + i < facts.register_bytes.size(); ++i) {
        const std::string& role = facts.outside[i].role;
        const Kind kind = role == "larb" ? Kind::larb : role == "pericfg" ? Kind::pericfg : Kind::smi_common;
        own.satellites.push_back({kind, facts.outside[i].number, facts.register_bytes[first + i]});
    }
    own.wires = std::max(facts.interrupts, 1U);
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk(2);
    own.seed = params.seed;
    return std::make_unique<mediatek::M4u>(own);
}

/// A small TLB in each port, one behind them, walks of two levels.
constexpr TimingPreset kTiming{
    "m4u-like", "estimate", {false, 16, 0, 1, 1}, {true, 16, 0, 1, 1}, {true, 128, 4, 2, 2}, 4,
    64,         4,          {0, 0, 32, 0},        {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"mediatek", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    mediatek::Parameters parameters;
    parameters.soc = *mediatek::find_soc(wanted.compatible);
    parameters.wires = wanted.interrupts;
    for (CacheParams* cache : {&parameters.tlb, &parameters.directory}) {
        cache->entries = kSmallCache;
        cache->ways = 0;
    }
    return std::make_unique<mediatek::M4u>(parameters);
}

}  // namespace

Span<Family> mediatek_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily mediatek_small() { return {"mediatek", &make_small}; }
ExampleBoard mediatek_example() { return {"mediatek", "a MediaTek M4U", "mediatek.dtb", "16000000.codec"}; }

}  // namespace xlate::iommu
