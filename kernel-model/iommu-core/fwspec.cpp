// fwspec and container: kernel-probe.md 2.4 (FI, FA, FF), 4.1 (FX), 4.2, 10.3.
#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

// Counted are the nodes of IOMMUs; tegra's fwspec names its client's (until 6.11).
void IommuCore::of_node_get(FwNode node, const char* step) {
    if (!node) return;
    if (const auto found = fwnodes_.find(*node); found != fwnodes_.end()) found->second->refs.get(step);
}

void IommuCore::of_node_put(FwNode node, const char* step) {
    if (!node) return;
    if (const auto found = fwnodes_.find(*node); found != fwnodes_.end()) found->second->refs.put(step);
}

Ptr<DevIommu> IommuCore::dev_iommu_get(Device& dev, const char* step) {
    Frame frame{k, "dev_iommu_get"};
    if (variant.has(Cap::assert_get)) iommu_probe_device_lock.assert_held(step);
    Ptr<DevIommu> container = dev.iommu.read(step);
    if (container) return container;
    container = k.heap.make<DevIommu>(step);
    if (!container) return {};
    dev.iommu.write(container, step);
    return container;
}

void IommuCore::dev_iommu_free(Device& dev, const char* step) {
    Frame frame{k, "dev_iommu_free"};
    const bool own_lock = variant.has(Cap::attempt_lock_free_only) && !iommu_probe_device_lock.held_by_current();
    if (own_lock) iommu_probe_device_lock.lock(step);
    const Ptr<DevIommu> container = dev.iommu.read(step);
    dev.iommu.write({}, step);
    const Ptr<IommuFwspec> fwspec = container.deref(step)->fwspec.read(step);
    if (fwspec) iommu_fwspec_dealloc(fwspec, step);
    k.heap.release(container, step);
    if (own_lock) iommu_probe_device_lock.unlock(step);
}

Ptr<HeapObject> IommuCore::dev_iommu_priv_get(Device& dev, const char* step) {
    const Ptr<DevIommu> container = dev.iommu.read(step);
    if (variant.has(Cap::attempt_nullcheck) && !container) return {};
    return container.deref(step)->priv.read(step);
}

void IommuCore::dev_iommu_priv_set(Device& dev, Ptr<HeapObject> priv, const char* step) {
    Frame frame{k, "dev_iommu_priv_set"};
    if (variant.has(Cap::assert_priv)) iommu_probe_device_lock.assert_held(step);
    const Ptr<DevIommu> container = dev.iommu.read(step);
    if (variant.has(Cap::attempt_nullcheck) && !container) return;
    container.deref(step)->priv.write(priv, step);
}

Ptr<IommuFwspec> IommuCore::dev_iommu_fwspec_get(Device& dev, const char* step) {
    const Ptr<DevIommu> container = dev.iommu.read(step);
    return container ? container.deref(step)->fwspec.read(step) : Ptr<IommuFwspec>{};
}

IommuOps* IommuCore::iommu_fwspec_ops(Ptr<IommuFwspec> fwspec, const char* step) {
    if (!fwspec) return nullptr;
    if (!variant.has(Cap::fwspec_resolves_ops)) return fwspec.deref(step)->ops.read(step);
    return iommu_ops_from_fwnode(fwspec.deref(step)->iommu_fwnode.read(step), step);
}

Ptr<IommuFwspec> IommuCore::iommu_fwspec_alloc(const char* step) {
    return k.heap.make<IommuFwspec>(step, std::size_t{1});
}

void IommuCore::iommu_fwspec_dealloc(Ptr<IommuFwspec> fwspec, const char* step) {
    if (!fwspec) return;
    of_node_put(fwspec.deref(step)->iommu_fwnode.read(step), step);
    // D-5b: nobody frees the separate array.
    if (variant.has(Cap::ids_separate) && !variant.defect(Defect::d5b)) k.heap.release(fwspec->ids.peek(), step);
    k.heap.release(fwspec, step);
}

