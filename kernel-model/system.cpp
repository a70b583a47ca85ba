#include "kernel-model/system.hpp"

#include <algorithm>
#include <utility>

#include "base/bits.hpp"
#include "firmware/acpi/tables.hpp"
#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel {
namespace {

/// of_dma_get_max_cpu_address() and acpi_iort_dma_get_max_cpu_address(): what every bus of the firmware reaches.
std::uint64_t reach_of_all(const firmware::Description& description) {
    std::uint64_t reach = ~std::uint64_t{0};
    for (const firmware::Node& node : description.nodes) {
        if (!node.reachable || !node.dma_ranges || node.dma_ranges->kind != firmware::DmaRanges::Kind::list) continue;
        std::uint64_t highest = 0;
        for (const firmware::DmaWindow& window : node.dma_ranges->windows)
            highest = std::max(highest, window.size == 0 ? 0 : window.cpu + (window.size - 1));
        if (highest != 0) reach = std::min(reach, highest);
    }
    if (!description.tables || !description.tables->iort) return reach;
    const auto limit = [&](unsigned bits) {
        if (bits != 0) reach = std::min(reach, low_mask(bits));
    };
    for (const firmware::acpi::IortNode& node : description.tables->iort->nodes) {
        if (const auto* const component = std::get_if<firmware::acpi::NamedComponent>(&node.body))
            limit(component->address_limit);
        if (const auto* const complex = std::get_if<firmware::acpi::RootComplex>(&node.body))
            limit(complex->address_limit);
    }
    return reach;
}

/// mem_init() of arm64 and swiotlb_init(): where the pool ends, whether there is one, and how large it is.
void size_swiotlb(SwiotlbParams& params, const BootConfig& boot, const firmware::Description& description,
                  unsigned release) {
    constexpr unsigned kFirstReleaseThatAlwaysHasOne = 605, kFirstReleaseWithASmallOne = 607;
    constexpr std::uint64_t kShareOfMemory = 1024;
    const std::optional<std::uint64_t>& asked = boot.parameters.swiotlb_slots;
    if (asked) params.slots = align_up(*asked, Swiotlb::kSegmentSlots);
    if (boot.arch == Arch::arm64) {
        // Low memory stays apart even where the buses reach further.
        const bool low = std::any_of(description.memory.begin(), description.memory.end(),
                                     [&](const auto& range) { return range.base < params.reach; });
        const std::uint64_t all = reach_of_all(description);
        params.reach = low ? std::min(params.reach, all) : all;
        params.always = release >= kFirstReleaseThatAlwaysHasOne;
        std::uint64_t bytes = 0;
        bool beyond = false;
        for (const auto& range : description.memory) {
            bytes += range.size;
            beyond = beyond || (range.size != 0 && range.base + (range.size - 1) > params.reach);
        }
        if (!beyond && !asked && release >= kFirstReleaseWithASmallOne) {
            const std::uint64_t small = (bytes + kShareOfMemory - 1) / kShareOfMemory;
            params.slots = std::min(params.slots, align_up((small + Swiotlb::kSlotBytes - 1) / Swiotlb::kSlotBytes,
                                                           Swiotlb::kSegmentSlots));
        }
    }
    // swiotlb_adjust_nareas(), round_up_default_nslabs()
    const std::uint64_t areas =
        std::uint64_t{1} << log2_ceil(std::max<std::uint64_t>(boot.parameters.swiotlb_areas.value_or(boot.cpus), 1));
    params.slots = std::uint64_t{1} << log2_ceil(std::max(params.slots, areas * Swiotlb::kSegmentSlots));
}

DmaParams dma_params(const BootConfig& boot, const firmware::Description& description, unsigned release) {
    DmaParams params;
    params.cpus = boot.cpus;
    using Mode = SwiotlbParams::Mode;
    using Asked = KernelParameters::Swiotlb;
    params.swiotlb.mode = boot.parameters.swiotlb == Asked::force     ? Mode::force
                          : boot.parameters.swiotlb == Asked::noforce ? Mode::noforce
                                                                      : Mode::as_needed;
    size_swiotlb(params.swiotlb, boot, description, release);
    return params;
}

PageAllocatorParams page_params(const BootConfig& boot) {
    PageAllocatorParams params;
    // Clearing costs by the byte.
    params.zero_per_page = params.zero_per_page * (boot.page_bytes / params.page_bytes);
    params.page_bytes = boot.page_bytes;
    params.stored_zero_bytes = std::max(params.stored_zero_bytes, boot.page_bytes);
    return params;
}

}  // namespace

KernelSystem::KernelSystem(Kernel& kernel, const firmware::Description& description, BootConfig boot)
    : pages(kernel, description, page_params(boot)),
      dma(kernel, pages, description, dma_params(boot, description, kernel.variant.release)),
      client(kernel, dma, boot.mistakes, &power, &messages),
      boot_(std::move(boot)) {
    if (boot_.dma == nullptr) boot_.dma = &dma;
    if (boot_.client == nullptr) boot_.client = &client;
    const IommuDriverParts parts{
        pages, power, boot_.mistakes,
        [this](Device& dev, Iova address, bool write) { return client.page_request(dev, address, write); }, &messages};
    for (DriverSource& source : iommu_driver_sources(description, parts, boot_.not_built)) {
        boot_.drivers.push_back(std::move(source));
    }
}

}  // namespace xlate::kernel
