#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"
#include "iommu/smmuv3/smmu.hpp"

namespace xlate::iommu {
namespace {

std::unique_ptr<Instance> make(const InstanceParams& params) {
    smmuv3::SmmuParams own;
    own.features = params.hardware.smmuv3;
    own.seed = params.seed;
    own.name = params.name;
    own.commands_per_fetch = params.commands_per_fetch;
    own.prefetch_commands = params.prefetch_commands;
    own.caches.config = params.caches.config;
    own.caches.tlb = params.caches.tlb;
    own.caches.ipa = params.caches.ipa;
    own.caches.walk_enabled = params.caches.walk_enabled;
    std::copy(std::begin(params.caches.walk_s1), std::end(params.caches.walk_s1), std::begin(own.caches.walk_s1));
    std::copy(std::begin(params.caches.walk_s2), std::end(params.caches.walk_s2), std::begin(own.caches.walk_s2));
    return std::make_unique<smmuv3::Smmu>(own);
}

constexpr Family kFamilies[] = {{"smmuv3", nullptr, &smmuv3::sheet, &make, {}}};

/// QEMU's, with short queues.
std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    smmuv3::SmmuParams params;
    params.features = smmuv3::qemu_like();
    params.features.sidsize = static_cast<std::uint8_t>(wanted.id_bits);
    params.features.cmdqs = 7;  // the fewest that Linux takes
    params.features.eventqs = 4;
    CacheParams few;
    few.entries = kSmallCache;
    CacheParams none = few;
    none.enabled = false;
    params.caches.config = params.caches.tlb = few;
    params.caches.ipa = none;
    for (CacheParams& level : params.caches.walk_s1) level = few;
    for (CacheParams& level : params.caches.walk_s2) level = none;
    params.caches.walk_s1[3] = none;
    return std::make_unique<smmuv3::Smmu>(params);
}

}  // namespace

Span<Family> smmuv3_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily smmuv3_small() { return {"smmuv3", &make_small}; }
ExampleBoard smmuv3_example() {
    ExampleBoard one{"smmuv3", "an SMMUv3"};
    one.generate = "devicetree";
    one.pci = true;
    one.place = 0;
    one.sized = "tbu.tlb.entries";
    return one;
}

}  // namespace xlate::iommu
