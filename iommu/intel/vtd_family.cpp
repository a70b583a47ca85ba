#include <algorithm>
#include <string>

#include "base/bits.hpp"
#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/intel/vtd.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kLike[] = {"server", "qemu", "scalable"};
constexpr std::string_view kOff[] = {"off", "on"};
constexpr std::string_view kAsLike[] = {"as-like", "off", "on"};
constexpr std::string_view kWidths[] = {"as-like", "39", "48", "57"};
constexpr std::string_view kHint[] = {"heeded", "ignored"};
constexpr const char* kBlock = "vt-d";
constexpr const char* kAudience = "Intel VT-d only.";
constexpr OptionSpec kOptions[] = {
    {kBlock,
     kAudience,
     "like",
     "capabilities; server: legacy mode, 4 levels, device TLBs; qemu: as QEMU's; scalable: all that is modelled.",
     {kLike, std::size(kLike)}},
    {kBlock, kAudience, "caching_mode", "CAP.CM: software flushes after each map, too.", {kOff, std::size(kOff)}},
    {kBlock, kAudience, "address_bits", "Of physical addresses; 0: as CAP.MGAW has it.", {}, 0, 0, 52},
    {kBlock, kAudience, "pasid_cache", "PASID entries kept; 0: none.", {}, 64, 0, 4096},
    {kBlock, kAudience, "fault_records", "Registers for faults; 0: as `like` has it.", {}, 0, 0, 256},
    {kBlock,
     kAudience,
     "mappable_order",
     "CAP.MAMV: log2 of the pages that one page-selective flush can name.",
     {},
     18,
     0,
     18},
    {kBlock,
     kAudience,
     "leaf_hint",
     "IH of a flush, a hint; heeded: entries for upper levels stay; ignored: they go, too.",
     {kHint, std::size(kHint)}},
    {kBlock,
     kAudience,
     "device_tlb",
     "ECAP.DT: devices may have TLBs of their own (ATS); as-like: as `like` has it.",
     {kAsLike, std::size(kAsLike)}},
    {kBlock,
     kAudience,
     "width",
     "CAP.MGAW and SAGAW: bits of a DMA address, and with them levels of tables: 39 (3), 48 (4) or 57 (5); as-like: as "
     "`like` has it.",
     {kWidths, std::size(kWidths)}},
};

CacheParams sized(std::uint64_t entries, bool enabled) {
    CacheParams cache;
    cache.enabled = enabled && entries != 0;
    cache.entries = static_cast<std::uint32_t>(std::max<std::uint64_t>(entries, 1));
    cache.ways = entries % 4 == 0 && entries != 0 ? 4 : 0;
    return cache;
}

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const Hardware& hardware = params.hardware;
    const vtd::Capabilities like = vtd::capabilities_by_name(std::string(hardware.choice(kOptions[0])));
    vtd::VtdParams own;
    own.version = like.version;
    own.cap = vtd::cap::CM.set(like.cap, hardware.option(kOptions[1]));
    own.ecap = like.ecap;
    if (const std::uint64_t tlb = hardware.option(kOptions[7])) own.ecap = vtd::ecap::DT.set(own.ecap, tlb - 1);
    if (const std::uint64_t width = hardware.option(kOptions[8])) {
        // Bit n of SAGAW: tables of n + 2 levels. A unit that walks more levels walks fewer, too.
        own.cap = vtd::cap::SAGAW.set(own.cap, low_mask(static_cast<unsigned>(width)) << 1);
        own.cap = vtd::cap::MGAW.set(own.cap, 30 + 9 * width - 1);
    }
    own.host_bits = static_cast<unsigned>(hardware.option(kOptions[2]));
    if (own.host_bits != 0) own.host_bits = std::max(own.host_bits, 32U);
    if (const std::uint64_t records = hardware.option(kOptions[4])) own.cap = vtd::cap::NFR.set(own.cap, records - 1);
    own.cap = vtd::cap::MAMV.set(own.cap, hardware.option(kOptions[5]));
    own.leaf_hint = hardware.option(kOptions[6]) == 0;
    own.context_cache = params.caches.config;
    own.interrupt_cache = params.caches.config;
    own.pasid_cache = sized(hardware.option(kOptions[3]), params.caches.config.enabled);
    own.tlb = params.caches.tlb;
    own.nested_cache = params.caches.ipa;
    for (unsigned level = 0; level < vtd::kWalkCaches; ++level) {
        own.walk_s1[level] = params.caches.walk(level);
        own.walk_s2[level] = params.caches.walk_s2[level];
        own.walk_s2[level].enabled = own.walk_s2[level].enabled && params.caches.walk_enabled;
    }
    own.descriptors_per_fetch = params.commands_per_fetch;
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<vtd::Vtd>(own);
}

/// One unit in the root complex, near to its devices; a page-table cache of 32 entries for each upper level
/// (published-figures A argues with that); everything else is an estimate.
constexpr TimingPreset kTiming{"vt-d-like",
                               "estimate; page-table caches: F&S, SOSP'24",
                               {false, 16, 0, 1, 1},
                               {true, 64, 0, 2, 2},
                               {true, 512, 4, 3, 3},
                               10,
                               64,
                               8,
                               {32, 32, 32, 0},
                               {32, 32, 32, 0}};

constexpr Family kFamilies[] = {{"vt-d", &kTiming, &vtd::sheet, &make, {kOptions, std::size(kOptions)}}};

/// Four levels, legacy mode.
std::unique_ptr<Instance> make_small(const SmallInstance&) {
    const vtd::Capabilities like = vtd::capabilities_by_name("server");
    vtd::VtdParams params;
    params.version = like.version;
    params.cap = like.cap;
    params.ecap = like.ecap;
    const auto few = [](CacheParams& cache) {
        cache.entries = kSmallCache;
        cache.ways = 0;
    };
    for (CacheParams* cache :
         {&params.context_cache, &params.pasid_cache, &params.interrupt_cache, &params.tlb, &params.nested_cache})
        few(*cache);
    for (CacheParams& cache : params.walk_s1) few(cache);
    for (CacheParams& cache : params.walk_s2) few(cache);
    return std::make_unique<vtd::Vtd>(params);
}

}  // namespace

Span<Family> vtd_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily vtd_small() { return {"vt-d", &make_small}; }
ExampleBoard vtd_example() {
    ExampleBoard one{"vt-d", "an Intel VT-d unit"};
    one.generate = "acpi";
    one.kind = "vt-d";
    one.device = "XLAT0001:00";
    one.pci = true;
    one.place = 2;
    return one;
}

}  // namespace xlate::iommu
