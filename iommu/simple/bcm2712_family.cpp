#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/simple/bcm2712.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return bcm2712::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    bcm2712::Parameters own;
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk(2);
    if (!params.facts.outside.empty()) own.shared_cache_bytes = params.facts.register_bytes.back();
    own.seed = params.seed;
    return std::make_unique<bcm2712::Bcm2712>(own);
}

/// Two reads a walk at most; one walker.
constexpr TimingPreset kTiming{
    "bcm2712-like", "estimate",        {false, 16, 0, 1, 1}, {true, 64, 0, 1, 1}, {true, 64, 0, 2, 1}, 1, 16, 1,
    {0, 0, 8, 0},   {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"bcm2712", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    bcm2712::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = kSmallCache;
    return std::make_unique<bcm2712::Bcm2712>(parameters);
}

}  // namespace

Span<Family> bcm2712_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily bcm2712_small() { return {"bcm2712", &make_small}; }
ExampleBoard bcm2712_example() { return {"bcm2712", "a BCM2712 IOMMU", "bcm2712.dtb", "1000880000.isp"}; }

}  // namespace xlate::iommu