int IommuCore::iommu_fwspec_init(Device& dev, FwNode fwnode, IommuOps* ops) {
    Frame frame{k, "iommu_fwspec_init"};
    k.events.record(k.now(), EventKind::fwspec_init, [&](Event& event) { event.device = dev.name; });

    if (variant.has(Cap::fwspec_resolves_ops)) {
        const Ptr<IommuDevice> iommu = iommu_from_fwnode(fwnode, "FI");
        ops = iommu ? iommu->ops.peek() : nullptr;
        if (ops == nullptr) {
            return variant.has(Cap::deferral_in_fwspec_init) ? driver_core.driver_deferred_probe_check_state(dev)
                                                             : -kEPROBE_DEFER;
        }
        // Outside of a probe an instance that is still registering is not used. It will be there: no timeout.
        if (variant.has(Cap::instance_ready) && !dev.iommu.read("FI") && !iommu->ready.read_once("FI"))
            return -kEPROBE_DEFER;
    }
    if (variant.has(Cap::xlate_locked)) iommu_probe_device_lock.assert_held("FI");
    const Ptr<IommuFwspec> old = dev_iommu_fwspec_get(dev, "FI1");
    if (old) {
        IommuOps* const has = iommu_fwspec_ops(old, "FI1");
        if (has == ops) return 0;
        // D-13 repaired: an IOMMU that is not there yet is a reason to wait, not a mismatch.
        if (ops == nullptr && !variant.defect(Defect::d13)) return driver_core.driver_deferred_probe_check_state(dev);
        return -kEINVAL;
    }
    if (!dev_iommu_get(dev, "FI2")) return -kENOMEM;
    const Ptr<IommuFwspec> fwspec = iommu_fwspec_alloc("FI3");
    if (!fwspec) return -kENOMEM;
    if (variant.has(Cap::fwspec_alloc)) {
        fwspec->ops.write(ops, "FI4");
        const int err = iommu_fwspec_assign_iommu(fwspec, dev, fwnode);
        if (err != 0) {
            iommu_fwspec_dealloc(fwspec, "FI4");
            return err;
        }
    } else {
        of_node_get(fwnode, "FI4");
        fwspec->iommu_fwnode.write(fwnode, "FI4");
        if (!variant.has(Cap::fwspec_resolves_ops)) fwspec->ops.write(ops, "FI4");
    }
    const Ptr<DevIommu> container = dev.iommu.read("FI4");
    if (variant.has(Cap::attempt_nullcheck) && !container) {
        iommu_fwspec_dealloc(fwspec, "FI4");
        return -kENODEV;
    }
    container.deref("FI4")->fwspec.write(fwspec, "FI4");
    return 0;
}

int IommuCore::iommu_fwspec_assign_iommu(Ptr<IommuFwspec> fwspec, Device& dev, FwNode fwnode) {
    Frame frame{k, "iommu_fwspec_assign_iommu"};
    if (fwspec->iommu_fwnode.read("FX1")) {
        IommuOps* const ops = iommu_ops_from_fwnode(fwnode, "FX1");
        if (fwspec->ops.read("FX1") == ops) return 0;
        if (ops == nullptr && !variant.defect(Defect::d13)) return driver_core.driver_deferred_probe_check_state(dev);
        return -kEINVAL;
    }
    if (fwspec->ops.read("FX1") == nullptr) {
        IommuOps* const ops = iommu_ops_from_fwnode(fwnode, "FX1");
        if (ops == nullptr) return driver_core.driver_deferred_probe_check_state(dev);
        fwspec->ops.write(ops, "FX1");
    }
    of_node_get(fwnode, "FX1");
    fwspec->iommu_fwnode.write(fwnode, "FX1");
    return 0;
}

int IommuCore::iommu_fwspec_of_xlate(Ptr<IommuFwspec> fwspec, Device& dev, FwNode fwnode, const OfPhandleArgs& args) {
    Frame frame{k, "iommu_fwspec_of_xlate"};
    int err = iommu_fwspec_assign_iommu(fwspec, dev, fwnode);
    if (err != 0) return err;
    IommuOps* const ops = fwspec->ops.read("FX2");
    const bool converted = variant.has(Cap::xlate_fwspec_op) && ops->has_of_xlate_fwspec();
    if (!converted && !ops->has_of_xlate()) return -kENODEV;
    // D-8b: nothing keeps the module from being unloaded while its of_xlate runs.
    const bool guards_module = !variant.defect(Defect::d8b);
    if (guards_module && !ops->try_module_get("FX3")) return -kENODEV;
    err = converted ? ops->of_xlate_fwspec(fwspec, dev, args) : of_xlate_in_container(fwspec, dev, *ops, args);
    if (guards_module) ops->module_put("FX8");
    return err;
}

/// FX4 to FX7: of_xlate finds its fwspec in the device's container.
int IommuCore::of_xlate_in_container(Ptr<IommuFwspec> fwspec, Device& dev, IommuOps& ops, const OfPhandleArgs& args) {
    const bool locks = variant.has(Cap::xlate_locked);
    // D-11, D-8c repaired: whoever holds the container's temporary fwspec is the only one to see it, because the
    // caller keeps L2 over the whole parse (see of_iommu_configure).
    const bool held = iommu_probe_device_lock.held_by_current();
    if (locks && !held) iommu_probe_device_lock.lock("FX4");
    const Ptr<DevIommu> container = dev_iommu_get(dev, "FX4");
    if (!container) {
        if (locks && !held) iommu_probe_device_lock.unlock("FX4");
        return -kENOMEM;
    }
    const Ptr<IommuFwspec> live = container.deref("FX5")->fwspec.read("FX5");
    const bool probed = !variant.defect(Defect::d8a) && dev.iommu_group.read("FX5");
    if (probed) {
        // Repaired: a device that is probed already keeps its fwspec; there is nothing to translate again.
        if (locks && !held) iommu_probe_device_lock.unlock("FX5");
        return 0;
    }
    if (live && live != fwspec) iommu_fwspec_dealloc(live, "FX5");
    container.deref("FX5")->fwspec.write(fwspec, "FX5");
    const int err = ops.of_xlate(dev, args);
    const Ptr<DevIommu> after = dev.iommu.read("FX7");
    if (after.deref("FX7")->fwspec.read("FX7") == fwspec) after.deref("FX7")->fwspec.write({}, "FX7");
    if (locks && !held) iommu_probe_device_lock.unlock("FX7");
    return err;
}

