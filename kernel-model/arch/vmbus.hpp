// The VMBus of Hyper-V: its devices' DMA is set up by the architecture alone, firmware is not asked.
// Source: docs/spec/kernel-probe.md 2.8 (hv_common), 4.2 (@1). Not in the IOMMU core's list of buses (1.1).
#pragma once

#include <string>
#include <utility>

#include "kernel-model/arch/arch_dma.hpp"

namespace xlate::kernel {

class VmBus : public BusType {
public:
    /// `coherent`: what the bus' own ACPI device says; its children inherit it.
    VmBus(Kernel& kernel, std::string bus_name, ArchDma& arch, bool coherent)
        : BusType(kernel, std::move(bus_name)), arch_(arch), coherent_(coherent) {}
    bool has_dma_configure() const override { return true; }
    /// vmbus_dma_configure and hv_setup_dma_ops: a window of 0, 0 and no IOMMU driver; no ownership step.
    int dma_configure(Device& dev) override {
        Frame frame{dev.k, "hv_setup_dma_ops"};
        arch_.arch_setup_dma_ops(dev, 0, 0, nullptr, coherent_);
        return 0;
    }

private:
    ArchDma& arch_;
    bool coherent_;
};

}  // namespace xlate::kernel
