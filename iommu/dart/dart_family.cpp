#include "iommu/dart/dart.hpp"
#include "iommu/families.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kPages[] = {"16 KiB", "4 KiB"};
constexpr OptionSpec kOptions[] = {{"dart",
                                    "Apple's DART only.",
                                    "page_size",
                                    "PARAMS1.PAGE_SHIFT; larger than the kernel's page: its groups are identity.",
                                    {kPages, std::size(kPages)}}};

std::unique_ptr<Instance> make(const InstanceParams& params) {
    const std::string& compatible = params.facts.compatible;
    dart::DartParams own = compatible == "apple,t8110-dart"   ? dart::t8110_dart()
                           : compatible == "apple,t6000-dart" ? dart::t6000_dart()
                                                              : dart::t8103_dart();
    own.page_log2 = params.hardware.option(kOptions[0]) == 1 ? 12 : 14;
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

constexpr Family kFamilies[] = {{"dart", &kTiming, &dart::sheet, &make, {kOptions, std::size(kOptions)}}};

}  // namespace

Span<Family> dart_family() { return {kFamilies, std::size(kFamilies)}; }

}  // namespace xlate::iommu
