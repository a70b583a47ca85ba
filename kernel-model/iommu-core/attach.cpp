// Domains of others than the core: a client's own, or the architecture's. A group has one at a time.
// kernel-probe.md 4.2 (@1: the client's own attach gets -EBUSY), 4.4 (D-1); steps AD (attach), DT (detach) are ours.
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

Ptr<IommuDomain> IommuCore::iommu_domain_alloc(Device& dev, const char* step) {
    Frame frame{k, "iommu_domain_alloc"};
    IommuOps* ops = nullptr;
    if (!variant.has(Cap::no_bus_ops)) {
        if (dev.bus != nullptr) ops = dev.bus->iommu_ops.read(step);
    } else if (const Ptr<DevIommu> container = dev.iommu.read(step)) {
        if (const Ptr<IommuDevice> iommu = container.deref(step)->iommu_dev.read(step)) {
            ops = iommu.deref(step)->ops.read(step);
        }
    }
    return ops != nullptr ? domain_alloc(ops, dev, DomainType::unmanaged) : Ptr<IommuDomain>{};
}

void IommuCore::iommu_domain_free(Ptr<IommuDomain> domain, const char* step) { domain_free(domain, step); }

/// L3 held: every member, or the old domain again.
int IommuCore::group_set_domain(Ptr<IommuGroup> group, Ptr<IommuDomain> domain, const char* step) {
    const Ptr<IommuDomain> old = group->domain.read(step);
    if (old == domain) return 0;
    for (const Ptr<GroupDevice> member : group->devices) {
        if (!domain) {  // 6.1 only: nothing to go back to
            old.deref(step)->detach_dev(*member.deref(step)->dev);
            continue;
        }
        const int err = device_set_domain(group, *member.deref(step)->dev, domain);
        if (err == 0) continue;
        for (const Ptr<GroupDevice> one : group->devices) {
            if (old) device_set_domain(group, *one.deref(step)->dev, old);
            if (one == member) break;
        }
        return err;
    }
    group->domain.write(domain, step);
    return 0;
}

int IommuCore::iommu_attach_device(Ptr<IommuDomain> domain, Device& dev) {
    Frame frame{k, "iommu_attach_device"};
    const Ptr<IommuGroup> group = iommu_group_get(dev, "AD1");
    if (!group) return -kENODEV;
    group->mutex.lock("AD1");
    int err = 0;
    if (group->devices.size() != 1) {
        err = -kEINVAL;
    } else {
        const Ptr<IommuDomain> now = group->domain.read("AD2");
        if (now && now != group->default_domain.read("AD2") && now != group->blocking_domain.read("AD2")) {
            err = -kEBUSY;  // D-1: somebody else's
        } else {
            err = group_set_domain(group, domain, "AD3");
        }
    }
    group->mutex.unlock("AD3");
    iommu_group_put(group, "AD3");
    return err;
}

void IommuCore::iommu_detach_device(Ptr<IommuDomain> domain, Device& dev) {
    Frame frame{k, "iommu_detach_device"};
    const Ptr<IommuGroup> group = iommu_group_get(dev, "DT1");
    if (!group) return;
    group->mutex.lock("DT1");
    if (group->domain.read("DT1") != domain || group->devices.size() != 1) {
        k.reports.warn("iommu_detach_device: not the group's domain, or not its only device", "DT1");
    } else {
        group_set_domain(group, group->default_domain.read("DT2"), "DT2");
    }
    group->mutex.unlock("DT2");
    iommu_group_put(group, "DT2");
}

}  // namespace xlate::kernel
