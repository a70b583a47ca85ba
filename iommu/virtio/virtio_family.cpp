#include <algorithm>

#include "iommu/example_boards.hpp"
#include "iommu/families.hpp"
#include "iommu/small_instances.hpp"
#include "iommu/virtio/virtio_iommu.hpp"

namespace xlate::iommu {
namespace {

const InstanceSpec& sheet() { return virtio::kSpec; }

constexpr std::string_view kPages[] = {"4 KiB", "16 KiB", "64 KiB"};
constexpr std::string_view kUnattached[] = {"pass", "fault"};
constexpr OptionSpec kOptions[] = {
    {"virtio", "virtio-iommu only.", "page_size", "page_size_mask: the smallest page.", {kPages, std::size(kPages)}},
    {"virtio",
     "virtio-iommu only.",
     "unattached",
     "config.bypass at power-on: what an endpoint does that is attached to nothing.",
     {kUnattached, std::size(kUnattached)}},
    {"virtio", "virtio-iommu only.", "input_bits", "input_range: bits of an input address.", {}, 64, 32, 64},
};

std::unique_ptr<Instance> make(const InstanceParams& params) {
    virtio::Parameters own;
    constexpr unsigned kLog2[] = {12, 14, 16};
    own.offer.page_size_mask = ~low_mask(kLog2[params.hardware.option(kOptions[0])]);
    own.offer.bypass = params.hardware.option(kOptions[1]) == 0;
    own.offer.input_last = low_mask(static_cast<unsigned>(params.hardware.option(kOptions[2])));
    if (params.facts.compatible == "virtio,pci-iommu") own.transport = virtio::Transport::pci;
    if (params.hardware.endpoints) {
        own.offer.exists = [all = *params.hardware.endpoints](std::uint32_t endpoint) {
            return std::find(all.begin(), all.end(), endpoint) != all.end();
        };
    }
    own.tlb = params.caches.tlb;
    own.seed = params.seed;
    return std::make_unique<virtio::VirtioIommu>(own);
}

/// A backend in software that fills the host's IOMMU: nothing of it is measured.
constexpr TimingPreset kTiming{
    "virtio-like", "estimate",  {false, 16, 0, 1, 1}, {true, 64, 0, 2, 2}, {true, 512, 4, 3, 3}, 10, 64, 16,
    {0, 0, 0, 0},  {0, 0, 0, 0}};

constexpr Family kFamilies[] = {
    {"virtio-iommu", &kTiming, &sheet, &make, {kOptions, std::size(kOptions)}, nullptr, {}, true}};

std::unique_ptr<Instance> make_small(const SmallInstance&) {
    virtio::Parameters parameters;
    parameters.tlb.entries = kSmallCache;
    parameters.tlb.ways = 0;
    return std::make_unique<virtio::VirtioIommu>(parameters);
}

}  // namespace

Span<Family> virtio_family() { return {kFamilies, std::size(kFamilies)}; }
SmallFamily virtio_small() { return {"virtio-iommu", &make_small}; }
ExampleBoard virtio_example() {
    ExampleBoard one{"virtio-iommu", "a virtio-iommu"};
    one.generate = "devicetree";
    one.kind = "virtio-iommu";
    one.pci = true;
    one.place = 1;
    return one;
}

}  // namespace xlate::iommu
