// Buses whose devices have no node of their own: the controller's node and the device's id say what is behind which
// IOMMU (through `iommu-map`). Source: docs/spec/kernel-probe.md 2.2 (fsl-mc, cdx, host1x context).
#pragma once

#include <string>
#include <utility>

#include "kernel-model/of/managed_dma.hpp"
#include "kernel-model/of/of_core.hpp"

namespace xlate::kernel {

/// A device on such a bus.
class IdDevice : public Device {
public:
    IdDevice(Kernel& kernel, std::string device_name, BusType* on_bus, firmware::NodeIndex the_controller,
             std::uint32_t the_id)
        : Device(kernel, std::move(device_name), on_bus, {}, std::nullopt), controller(the_controller), id(the_id) {}
    const firmware::NodeIndex controller;
    const std::uint32_t id;  ///< icid (fsl-mc), requester id (cdx), index (host1x)
};

class IdBus : public BusType {
public:
    enum class Kind : std::uint8_t {
        fsl_mc,
        cdx,    ///< its dma_configure answers 0 whatever happened: clients never wait, nor lose to another owner
        host1x  ///< no dma_configure: the creator of a context calls create_context
    };
    IdBus(Kernel& kernel, Kind kind, OfCore& of, IommuCore& iommu)
        : BusType(kernel, name_of(kind)), kind_(kind), of_(of), iommu_(iommu) {}

    static const char* name_of(Kind kind) {
        return kind == Kind::fsl_mc ? "fsl-mc" : kind == Kind::cdx ? "cdx" : "host1x-context";
    }

    bool has_dma_configure() const override { return kind_ != Kind::host1x; }
    int dma_configure(Device& dev) override {
        Frame frame{dev.k, kind_ == Kind::cdx ? "cdx_dma_configure" : "fsl_mc_dma_configure"};
        const auto& device = static_cast<const IdDevice&>(dev);
        const ManagedDma managed(dev, iommu_.variant, Cap::bus_driver_read_once);
        int err = of_.of_dma_configure_id(dev, device.controller, false, device.id);
        if (managed.takes_default_domain(err)) err = iommu_.iommu_device_use_default_domain(dev);
        return kind_ == Kind::cdx ? 0 : err;
    }
    void dma_cleanup(Device& dev) override {
        if (!dev.driver.peek()->driver_managed_dma) iommu_.iommu_device_unuse_default_domain(dev);
    }

    /// What host1x does with a context that it has just added, without the device's lock. False: it has no fwspec or
    /// no group, and is to be removed again.
    bool configure_context(Device& dev) {
        Frame frame{dev.k, "host1x_memory_context_list_init"};
        const auto& device = static_cast<const IdDevice&>(dev);
        const int err = of_.of_dma_configure_id(dev, device.controller, true, device.id);
        return err == 0 && iommu_.dev_iommu_fwspec_get(dev, "HC1") && dev.iommu_group.read("HC1");
    }

private:
    const Kind kind_;
    OfCore& of_;
    IommuCore& iommu_;
};

}  // namespace xlate::kernel
