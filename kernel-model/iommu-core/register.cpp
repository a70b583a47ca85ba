// Registration, unregistration and the walk: kernel-probe.md 2.6 (REG, BIP, UNREG).
#include <algorithm>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

IommuCore::IommuCore(Kernel& kernel, const firmware::Description& firmware_description, DriverCore& drivers,
                     DmaLayer* dma_layer, IommuParameters the_parameters)
    : HeapObject(kernel, "iommu core"),
      k(kernel),
      variant(kernel.variant),
      description(firmware_description),
      driver_core(drivers),
      dma(dma_layer),
      parameters(the_parameters),
      iommu_probe_device_lock(kernel, "iommu_probe_device_lock"),
      iommu_device_lock(kernel, "iommu_device_lock") {
    for (std::size_t i = 0; i < description.nodes.size(); ++i) {
        const auto node = static_cast<firmware::NodeIndex>(i);
        if (description.node(node).iommu_cells) fwnodes_[node] = std::make_unique<FwNodeObject>(kernel);
    }
}

void IommuCore::visit_pointers(PointerVisitor& visitor) const {
    for (const Ptr<IommuDevice> iommu : iommu_device_list_) visitor.visit(iommu.get());
}

void IommuCore::bus_register(BusType& bus) { buses_.push_back(&bus); }

void IommuCore::install_notifiers() {
    for (BusType* const bus : buses_) {
        bus->on_add_device = [this](Device& dev) { iommu_probe_device(dev, "iommu_bus_notifier"); };
        bus->on_removed_device = [this](Device& dev) { iommu_release_device(dev); };
    }
}

IommuOps* IommuCore::iommu_ops_from_fwnode(FwNode fwnode, const char* step) {
    Frame frame{k, "iommu_ops_from_fwnode"};
    const Ptr<IommuDevice> iommu = iommu_from_fwnode(fwnode, step);
    return iommu ? iommu->ops.peek() : nullptr;  // the registration list's lock covered the look-up
}

Ptr<IommuDevice> IommuCore::iommu_from_fwnode(FwNode fwnode, const char* step) {
    iommu_device_lock.lock(step);
    k.spend(k.costs.ops_lookup);
    Ptr<IommuDevice> found;
    for (const Ptr<IommuDevice> iommu : iommu_device_list_) {
        k.spend(k.costs.ops_lookup_per_instance);
        // None matches none: masters of the legacy binding, from 6.11 on.
        if (iommu->fwnode.read(step) == fwnode) {
            iommu->ops.read(step);
            found = iommu;
            break;
        }
    }
    iommu_device_lock.unlock(step);
    return found;
}

int IommuCore::iommu_device_register(Ptr<IommuDevice> iommu, IommuOps* ops, Ptr<Device> hwdev) {
    Frame frame{k, "iommu_device_register"};
    if (!variant.has(Cap::no_bus_ops) && !buses_.empty()) {
        IommuOps* const other = buses_.front()->iommu_ops.read("REG1");
        if (other != nullptr && other != ops) return -kEBUSY;
    }
    iommu->ops.write(ops, "REG2");
    iommu->dev = hwdev;
    if (hwdev) iommu->fwnode.write(hwdev->of_node, "REG2");

    iommu_device_lock.lock("REG3");
    iommu_device_list_.push_back(iommu);
    iommu_device_lock.unlock("REG3");

    int err = 0;
    for (BusType* const bus : buses_) {
        if (!variant.has(Cap::no_bus_ops)) bus->iommu_ops.write(ops, "REG4");
        err = bus_iommu_probe(*bus);
        if (err != 0) break;
    }
    if (err != 0)
        iommu_device_unregister(iommu);
    else if (variant.has(Cap::instance_ready))
        iommu->ready.write_once(true, "REG4");
    return err;
}

