// Which IOMMU drivers ask firmware for memory that a device uses since before Linux: `iommu-addresses` of a device
// tree, RMR nodes of the IORT. Source: calls of iommu_dma_get_resv_regions() in Linux drivers/iommu, 6.1 to 7.0.
#pragma once

#include <optional>
#include <string_view>

namespace xlate::kernel {

/// The first release of Linux, as Variant::release, whose driver of that name does: 0 is every one that is modelled;
/// nothing: none does, so that the memory is neither mapped nor kept free of other DMA addresses.
std::optional<unsigned> asks_for_firmware_regions(std::string_view driver);

}  // namespace xlate::kernel
