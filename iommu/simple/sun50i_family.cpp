#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/simple/sun50i.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return sun50i::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    sun50i::Parameters own;
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk(2);
    own.seed = params.seed;
    return std::make_unique<sun50i::Sun50i>(own);
}

/// A micro-TLB at each master, a macro-TLB behind them.
constexpr TimingPreset kTiming{
    "sun50i-like", "estimate",        {false, 16, 0, 1, 1}, {true, 16, 0, 1, 1}, {true, 64, 4, 2, 2}, 2, 64, 2,
    {0, 0, 16, 0}, {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"sun50i", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    sun50i::Parameters parameters;
    for (CacheParams* cache : {&parameters.tlb, &parameters.directory}) {
        cache->entries = kSmallCache;
        cache->ways = 0;
    }
    return std::make_unique<sun50i::Sun50i>(parameters);
}

}  // namespace

Span<Family> sun50i_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily sun50i_small() { return {"sun50i", &make_small}; }
ExampleBoard sun50i_example() { return {"sun50i", "an Allwinner sun50i IOMMU", "sun50i.dtb", "1c0e000.video"}; }

}  // namespace xlate::iommu
