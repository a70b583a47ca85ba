#include "iommu/families.hpp"
#include "iommu/simple/sun50i.hpp"

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

}  // namespace

Span<Family> sun50i_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
