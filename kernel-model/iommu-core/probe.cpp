// The probe function and release: kernel-probe.md 2.5 (PD, ID), 2.7 (REL), 4.1 (PF), 10.2 and 10.3.
#include <algorithm>

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// What a tracer sees of a new member.
void IommuCore::announce_member(Device& dev, const IommuGroup& group) {
    k.events.record(k.now(), EventKind::add_device_to_group, [&](Event& event) {
        event.device = dev.name;
        event.group = group.id;
    });
    k.console.info(dev.prefix(), "Adding to iommu group {}", group.id);
}

int IommuCore::iommu_probe_device(Device& dev, const char* caller, Ptr<IommuFwspec> fwspec) {
    Frame frame{k, "iommu_probe_device"};
    const std::size_t handle = k.events.begin(k.now(), EventKind::iommu_probe_device, [&](Event& event) {
        event.device = dev.name;
        event.by = k.sched.current().name;
        event.caller = caller;
    });
    const int err = probe_and_finalize(dev, fwspec);
    k.events.end(handle, err, k.now());
    return err;
}

int IommuCore::probe_and_finalize(Device& dev, Ptr<IommuFwspec> fwspec) {
    if (variant.has(Cap::domain_after_probe)) return iommu_probe_device_6_1(dev);
    const bool takes_lock = callers_take_probe_lock(variant);
    if (takes_lock) iommu_probe_device_lock.lock("PD2");
    const int err = do_iommu_probe_device(dev, {}, fwspec);
    if (takes_lock) iommu_probe_device_lock.unlock("PD9");
    if (err != 0) return err;
    probe_finalize(dev, "PD9");
    return 0;
}

void IommuCore::probe_finalize(Device& dev, const char* step) {
    const Ptr<IommuDevice> iommu = dev.iommu.read(step).deref(step)->iommu_dev.read(step);
    iommu.deref(step)->ops.read(step)->probe_finalize(dev);
}

/// Kernels without bus ops: the fwspec's driver, or any instance that registered without a firmware node.
IommuOps* IommuCore::ops_for_probe(Device& dev, const char* step) {
    const Ptr<IommuFwspec> fwspec = dev_iommu_fwspec_get(dev, step);
    if (fwspec) return iommu_fwspec_ops(fwspec, step);
    IommuOps* ops = nullptr;
    iommu_device_lock.lock(step);
    for (const Ptr<IommuDevice> iommu : iommu_device_list_)
        if (!iommu->fwnode.read(step)) ops = iommu->ops.read(step);
    iommu_device_lock.unlock(step);
    return ops;
}

/// PD, or PS in a kernel whose probe takes a fwspec.
int IommuCore::do_iommu_probe_device(Device& dev, Ptr<WalkList> list, Ptr<IommuFwspec> given) {
    Frame frame{k, "__iommu_probe_device"};
    const bool series = variant.has(Cap::probe_takes_fwspec);
    const bool own_lock =
        variant.has(Cap::probe_lock) && !callers_take_probe_lock(variant) && !iommu_probe_device_lock.held_by_current();
    if (callers_take_probe_lock(variant)) iommu_probe_device_lock.assert_held("PD2");

    IommuOps* ops = nullptr;
    Ptr<IommuFwspec> fwspec = given;
    if (!series && !variant.has(Cap::no_bus_ops)) {
        // D-3: a device without a bus is a NULL dereference here.
        if (dev.bus == nullptr) check_pointer(nullptr, "PD1");
        ops = dev.bus->iommu_ops.read("PD1");
        if (ops == nullptr) return -kENODEV;
    }
    if (own_lock) iommu_probe_device_lock.lock(series ? "PS1" : "PD2");
    if (series) {
        if (!fwspec) {
            fwspec = dev_iommu_fwspec_get(dev, "PS2");
            if (fwspec && fwspec->parsing && !variant.defect(Defect::d8c)) {  // somebody's private one: not ours
                if (own_lock) iommu_probe_device_lock.unlock("PS2");
                return -kENODEV;
            }
        }
        if (fwspec)
            ops = fwspec.deref("PS2")->ops.read("PS2");
        else if (dev.bus != nullptr)
            ops = dev.bus->iommu_ops.read("PS2");
        if (ops == nullptr) {
            if (own_lock) iommu_probe_device_lock.unlock("PS2");
            return -kENODEV;
        }
    } else if (variant.has(Cap::no_bus_ops) && !variant.has(Cap::parse_in_probe)) {
        ops = ops_for_probe(dev, "PD1");
        if (ops == nullptr) return -kENODEV;
    }
    const int err = probe_locked(dev, ops, list, given, fwspec);
    if (own_lock) iommu_probe_device_lock.unlock("PD9");
    return err;
}

