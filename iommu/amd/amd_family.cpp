#include "iommu/amd/iommu.hpp"
#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kLike[] = {"qemu", "full", "v1"};
constexpr std::string_view kOff[] = {"off", "on"};
constexpr const char* kBlock = "amd_vi";
constexpr const char* kAudience = "AMD-Vi only.";
constexpr OptionSpec kOptions[] = {
    {kBlock,
     kAudience,
     "like",
     "extended features; qemu: as QEMU's amd-iommu; full: all that is modelled, x2APIC and PASIDs of 20 bits too; v1: "
     "neither guest tables nor page requests.",
     {kLike, std::size(kLike)}},
    {kBlock,
     kAudience,
     "np_cache",
     "NpCache of its PCI capability, as QEMU's has it: software flushes after each map, too, and Linux is strict.",
     {kOff, std::size(kOff)}},
};

std::unique_ptr<Instance> make(const InstanceParams& params) {
    amd::AmdParams own;
    own.ext_feat = amd::ext_feat_by_name(params.hardware.choice(kOptions[0]));
    own.np_cache = params.hardware.option(kOptions[1]) != 0;
    own.dte_cache = own.irte_cache = params.caches.config;
    own.tlb = params.caches.tlb;
    for (unsigned level = 0; level < amd::kWalkCaches; ++level) {
        own.walk_guest[level] = params.caches.walk(level);
        own.walk_host[level] = params.caches.walk_s2[level];
        own.walk_host[level].enabled = own.walk_host[level].enabled && params.caches.walk_enabled;
    }
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<amd::Iommu>(own);
}

/// One TLB for all masters of the unit, entries and tables cached in the core.
constexpr TimingPreset kTiming{
    "amd-vi-like",  "estimate",    {false, 16, 0, 1, 1}, {true, 64, 0, 2, 2}, {true, 512, 4, 3, 3}, 10, 64, 8,
    {4, 16, 64, 0}, {4, 16, 64, 0}};

constexpr Family kFamilies[] = {{"amd-vi", &kTiming, &amd::sheet, &make, {kOptions, std::size(kOptions)}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    amd::AmdParams params;
    params.ext_feat = amd::ext_feat_by_name("qemu");
    const auto few = [](CacheParams& cache) {
        cache.entries = kSmallCache;
        cache.ways = 0;
    };
    for (CacheParams* cache : {&params.dte_cache, &params.irte_cache, &params.tlb}) few(*cache);
    for (CacheParams& cache : params.walk_host) few(cache);
    for (CacheParams& cache : params.walk_guest) few(cache);
    return std::make_unique<amd::Iommu>(params);
}

}  // namespace

Span<Family> amd_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily amd_small() { return {"amd-vi", &make_small}; }
ExampleBoard amd_example() {
    ExampleBoard one{"amd-vi", "an AMD-Vi unit"};
    one.generate = "acpi";
    one.kind = "amd-vi";
    one.device = "XLAT0001:00";
    one.pci = true;
    one.place = 3;
    return one;
}

}  // namespace xlate::iommu
