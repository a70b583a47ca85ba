#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/simple/verisilicon.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return verisilicon::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    verisilicon::Parameters own;
    own.tlb = params.caches.tlb;
    own.directory = params.caches.walk(2);
    own.seed = params.seed;
    return std::make_unique<verisilicon::Verisilicon>(own);
}

/// As rockchip-like, whose neighbour it is.
constexpr TimingPreset kTiming{
    "verisilicon-like", "estimate",        {false, 16, 0, 1, 1}, {false, 64, 0, 1, 1}, {true, 64, 0, 1, 1}, 1, 16, 1,
    {0, 0, 8, 0},       {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"verisilicon", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    verisilicon::Parameters parameters;
    parameters.tlb.entries = parameters.directory.entries = kSmallCache;
    return std::make_unique<verisilicon::Verisilicon>(parameters);
}

}  // namespace

Span<Family> verisilicon_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily verisilicon_small() { return {"verisilicon", &make_small}; }
ExampleBoard verisilicon_example() {
    ExampleBoard one{"verisilicon", "a Verisilicon IOMMU", "verisilicon.dtb", "fdc70000.decoder"};
    one.kernel = "variant: linux-7.2";
    return one;
}

}  // namespace xlate::iommu
