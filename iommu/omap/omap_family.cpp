#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/omap/omap.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::uint32_t kMost = 32;

const InstanceSpec& sheet() { return omap::kSpec; }

// The size of the TLB is firmware's to say, as it is to the driver.
std::unique_ptr<Instance> make(const InstanceParams& params) {
    omap::Parameters own;
    const auto entries = params.facts.cells.find("ti,#tlb-entries");
    if (entries != params.facts.cells.end()) own.entries = std::clamp<std::uint32_t>(entries->second, 1, kMost);
    return std::make_unique<omap::Omap>(own);
}

/// One TLB, at the MMU, and one walk at a time.
constexpr TimingPreset kTiming{
    "omap-like", "estimate", {false, 16, 0, 1, 1}, {false, 64, 0, 1, 1}, {true, 32, 0, 1, 1}, 1,
    16,          1,          {0, 0, 0, 0},         {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"omap", &kTiming, &sheet, &make, {}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) { return std::make_unique<omap::Omap>(omap::Parameters{}); }

}  // namespace

Span<Family> omap_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily omap_small() { return {"omap", &make_small}; }
ExampleBoard omap_example() {
    ExampleBoard one{"omap", "an OMAP IOMMU", "omap.dtb", "480bc000.isp"};
    one.kernel = "arch: arm, variant: linux-6.1";
    one.arm32 = true;
    one.sized = "tcu.walk_slots";  // its TLB has the size that it has
    return one;
}

}  // namespace xlate::iommu
