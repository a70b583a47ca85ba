#include <map>

#include "iommu/dart/dart.hpp"
#include "iommu/dart/layout.hpp"
#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kPages[] = {"16 KiB", "4 KiB"};
constexpr OptionSpec kOptions[] = {{"dart",
                                    "Apple's DART only.",
                                    "page_size",
                                    "PARAMS1.PAGE_SHIFT; larger than the kernel's page: its groups are identity.",
                                    {kPages, std::size(kPages)}}};

constexpr std::uint32_t kIdRegisters[] = {
    dart::PARAMS1, dart::PARAMS2, dart::t8110::PARAMS3, dart::t8110::PARAMS4, dart::t8020::CONFIG, dart::t8110::PROTECT,
};

/// What its PARAMS registers say, those that are given, and whether its boot loader has locked it.
void take_ids(dart::DartParams& own, const std::map<std::uint64_t, std::uint32_t>& registers) {
    using namespace dart;
    const bool newer = own.generation == Generation::t8110;
    for (const auto& [offset, word] : registers) {
        if (offset == PARAMS1) {
            const auto log2 = static_cast<std::uint8_t>(params1::PAGE_SHIFT.get(word));
            if (log2 == 12 || log2 == 14) own.page_log2 = log2;
        } else if (offset == PARAMS2) {
            own.bypass_support = params2::BYPASS_SUPPORT.test(word);
        } else if (newer && offset == t8110::PARAMS3) {
            own.va_width = static_cast<std::uint8_t>(t8110::params3::VA_WIDTH.get(word));
            own.pa_width = static_cast<std::uint8_t>(t8110::params3::PA_WIDTH.get(word));
        } else if (newer && offset == t8110::PARAMS4) {
            const auto streams = static_cast<std::uint16_t>(t8110::params4::NUM_SIDS.get(word));
            if (streams >= 1 && streams <= kMaxStreams) own.streams = streams;
        } else if (offset == (newer ? t8110::PROTECT : t8020::CONFIG)) {
            own.locked = newer ? t8110::protect::TTBR_TCR.test(word) : t8020::config::LOCK.test(word);
        }
    }
}

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const std::string& compatible = params.facts.compatible;
    dart::DartParams own = compatible == "apple,t8110-dart"   ? dart::t8110_dart()
                           : compatible == "apple,t6000-dart" ? dart::t6000_dart()
                                                              : dart::t8103_dart();
    own.page_log2 = params.hardware.option(kOptions[0]) == 1 ? 12 : 14;
    take_ids(own, params.hardware.registers);
    own.tlb = params.caches.tlb;
    own.walk = params.caches.walk(2);
    own.seed = params.seed;
    own.name = params.name;
    return std::make_unique<dart::Dart>(own);
}

/// As an SMMU's shape, smaller.
constexpr TimingPreset kTiming{
    "dart-like", "estimate", {false, 16, 0, 1, 1}, {true, 64, 0, 2, 2}, {true, 128, 4, 3, 3}, 10,
    64,          4,          {0, 0, 16, 0},        {256, 256, 256, 0}};

constexpr Family kFamilies[] = {{"dart",
                                 &kTiming,
                                 &dart::sheet,
                                 &make,
                                 {kOptions, std::size(kOptions)},
                                 nullptr,
                                 {kIdRegisters, std::size(kIdRegisters)}}};

/// Of the M1, with the CPU's page size unless the other is wanted.
std::unique_ptr<Instance> make_small(const SmallInstance& wanted) {
    dart::DartParams params = dart::t8103_dart();
    params.page_log2 = wanted.large_pages ? 14 : 12;
    params.bypass_support = wanted.bypass;
    params.tlb.entries = params.walk.entries = kSmallCache;
    params.tlb.ways = params.walk.ways = 0;
    return std::make_unique<dart::Dart>(params);
}

}  // namespace

Span<Family> dart_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily dart_small() { return {"dart", &make_small}; }
ExampleBoard dart_example() {
    ExampleBoard one{"dart", "an Apple DART", "dart.dtb", "a000000.display"};
    one.iommu = "dart: { page_size: 4 KiB }";  // those of the kernel
    return one;
}

}  // namespace xlate::iommu
