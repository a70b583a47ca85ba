#include "kernel-model/driver-core/device.hpp"

#include <utility>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/objects.hpp"

namespace xlate::kernel {

Device::Device(Kernel& kernel, std::string device_name, BusType* on_bus, Ptr<Device> parent_device,
               std::optional<firmware::NodeIndex> node)
    : HeapObject(kernel, "device"),
      k(kernel),
      name(std::move(device_name)),
      bus(on_bus),
      parent(parent_device),
      of_node(node),
      device_lock(kernel, "dev->mutex", name, LockOptions{false}),
      driver(*this, "dev->driver"),
      bound(*this, "dev on driver->klist_devices"),
      iommu(*this, "dev->iommu"),
      iommu_group(*this, "dev->iommu_group"),
      dma_ops(*this, "dev->dma_ops", DmaOps::direct) {}

std::string Device::prefix() const {
    if (!k.console.enabled) return {};  // nobody reads it
    const Driver* with = driver.peek();
    if (with != nullptr) return with->name + " " + name;
    return (bus != nullptr ? bus->name + " " : std::string{}) + name;
}

void Device::visit_pointers(PointerVisitor& visitor) const { visitor.visit(parent.get()); }

BusType::BusType(Kernel& kernel, std::string bus_name)
    : HeapObject(kernel, "bus_type"),
      name(std::move(bus_name)),
      klist_length(*this, "bus->klist_devices"),
      klist_drivers(*this, "bus->klist_drivers"),
      iommu_ops(*this, "bus->iommu_ops"),
      notifier_lock(kernel, "bus notifier rwsem", name) {}

void BusType::visit_pointers(PointerVisitor& visitor) const {
    for (const Ptr<Device> device : devices) visitor.visit(device.get());
}

}  // namespace xlate::kernel