int IommuCore::iommu_fwspec_add_ids(Device& dev, const std::vector<std::uint32_t>& ids) {
    Frame frame{k, "iommu_fwspec_add_ids"};
    k.events.record(k.now(), EventKind::fwspec_add_ids, [&](Event& event) {
        event.device = dev.name;
        event.ids = ids;
    });

    if (variant.has(Cap::xlate_locked)) iommu_probe_device_lock.assert_held("FA1");
    const Ptr<IommuFwspec> fwspec = dev_iommu_fwspec_get(dev, "FA1");
    if (!fwspec) return -kEINVAL;
    if (variant.has(Cap::ids_separate)) return iommu_fwspec_append_ids(fwspec, ids);

    const unsigned before = fwspec.deref("FA2")->count.read("FA2");
    const unsigned total = before + static_cast<unsigned>(ids.size());
    Ptr<IommuFwspec> grown = fwspec;
    if (total > 1) {
        // krealloc of the whole struct; the model's always moves.
        grown = k.heap.make<IommuFwspec>("FA2", std::size_t{total});
        if (!grown) return -kENOMEM;
        const IommuFwspec& old = *fwspec.deref("FA2");
        grown->ops.poke(old.ops.peek());
        grown->iommu_fwnode.poke(old.iommu_fwnode.peek());
        grown->flags.poke(old.flags.peek());
        grown->count.poke(old.count.peek());
        for (std::size_t i = 0; i < old.inline_ids.size() && i < total; ++i)
            grown->inline_ids.poke(i, old.inline_ids.peek(i));
        k.heap.release(fwspec, "FA2");
        const Ptr<DevIommu> container = dev.iommu.read("FA2");
        if (variant.has(Cap::attempt_nullcheck) && !container) return -kENODEV;
        container.deref("FA2")->fwspec.write(grown, "FA2");
    }
    for (unsigned i = 0; i < ids.size(); ++i) grown.deref("FA3")->inline_ids.write(before + i, ids[i], "FA3");
    grown.deref("FA4")->count.write(total, "FA4");
    return 0;
}

int IommuCore::iommu_fwspec_append_ids(Ptr<IommuFwspec> fwspec, const std::vector<std::uint32_t>& ids) {
    Frame frame{k, "iommu_fwspec_append_ids"};
    const unsigned before = fwspec.deref("FA2")->count.read("FA2");
    const unsigned total = before + static_cast<unsigned>(ids.size());
    if (total == 1) {
        fwspec.deref("FA3")->inline_ids.write(0, ids[0], "FA3");
    } else if (total > 1) {
        const bool wrong = variant.defect(Defect::d5a);
        const Ptr<FwspecIds> old = fwspec.deref("FA2")->ids.read("FA2");
        const Ptr<FwspecIds> array = k.heap.make<FwspecIds>("FA2", std::size_t{total});
        if (!array) return -kENOMEM;
        if (old) {
            for (std::size_t i = 0; i < old.deref("FA2")->slot.size(); ++i) array->slot.poke(i, old->slot.peek(i));
            k.heap.release(old, "FA2");
        } else if (!wrong && before == 1) {
            array->slot.poke(0, fwspec->inline_ids.peek(0));
        }
        fwspec.deref("FA2")->ids.write(array, "FA2");
        // D-5a: the caller's array is forgotten; the new, zeroed one is copied from itself.
        for (unsigned i = 0; i < ids.size(); ++i)
            array.deref("FA3")->slot.write(before + i, wrong ? array->slot.peek(i) : ids[i], "FA3");
    }
    fwspec.deref("FA4")->count.write(total, "FA4");
    return 0;
}

void IommuCore::iommu_fwspec_free(Device& dev) {
    Frame frame{k, "iommu_fwspec_free"};
    const Ptr<IommuFwspec> fwspec = dev_iommu_fwspec_get(dev, "FF");
    if (!fwspec) return;
    iommu_fwspec_dealloc(fwspec, "FF");
    const Ptr<DevIommu> container = dev.iommu.read("FF");
    if (variant.has(Cap::attempt_nullcheck) && !container) return;
    container.deref("FF")->fwspec.write({}, "FF");
}

}  // namespace xlate::kernel
