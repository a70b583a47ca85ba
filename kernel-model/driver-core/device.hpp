// The driver core's objects: device, bus, driver. Source: docs/spec/kernel-probe.md sections 1.1 and 2.1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "firmware/description.hpp"
#include "kernel-model/core/heap.hpp"
#include "kernel-model/core/lock.hpp"
#include "kernel-model/core/shared.hpp"

namespace xlate::kernel {

class BusType;
class Device;
class Driver;
class DevIommu;
class IommuGroup;
class IommuOps;
class Kernel;

/// Which implementation of the DMA API a device uses. A device starts with `direct`.
enum class DmaOps : std::uint8_t {
    direct,       ///< the IOMMU is not used: the bus address is the physical address (minus the dma-ranges offset)
    iommu,        ///< generic IOMMU DMA layer (dma/)
    dummy,        ///< every mapping fails
    arm_mapping,  ///< ARM32: through a domain of the architecture's own
};

/// One `struct device`. Created by its bus, lives to the end of the run unless it is removed.
/// Fields without Shared are written before the device is visible to a second task, or hold no kernel state.
class Device : public HeapObject {
public:
    Device(Kernel& kernel, std::string device_name, BusType* on_bus, Ptr<Device> parent_device,
           std::optional<firmware::NodeIndex> node);

    Kernel& k;
    const std::string name;  ///< Linux's: "0000:00:01.0", "9050000.smmuv3"
    BusType* bus;            ///< nullptr: a bus-less device (kernel-probe.md D-3)
    const Ptr<Device> parent;
    std::optional<firmware::NodeIndex> of_node;
    unsigned creation_index = 0;  ///< order of device_add on its bus

    Mutex device_lock;  ///< L1
    Shared<Driver*> driver;
    Shared<bool> bound;           ///< on its driver's list of devices: from DD11 on, later than dev->driver is set
    Shared<Ptr<DevIommu>> iommu;  ///< dev->iommu: the subject of this whole model
    Shared<Ptr<IommuGroup>> iommu_group;
    Shared<DmaOps> dma_ops;

    std::uint64_t dma_mask = 0xFFFF'FFFF;  ///< highest address that the device can reach
    std::uint64_t coherent_dma_mask = 0xFFFF'FFFF;
    bool untrusted = false;                          ///< of PCI: behind a port that faces the outside
    std::optional<std::uint64_t> bus_dma_limit;      ///< highest CPU address that its bus lets it reach
    std::vector<firmware::DmaWindow> dma_range_map;  ///< valid windows of dma-ranges, in firmware order
    bool dma_coherent = false;
    std::optional<firmware::DmaWindow> iommu_window;  ///< iova, size (0: all 2^64) that the DMA layer was given last
    void* driver_data = nullptr;                      ///< dev_get_drvdata(): owned by the driver object

    /// Device links that drivers made: it is probed only while all of these are bound.
    std::vector<Ptr<Device>> supplier_links;
    bool on_pending = false;  ///< on the deferred list, waiting for a trigger
    bool on_active = false;   ///< on the list that the worker works off
    bool added = false;       ///< device_add has finished
    bool dead = false;
    unsigned probe_count = 0;
    std::string deferred_reason;
    const Driver* async_driver = nullptr;  ///< an asynchronous probe by it is under way
    std::optional<SimTime> probe_start;    ///< of the last really_probe
    std::optional<SimTime> probe_end;

    /// "pcieport 0000:00:05.0", or with the bus' name while no driver has it: dev_info's prefix. Empty while
    /// the console keeps nothing.
    std::string prefix() const;
    void visit_pointers(PointerVisitor& visitor) const override;
};

/// One `struct bus_type`: what distinguishes platform, amba, pci, pci_express.
class BusType : public HeapObject {
public:
    BusType(Kernel& kernel, std::string bus_name);

    const std::string name;
    std::vector<Ptr<Device>> devices;  ///< klist, in order of device_add; removed ones leave a hole (null)
    Shared<unsigned> klist_length;     ///< of `devices`: the point of a klist step
    Shared<unsigned> klist_drivers;    ///< of `drivers`
    std::vector<Driver*> drivers;      ///< in order of registration
    Shared<IommuOps*> iommu_ops;       ///< base: one pointer a bus, no lock (kernel-probe.md 1.2)
    RwSemaphore notifier_lock;
    /// N1/N2: called with the device; set at subsys_initcall by the IOMMU core.
    std::function<void(Device&)> on_add_device;
    std::function<void(Device&)> on_removed_device;

    void visit_pointers(PointerVisitor& visitor) const override;

    /// False for buses whose devices do no DMA of their own (pci_express port services).
    virtual bool has_dma_configure() const { return false; }
    /// bus->dma_configure (kernel-probe.md 2.2). 0 or -errno; -EPROBE_DEFER defers the device.
    virtual int dma_configure(Device&) { return 0; }
    virtual void dma_cleanup(Device&) {}
};

/// One `struct device_driver`. Stateless towards the core; `probe` runs on a task with device_lock held.
class Driver {
public:
    Driver(std::string driver_name, BusType& on_bus) : name(std::move(driver_name)), bus(on_bus) {}
    virtual ~Driver() = default;
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    virtual bool match(const Device& device) const = 0;
    /// 0, or -errno as a driver returns it (the core turns it positive).
    virtual int probe(Device&) { return 0; }
    virtual void remove(Device&) {}

    const std::string name;
    BusType& bus;
    bool probe_asynchronously = false;  ///< PROBE_PREFER_ASYNCHRONOUS
    bool driver_managed_dma = false;    ///< skips the ownership step of dma_configure
};

}  // namespace xlate::kernel