/// ID' of 6.15, L2 held: a device that nobody drives yet has its firmware parsed here, with L2 given up meanwhile.
int IommuCore::parse_in_probe(Device& dev, IommuOps*& ops) {
    const bool recheck = variant.has(Cap::recheck_after_parse);
    const bool driven = dev.driver.read_once("ID'") != nullptr;
    const bool wanted = !recheck || !dev_iommu_fwspec_get(dev, "ID'");
    if (!driven && wanted && dev.bus != nullptr && dev.bus->has_dma_configure()) {
        iommu_probe_device_lock.unlock("ID'");
        dev.bus->dma_configure(dev);
        iommu_probe_device_lock.lock("ID'");
        if (recheck && (!dev.iommu.read("ID'") || dev.iommu_group.read("ID'"))) return -kENODEV;
    }
    ops = ops_for_probe(dev, "ID'");
    if (ops == nullptr) {
        dev_iommu_free(dev, "ID'");
        return -kENODEV;
    }
    if (driven && !variant.has(Cap::late_warning_after_filter))
        k.reports.warn("late IOMMU probe at driver bind", "ID'");
    return 0;
}

/// PD3..PD11 / PS3..PS5, L2 held.
int IommuCore::probe_locked(Device& dev, IommuOps* ops, Ptr<WalkList> list, Ptr<IommuFwspec> given,
                            Ptr<IommuFwspec> fwspec) {
    if (dev.iommu_group.read("PD3")) {
        if (given) iommu_fwspec_dealloc(given, "PS3");
        return 0;
    }
    int err = iommu_init_device(dev, ops, fwspec);
    if (err != 0) {
        k.spend(k.costs.failed_probe);
        return err;
    }
    const Ptr<IommuGroup> group = dev.iommu_group.read("PD5");
    const Ptr<GroupDevice> member = k.heap.make<GroupDevice>("PD5", Ptr<Device>(&dev));
    k.spend(k.costs.group_creation);
    if (member) announce_member(dev, *group.deref("PD5"));

    group.deref("PD6")->mutex.lock("PD6");
    if (!member) {
        err = -kENOMEM;
    } else {
        group->devices.push_back(member);  // PD7
        if (const Ptr<IommuDomain> installed = group->default_domain.peek()) {
            iommu_create_device_direct_mappings(installed, dev);
        }
        const Ptr<IommuDomain> domain = group->domain.read("PD8");
        if (domain) {
            err = device_set_domain(group, dev, domain);
        } else if (!group->default_domain.read("PD8")) {
            if (!list) {
                err = iommu_setup_default_domain(group);
            } else if (!group->on_list.read("PD8")) {
                list.deref("PD8")->groups.push_back(group);
                group->on_list.write(list, "PD8");
            }
        }
        if (err != 0) remove_member(group, dev, "PD10");
        if (err == 0 && variant.has(Cap::core_sets_dma_ops) && group->default_domain.read("PD8"))
            iommu_setup_dma_ops(dev, 0, ~std::uint64_t{0});
    }
    if (err != 0) {
        iommu_deinit_device(dev, ops);
        group->mutex.unlock("PD11");
        iommu_group_put(group, "PD11");
        return err;
    }
    group->mutex.unlock("PD9");
    return 0;
}

