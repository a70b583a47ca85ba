// What 6.1.y does differently around the probe: kernel-probe.md 10.2.
// No group test in PD; a joining member is attached when it is added; the default domain comes after PD, under L3 only.
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

int IommuCore::iommu_probe_device_6_1(Device& dev) {
    iommu_probe_device_lock.lock("IPD");
    int err = do_iommu_probe_device_6_1(dev, {});
    iommu_probe_device_lock.unlock("IPD");
    if (err != 0) return err;

    const Ptr<IommuGroup> group = dev.iommu_group.read("IPD");
    if (!group) {
        iommu_release_device(dev);
        return -kENODEV;
    }
    IommuOps* const ops = dev.iommu.read("IPD").deref("IPD")->iommu_dev.read("IPD").deref("IPD")->ops.read("IPD");
    iommu_group_ref_get(group, "IPD");
    group.deref("IPD")->mutex.lock("IPD");
    if (!group->default_domain.read("IPD")) allocate_group_domain_6_1(group, ops->def_domain_type(dev), dev);
    const Ptr<IommuDomain> domain = group->default_domain.read("IPD");
    if (domain && !group->has_owner.read("IPD")) err = do_iommu_attach_device(domain, dev);
    if (domain && err == 0) iommu_create_device_direct_mappings(domain, dev);  // its answer is not looked at
    group->mutex.unlock("IPD");
    iommu_group_put(group, "IPD");
    if (err != 0) {
        iommu_release_device(dev);
        return err;
    }
    ops->probe_finalize(dev);
    return 0;
}

int IommuCore::do_iommu_probe_device_6_1(Device& dev, Ptr<WalkList> list) {
    Frame frame{k, "__iommu_probe_device"};
    IommuOps* const ops = dev.bus->iommu_ops.read("PD1");
    if (ops == nullptr) return -kENODEV;
    iommu_probe_device_lock.assert_held("PD2");
    if (!dev_iommu_get(dev, "ID1")) return -kENOMEM;
    int err = ops->try_module_get("ID2") ? 0 : -kEINVAL;
    if (err == 0) {
        const PtrOrErr<IommuDevice> probed = ops->probe_device(dev);
        err = probed.err;
        if (err != 0) {
            ops->module_put("ID3");
        } else {
            dev.iommu.read("ID4").deref("ID4")->iommu_dev.write(probed.value, "ID4");
            err = join_group_6_1(dev, ops);
            if (err == 0) {
                if (list) put_on_list_6_1(dev, list);
                return 0;
            }
            ops->release_device(dev);
            ops->module_put("ID6");
        }
    }
    k.spend(k.costs.failed_probe);
    dev_iommu_free(dev, "ID8");
    return err;
}

void IommuCore::put_on_list_6_1(Device& dev, Ptr<WalkList> list) {
    const Ptr<IommuGroup> group = dev.iommu_group.read("PD8");
    group.deref("PD8")->mutex.lock("PD8");
    if (!group->default_domain.read("PD8") && !group->on_list.read("PD8")) {
        list->groups.push_back(group);
        group->on_list.write(list, "PD8");
    }
    group->mutex.unlock("PD8");
}

/// iommu_group_get_for_dev and iommu_group_add_device.
int IommuCore::join_group_6_1(Device& dev, IommuOps* ops) {
    if (dev.iommu_group.read("PD5")) return 0;
    const PtrOrErr<IommuGroup> chosen = ops->device_group(dev);
    if (chosen.err != 0) return chosen.err;
    if (!chosen.value) {
        k.reports.warn("device_group() returned NULL", "PD5");
        return -kEINVAL;
    }
    const Ptr<IommuGroup> group = chosen.value;
    const Ptr<GroupDevice> member = k.heap.make<GroupDevice>("PD5", Ptr<Device>(&dev));
    if (!member) {
        iommu_group_put(group, "PD5");
        return -kENOMEM;
    }
    k.spend(k.costs.group_creation);
    dev.iommu_group.write(group, "PD5");
    group.deref("PD6")->mutex.lock("PD6");
    group->devices.push_back(member);
    const Ptr<IommuDomain> domain = group->domain.read("PD7");
    int err = 0;
    if (domain && !ops->is_attach_deferred(dev)) err = do_iommu_attach_device(domain, dev);
    if (err != 0) remove_member(group, dev, "PD7");
    group->mutex.unlock("PD7");
    if (err != 0) {
        dev.iommu_group.write({}, "PD7");
        iommu_group_put(group, "PD7");
        return err;
    }
    announce_member(dev, *group.deref("PD7"));
    return 0;
}

