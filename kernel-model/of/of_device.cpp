// of_dma_configure_id: kernel-probe.md 2.3 (ODC).
#include <algorithm>

#include "base/bits.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

OfCore::OfCore(Kernel& kernel, const firmware::Description& firmware_description, DriverCore& driver_core,
               IommuCore& iommu_core)
    : k_(kernel),
      variant_(kernel.variant),
      description_(firmware_description),
      drivers_(driver_core),
      iommu_(iommu_core),
      arch_(kernel, iommu_core),
      populated_(firmware_description.nodes.size(), false) {}

int OfCore::of_dma_configure_id(Device& dev, std::optional<firmware::NodeIndex> np, bool force_dma,
                                std::optional<std::uint32_t> id) {
    Frame frame{k_, "of_dma_configure_id"};
    using firmware::DmaRanges;
    // ODC1: a device's own node asks its parents; a host bridge's node is the DMA parent itself.
    std::optional<firmware::NodeIndex> ranges_node;
    if (np) {
        const firmware::Node& node = description_.node(*np);
        const bool own = dev.of_node == np;
        if (!own && node.dma_ranges && node.dma_ranges->kind != DmaRanges::Kind::empty)
            ranges_node = np;
        else
            ranges_node = node.dma_ranges_node;
    }
    int err = np ? -kENODEV : -kEINVAL;
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    std::vector<firmware::DmaWindow> map;
    const bool already = variant_.has(Cap::parse_in_probe) && !dev.dma_range_map.empty();
    if (already) ranges_node.reset();
    if (ranges_node) {
        const DmaRanges& ranges = *description_.node(*ranges_node).dma_ranges;
        err = ranges.kind == DmaRanges::Kind::bad_length ? -kEINVAL : 0;
        std::uint64_t end = 0;
        start = ~std::uint64_t{0};
        for (const firmware::DmaWindow& window : ranges.windows) {
            start = std::min(start, window.cpu);
            end = std::max(end, window.cpu + window.size);
        }
        if (err == 0 && ranges.windows.empty()) err = -kEINVAL;
        if (err == 0) {
            map = ranges.windows;
            size = end - start;
        }
    }
    if (err != 0) {
        // No usable window: not an error for a device that does DMA anyway.
        if (!force_dma) return err == -kENODEV ? 0 : err;
        start = 0;
        size = 0;
    }
    if (err == 0 && size == 0) {  // ODC2
        k_.console.err(dev.prefix(), "Adjusted size {:#x} invalid", size);
        return -kEINVAL;
    }
    if (size == 0) size = std::max(dev.coherent_dma_mask, dev.coherent_dma_mask + 1);
    const std::uint64_t end = start + size - 1;
    const std::uint64_t mask = low_mask(log2_floor(std::max<std::uint64_t>(end, 1)) + 1);
    dev.coherent_dma_mask &= mask;
    dev.dma_mask &= mask;
    if (err == 0) {
        dev.bus_dma_limit = end;
        dev.dma_range_map = map;
    }
    const bool coherent = np && description_.node(*np).dma_coherent;  // ODC3
    k_.console.debug(dev.prefix(), "device is{}dma coherent", coherent ? " " : " not ");

    IommuOps* ops = nullptr;
    const int configured = of_iommu_configure(dev, np, id, ops);  // ODC4
    if (configured == -kEPROBE_DEFER) {                           // ODC5
        if (err == 0) dev.dma_range_map.clear();
        return configured;
    }
    if (configured != 0 && configured != -kENODEV && variant_.has(Cap::of_configure_int) &&
        !variant_.has(Cap::fwspec_resolves_ops))
        k_.console.err(dev.prefix(), "iommu configuration for device failed with {}", errno_name(configured));
    else
        k_.console.debug(dev.prefix(), "device is{}behind an iommu", configured == 0 ? " " : " not ");
    arch_.arch_setup_dma_ops(dev, start, size, ops, coherent);  // ODC6
    return 0;
}

}  // namespace xlate::kernel
