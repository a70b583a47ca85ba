#include "kernel-model/system.hpp"

#include <algorithm>
#include <utility>

#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel {
namespace {

DmaParams dma_params(const BootConfig& boot) {
    DmaParams params;
    params.cpus = boot.cpus;
    using Mode = SwiotlbParams::Mode;
    using Asked = KernelParameters::Swiotlb;
    params.swiotlb.mode = boot.parameters.swiotlb == Asked::force     ? Mode::force
                          : boot.parameters.swiotlb == Asked::noforce ? Mode::noforce
                                                                      : Mode::as_needed;
    params.swiotlb.slots = boot.parameters.swiotlb_slots.value_or(params.swiotlb.slots);
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
      dma(kernel, pages, description, dma_params(boot)),
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
