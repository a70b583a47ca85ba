#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"
#include "iommu/tegra/layout_socs.hpp"
#include "iommu/tegra/tegra_smmu.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return tegra::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    tegra::Parameters own;
    own.soc = tegra::soc_of(params.facts.compatible);
    if (own.soc == nullptr) own.soc = tegra::soc_of("nvidia,tegra124-mc");
    if (!params.facts.register_bytes.empty()) own.register_bytes = params.facts.register_bytes.front();
    own.tlb = params.caches.tlb;
    own.ptc = params.caches.walk(2);
    own.seed = params.seed;
    return std::make_unique<tegra::TegraSmmu>(own);
}

/// One TLB and one page table cache for all clients of the memory controller, hits under a few misses.
constexpr TimingPreset kTiming{
    "tegra-like", "estimate", {false, 16, 0, 1, 1}, {false, 16, 0, 1, 1}, {true, 32, 0, 1, 2}, 1,
    32,           4,          {0, 0, 64, 0},        {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"tegra", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    tegra::Parameters parameters;
    parameters.soc = tegra::soc_of(wanted.compatible);
    parameters.tlb.entries = parameters.ptc.entries = kSmallCache;
    parameters.ptc.ways = 0;
    return std::make_unique<tegra::TegraSmmu>(parameters);
}

}  // namespace

Span<Family> tegra_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily tegra_small() { return {"tegra", &make_small}; }
ExampleBoard tegra_example() {
    ExampleBoard one{"tegra", "a Tegra SMMU", "tegra.dtb", "54200000.display"};
    one.kernel = "arch: arm, variant: linux-6.12";
    one.arm32 = true;
    return one;
}

}  // namespace xlate::iommu
