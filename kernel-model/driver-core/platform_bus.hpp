// The platform and AMBA buses: DMA is configured from the device's own node. kernel-probe.md 2.2.
#pragma once

#include "kernel-model/of/managed_dma.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

/// platform and amba: the same dma_configure.
class OfDmaBus : public BusType {
public:
    OfDmaBus(Kernel& kernel, std::string bus_name, OfCore& of, IommuCore& iommu)
        : BusType(kernel, std::move(bus_name)), of_(of), iommu_(iommu) {}
    bool has_dma_configure() const override { return true; }
    int dma_configure(Device& dev) override {
        Frame frame{dev.k, "platform_dma_configure"};
        const ManagedDma managed(dev, iommu_.variant,
                                 name == "amba" ? Cap::amba_driver_read_once : Cap::driver_read_once);
        int err = of_.dma_configure(dev, dev.of_node);
        // Without a driver (a parse of the IOMMU core's own, 6.15) there is no owner either.
        if (managed.takes_default_domain(err)) err = iommu_.iommu_device_use_default_domain(dev);
        return err;
    }
    void dma_cleanup(Device& dev) override {
        if (!dev.driver.peek()->driver_managed_dma) iommu_.iommu_device_unuse_default_domain(dev);
    }

private:
    OfCore& of_;
    IommuCore& iommu_;
};

}  // namespace xlate::kernel