void IommuCore::iommu_device_unregister(Ptr<IommuDevice> iommu) {
    Frame frame{k, "iommu_device_unregister"};
    for (BusType* const bus : buses_)
        for (unsigned i = 0; i < bus->klist_length.read_once("UN1"); ++i) {
            const Ptr<Device> dev = bus->devices[i];
            if (!dev) continue;
            const Ptr<DevIommu> container = dev->iommu.read("UN1");
            if (container && container.deref("UN1")->iommu_dev.read("UN1") == iommu) iommu_release_device(*dev);
        }
    iommu_device_lock.lock("UN2");
    iommu_device_list_.erase(std::remove(iommu_device_list_.begin(), iommu_device_list_.end(), iommu),
                             iommu_device_list_.end());
    iommu_device_lock.unlock("UN2");
    const Ptr<IommuGroup> group = iommu->singleton_group.read("UN3");
    if (group) {
        iommu->singleton_group.write({}, "UN3");
        iommu_group_put(group, "UN3");
    }
}

/// probe_iommu_group: one device of the walk.
int IommuCore::walk_device(Device& dev, Ptr<WalkList> list) {
    int err = 0;
    const std::size_t first_event = k.events.events().size();
    if (variant.has(Cap::group_test_outside_probe)) {
        if (dev.iommu_group.read("BIP1")) return 0;
        iommu_probe_device_lock.lock("BIP1");
        err = do_iommu_probe_device_6_1(dev, list);
        iommu_probe_device_lock.unlock("BIP1");
    } else {
        const bool device_lock = variant.has(Cap::attempt_device_lock);
        if (device_lock) dev.device_lock.lock("BIP1");
        if (callers_take_probe_lock(variant)) iommu_probe_device_lock.lock("BIP1");
        err = do_iommu_probe_device(dev, list, {});
        if (callers_take_probe_lock(variant)) iommu_probe_device_lock.unlock("BIP1");
        if (device_lock) dev.device_lock.unlock("BIP1");
    }
    note_walked(dev, err, first_event);
    if (variant.has(Cap::walk_skips_device) && err != -kEPROBE_DEFER) return 0;
    return err == -kENODEV ? 0 : err;
}

void IommuCore::note_walked(const Device& dev, int ret, std::size_t first_event) {
    if (!k.events.enabled) return;
    const std::vector<Event>& events = k.events.events();
    const bool ids = std::any_of(
        events.begin() + static_cast<std::ptrdiff_t>(first_event), events.end(),
        [&](const Event& event) { return event.kind == EventKind::fwspec_add_ids && event.device == dev.name; });
    if (ids || (ret < 0 && ret != -kENODEV)) walked_.push_back({dev.name, ret, first_event, events.size()});
}

int IommuCore::bus_iommu_probe(BusType& bus) {
    Frame frame{k, "bus_iommu_probe"};
    // The list head is on this function's stack: released when it returns, whatever is still linked to it (R11b).
    const Ptr<WalkList> list = k.heap.make<WalkList>("BIP1");
    if (!list) return -kENOMEM;
    int err = 0;
    for (unsigned i = 0; err == 0 && i < bus.klist_length.read_once("BIP1"); ++i) {
        const Ptr<Device> dev = bus.devices[i];
        if (dev) err = walk_device(*dev, list);
    }
    if (err == 0) {
        for (std::size_t i = 0; err == 0 && i < list->groups.size(); ++i) {
            const Ptr<IommuGroup> group = list->groups[i];
            group.deref("BIP2")->mutex.lock("BIP2");
            group->on_list.write({}, "BIP2");
            err = variant.has(Cap::domain_after_probe) ? setup_listed_group_6_1(group)
                                                       : iommu_setup_default_domain(group);
            if (err > 0) {  // 6.1: no domain for this group, on to the next one
                err = 0;
                group->mutex.unlock("BIP2");
                continue;
            }
            if (err == 0 && variant.has(Cap::core_sets_dma_ops))
                for (const Ptr<GroupDevice> member : group->devices)
                    iommu_setup_dma_ops(*member->dev, 0, ~std::uint64_t{0});
            group->mutex.unlock("BIP2");
            if (err != 0) break;
            // Members are visited without the group's lock: a known wart (R12c).
            for (std::size_t m = 0; m < group.deref("BIP2")->devices.size(); ++m)
                probe_finalize(*group->devices[m].deref("BIP2")->dev, "BIP2");
        }
    }
    k.heap.release(list, "BIP2");
    return err;
}

}  // namespace xlate::kernel
