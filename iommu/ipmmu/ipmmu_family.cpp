#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/ipmmu/ipmmu.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const InstanceFacts& facts = params.facts;
    ipmmu::Parameters own;
    own.generation = ipmmu::generation_of(facts.compatible);
    if (!facts.register_bytes.empty()) own.register_bytes = facts.register_bytes.front();
    own.tlb = params.caches.tlb;
    own.level1 = params.caches.walk(1);
    own.level2 = params.caches.walk(2);
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<ipmmu::Ipmmu>(own);
}

void connect(Instance& unit, Instance& main) {
    static_cast<ipmmu::Ipmmu&>(unit).connect(static_cast<ipmmu::Ipmmu&>(main));
}

/// A micro-TLB at each port, a TLB and a walker behind all of them.
constexpr TimingPreset kTiming{
    "ipmmu-like", "estimate", {false, 16, 0, 1, 1}, {true, 16, 0, 1, 1}, {true, 128, 4, 2, 2}, 4,
    64,           4,          {0, 4, 32, 0},        {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"ipmmu", &kTiming, &ipmmu::sheet, &make, {}, &connect}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    ipmmu::Parameters parameters;
    parameters.generation = ipmmu::Generation::gen2;
    for (CacheParams* cache : {&parameters.tlb, &parameters.level1, &parameters.level2}) {
        cache->entries = kSmallCache;
        cache->ways = 0;
    }
    return std::make_unique<ipmmu::Ipmmu>(parameters);
}

}  // namespace

Span<Family> ipmmu_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily ipmmu_small() { return {"ipmmu", &make_small}; }
ExampleBoard ipmmu_example() { return {"ipmmu", "a Renesas IPMMU", "ipmmu.dtb", "fe900000.codec"}; }

}  // namespace xlate::iommu
