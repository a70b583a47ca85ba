// The last question of a bus' dma_configure: does the device's driver manage its DMA by itself, or is the default
// domain to be owned for it? Asked from the probe path of 6.15 and later, too, where a driver may just be arriving.
// Source: docs/spec/probe-reports.md X6; kernel-probe.md 2.2.
#pragma once

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/driver-core/device.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::kernel {

/// Made at the start of dma_configure. Where dev->driver is read twice, the driver's struct is computed from the first
/// read, and the second one alone is tested: a driver that came in between is looked for at a null pointer.
class ManagedDma {
public:
    /// `repair`: the capability with which this bus reads once.
    ManagedDma(Device& dev, const Variant& variant, Cap repair)
        : dev_(dev),
          reads_twice_(variant.has(Cap::parse_in_probe) && !variant.has(repair) && variant.defect(Defect::x6)) {
        if (reads_twice_) first_ = dev_.driver.read_once("DD7");
    }
    /// `configured`: what the firmware's parse came to. True: it has a driver, which leaves its DMA to the core.
    bool takes_default_domain(int configured) const {
        const Driver* driver = dev_.driver.read_once("DD7");
        if (configured != 0 || driver == nullptr) return false;
        if (reads_twice_) driver = first_;
        if (driver == nullptr) check_pointer(nullptr, "DD7");
        return !driver->driver_managed_dma;
    }

private:
    Device& dev_;
    const bool reads_twice_;
    const Driver* first_ = nullptr;
};

}  // namespace xlate::kernel