int IommuCore::iommu_init_device(Device& dev, IommuOps*& ops, Ptr<IommuFwspec> fwspec) {
    Frame frame{k, "iommu_init_device"};
    const bool series = variant.has(Cap::probe_takes_fwspec);
    const Ptr<DevIommu> container = dev_iommu_get(dev, "ID1");
    if (!container) {
        if (series) iommu_fwspec_dealloc(fwspec, "ID1");
        return -kENOMEM;
    }
    if (series) {
        const Ptr<IommuFwspec> held = container.deref("PS4")->fwspec.read("PS4");
        if (held && held != fwspec) iommu_fwspec_dealloc(held, "PS4");
        container.deref("PS4")->fwspec.write(fwspec, "PS4");
        if (fwspec) fwspec->parsing = false;
    }
    int err = variant.has(Cap::parse_in_probe) ? parse_in_probe(dev, ops) : 0;
    if (err != 0) return err;
    if (!ops->try_module_get("ID2")) {
        err = -kEINVAL;
    } else {
        const PtrOrErr<IommuDevice> probed = ops->probe_device(dev);  // ID3
        if (probed.err != 0) {
            err = probed.err;
            ops->module_put("ID3");
        } else {
            dev.iommu.read("ID4").deref("ID4")->iommu_dev.write(probed.value, "ID4");
            const PtrOrErr<IommuGroup> group = ops->device_group(dev);  // ID6
            if (group.err == 0 && group.value) {
                const bool late = variant.has(Cap::parse_in_probe) && variant.has(Cap::late_warning_after_filter);
                if (late && dev.driver.read_once("ID7") != nullptr)
                    k.reports.warn("late IOMMU probe at driver bind", "ID7");
                dev.iommu_group.write(group.value, "ID7");
                const Ptr<DevIommu> now = dev.iommu.read("ID7");
                now.deref("ID7")->max_pasids.write(probed.value.deref("ID7")->max_pasids, "ID7");
                if (ops->is_attach_deferred(dev)) now.deref("ID7")->attach_deferred.write(true, "ID7");
                return 0;
            }
            if (group.err == 0) k.reports.warn("device_group() returned NULL", "ID6");
            err = group.err != 0 ? group.err : -kEINVAL;
            ops->release_device(dev);
            ops->module_put("ID6");
        }
    }
    dev.iommu.read("ID8").deref("ID8")->iommu_dev.write({}, "ID8");
    dev_iommu_free(dev, "ID8");
    return err;
}

void IommuCore::remove_member(Ptr<IommuGroup> group, Device& dev, const char* step) {
    auto& members = group.deref(step)->devices;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].deref(step)->dev.get() != &dev) continue;
        const Ptr<GroupDevice> member = members[i];
        members.erase(members.begin() + static_cast<std::ptrdiff_t>(i));
        k.heap.release(member, step);
        return;
    }
}

/// L3 held; the caller puts the group.
void IommuCore::iommu_deinit_device(Device& dev, IommuOps* ops) {
    Frame frame{k, "iommu_deinit_device"};
    const Ptr<IommuGroup> group = dev.iommu_group.read("PD11");
    ops->release_device(dev);
    if (group.deref("PD11")->devices.empty()) free_group_domains(group, "PD11");
    dev.iommu_group.write({}, "PD11");
    dev.dma_ops.write(DmaOps::direct, "PD11");
    ops->module_put("PD11");
    dev_iommu_free(dev, "PD11");
}

void IommuCore::free_group_domains(Ptr<IommuGroup> group, const char* step) {
    const Ptr<IommuDomain> domain = group->default_domain.read(step);
    if (domain) {
        domain_free(domain, step);
        group->default_domain.write({}, step);
    }
    group->domain.write({}, step);
}

/// REL. Never takes L2.
void IommuCore::iommu_release_device(Device& dev) {
    Frame frame{k, "iommu_release_device"};
    if (variant.has(Cap::domain_after_probe)) return iommu_release_device_6_1(dev);
    const Ptr<IommuGroup> group = dev.iommu_group.read("REL");
    if (group) {
        group.deref("REL")->mutex.lock("REL");
        remove_member(group, dev, "REL");
        const Ptr<DevIommu> container = dev.iommu.read("REL");
        const Ptr<IommuDevice> iommu = container ? container.deref("REL")->iommu_dev.read("REL") : Ptr<IommuDevice>{};
        if (iommu)
            iommu_deinit_device(dev, iommu.deref("REL")->ops.read("REL"));
        else
            dev.iommu_group.write({}, "REL");
        group->mutex.unlock("REL");
        iommu_group_put(group, "REL");
    }
    if (dev.iommu.read("REL")) dev_iommu_free(dev, "REL");
}

}  // namespace xlate::kernel
