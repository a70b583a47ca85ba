#include <algorithm>

#include "iommu/families.hpp"
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

}  // namespace

Span<Family> smmuv3_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
