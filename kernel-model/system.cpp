#include "kernel-model/system.hpp"

#include <utility>

#include "kernel-model/drivers/iommu_drivers.hpp"

namespace xlate::kernel {
namespace {

DmaParams dma_params(const BootConfig& boot) {
    DmaParams params;
    params.cpus = boot.cpus;
    return params;
}

}  // namespace

KernelSystem::KernelSystem(Kernel& kernel, const firmware::Description& description, BootConfig boot)
    : pages(kernel, description),
      dma(kernel, pages, description, dma_params(boot)),
      client(kernel, dma, boot.mistakes, &power),
      boot_(std::move(boot)) {
    if (boot_.dma == nullptr) boot_.dma = &dma;
    if (boot_.client == nullptr) boot_.client = &client;
    const IommuDriverParts parts{pages, power, boot_.mistakes, [this](Device& dev, Iova address, bool write) {
                                     return client.page_request(dev, address, write);
                                 }};
    for (DriverSource& source : iommu_driver_sources(description, parts, boot_.not_built)) {
        boot_.drivers.push_back(std::move(source));
    }
}

}  // namespace xlate::kernel