/// REL of 6.1: looks for a container only, then trusts its iommu_dev (R27).
void IommuCore::iommu_release_device_6_1(Device& dev) {
    const Ptr<DevIommu> container = dev.iommu.read("REL");
    if (!container) return;
    const Ptr<IommuDevice> iommu = container.deref("REL")->iommu_dev.read("REL");
    IommuOps* const ops = iommu.deref("REL")->ops.read("REL");
    ops->release_device(dev);
    const Ptr<IommuGroup> group = dev.iommu_group.read("REL");
    if (group) {
        group.deref("REL")->mutex.lock("REL");
        remove_member(group, dev, "REL");
        group->mutex.unlock("REL");
        dev.iommu_group.write({}, "REL");
        dev.dma_ops.write(DmaOps::direct, "REL");
        iommu_group_put(group, "REL");
    }
    ops->module_put("REL");
    dev_iommu_free(dev, "REL");
}

/// L3 held. An allocation that fails leaves the group without a default domain.
void IommuCore::allocate_group_domain_6_1(Ptr<IommuGroup> group, DomainType wish, Device& dev) {
    IommuOps* const ops = dev.iommu.read("SDD2").deref("SDD2")->iommu_dev.read("SDD2").deref("SDD2")->ops.read("SDD2");
    DomainType type = wish == DomainType::none ? parameters.default_type() : wish;
    Ptr<IommuDomain> domain = domain_alloc(ops, dev, type);
    if (!domain && type != DomainType::dma) {
        domain = domain_alloc(ops, dev, DomainType::dma);
        if (domain) say_fallback(type);
    }
    if (!domain) return;
    group->default_domain.write(domain, "SDD4");
    if (!group->domain.read("SDD4")) group->domain.write(domain, "SDD4");
}

/// BIP2 of 6.1, L3 held. 1: the group stays without a default domain, the walk goes on.
int IommuCore::setup_listed_group_6_1(Ptr<IommuGroup> group) {
    DomainType wish = DomainType::none;
    Device* first = nullptr;
    for (const Ptr<GroupDevice> member : group->devices) {
        Device& dev = *member->dev;
        if (first == nullptr) first = &dev;
        IommuOps* const ops =
            dev.iommu.read("BIP2").deref("BIP2")->iommu_dev.read("BIP2").deref("BIP2")->ops.read("BIP2");
        const DomainType wanted = ops->def_domain_type(dev);
        if (wanted == DomainType::none) continue;
        if (wish != DomainType::none && wish != wanted) {
            k.console.warn(
                dev.prefix(),
                "Device needs domain type {}, but device in the same iommu group requires type {} - using default",
                name(wanted), name(wish));
            wish = DomainType::none;
            break;
        }
        wish = wanted;
    }
    if (first == nullptr) return 1;
    allocate_group_domain_6_1(group, wish, *first);
    const Ptr<IommuDomain> domain = group->default_domain.read("BIP2");
    if (!domain) return 1;
    for (const Ptr<GroupDevice> member : group->devices) iommu_create_device_direct_mappings(domain, *member->dev);
    for (const Ptr<GroupDevice> member : group->devices) {
        if (member->dev->iommu.read("BIP2").deref("BIP2")->attach_deferred.read("BIP2")) continue;
        const int err = do_iommu_attach_device(domain, *member->dev);
        if (err != 0) return err;
    }
    return 0;
}

}  // namespace xlate::kernel
