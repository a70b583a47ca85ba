#include <algorithm>

#include "iommu/families.hpp"
#include "iommu/omap/omap.hpp"

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

}  // namespace

Span<Family> omap_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
