#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/simple/rockchip.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return rockchip::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    rockchip::Parameters own;
    const bool first = params.facts.compatible == "rockchip,iommu" || params.facts.compatible.empty();
    own.version = first ? rockchip::Version::v1 : rockchip::Version::v2;
    own.banks = static_cast<unsigned>(std::max<std::size_t>(params.facts.register_bytes.size(), 1));
    own.wires = std::max(params.facts.interrupts, 1U);
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk(2);
    own.seed = params.seed;
    return std::make_unique<rockchip::Rockchip>(own);
}

/// One TLB beside the master, one walk at a time, nothing between port and core.
constexpr TimingPreset kTiming{
    "rockchip-like", "estimate",        {false, 16, 0, 1, 1}, {false, 64, 0, 1, 1}, {true, 64, 0, 1, 1}, 1, 16, 1,
    {0, 0, 8, 0},    {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"rockchip", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    rockchip::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = kSmallCache;
    return std::make_unique<rockchip::Rockchip>(parameters);
}

}  // namespace

Span<Family> rockchip_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily rockchip_small() { return {"rockchip", &make_small}; }
ExampleBoard rockchip_example() { return {"rockchip", "a Rockchip IOMMU", "rockchip.dtb", "ff900000.vop"}; }

}  // namespace xlate::iommu
