#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/simple/sprd.hpp"
#include "iommu/small_instances.hpp"

namespace xlate::iommu {
namespace {

constexpr std::string_view kVersions[] = {"ex", "vau"};
constexpr std::uint32_t kIdRegisters[] = {sprd::reg::VERSION};

std::optional<std::uint64_t> version_of_registers(const std::vector<RegisterWord>& words) {
    for (const RegisterWord& one : words) {
        const std::uint64_t number = sprd::version::NUMBER.get(one.word);
        if (one.offset == sprd::reg::VERSION && number < std::size(kVersions)) return number;
    }
    return std::nullopt;
}

constexpr OptionSpec kOptions[] = {{"sprd",
                                    "Spreadtrum's IOMMU only.",
                                    "version",
                                    "which registers it has: EX of multimedia, VAU of the video unit",
                                    {kVersions, std::size(kVersions)},
                                    0,
                                    0,
                                    0,
                                    &version_of_registers}};

const InstanceSpec& sheet() { return sprd::kSpec; }

std::unique_ptr<Instance> make(const InstanceParams& params) {
    sprd::Parameters own;
    own.version = static_cast<sprd::Version>(params.hardware.option(kOptions[0]));
    own.tlb = params.caches.tlb;
    own.seed = params.seed;
    return std::make_unique<sprd::Sprd>(own);
}

/// One TLB beside the master, one read a walk.
constexpr TimingPreset kTiming{
    "sprd-like", "estimate", {false, 16, 0, 1, 1}, {false, 64, 0, 1, 1}, {true, 64, 0, 1, 1}, 1,
    16,          2,          {0, 0, 0, 0},         {256, 256, 256, 0}};

constexpr Family kFamilies[] = {
    {"sprd", &kTiming, &sheet, &make, {kOptions, std::size(kOptions)}, nullptr, {kIdRegisters, 1}}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    sprd::Parameters parameters;
    parameters.tlb.entries = kSmallCache;
    return std::make_unique<sprd::Sprd>(parameters);
}

}  // namespace

Span<Family> sprd_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily sprd_small() { return {"sprd", &make_small}; }
ExampleBoard sprd_example() { return {"sprd", "a Spreadtrum IOMMU", "sprd.dtb", "63100000.display"}; }

}  // namespace xlate::iommu
