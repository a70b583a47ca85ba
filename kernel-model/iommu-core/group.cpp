// Groups: references, numbers, the generic policies, DMA ownership. kernel-probe.md 2.2 (UD), 2.7.
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

PtrOrErr<IommuGroup> IommuCore::iommu_group_alloc() {
    Frame frame{k, "iommu_group_alloc"};
    // Numbers come from an allocator that hands out the lowest free one; the allocation is the point.
    unsigned number = 0;
    while (group_ids_.count(number) != 0) ++number;
    group_ids_.insert(number);
    const Ptr<IommuGroup> group = k.heap.make<IommuGroup>("ID6", number);
    if (!group) {
        group_ids_.erase(number);
        return {{}, -kENOMEM};
    }
    return {group, 0};
}

Ptr<IommuGroup> IommuCore::iommu_group_get(Device& dev, const char* step) {
    const Ptr<IommuGroup> group = dev.iommu_group.read(step);
    // R16: a bare read; the group may be freed before the reference is taken.
    if (group) group.deref(step)->refs.get(step);
    return group;
}

void IommuCore::iommu_group_ref_get(Ptr<IommuGroup> group, const char* step) { group.deref(step)->refs.get(step); }

void IommuCore::iommu_group_put(Ptr<IommuGroup> group, const char* step) {
    Frame frame{k, "iommu_group_put"};
    if (!group.deref(step)->refs.put(step)) return;
    if (group->on_release) group->on_release();
    const Ptr<IommuDomain> domain = group->default_domain.peek();
    if (domain) domain_free(domain, step);
    group_ids_.erase(group->id);
    k.heap.release(group, step);
}

PtrOrErr<IommuGroup> IommuCore::generic_device_group(Device&) { return iommu_group_alloc(); }

PtrOrErr<IommuGroup> IommuCore::generic_single_device_group(Device& dev) {
    const Ptr<IommuDevice> iommu = dev.iommu.read("ID6").deref("ID6")->iommu_dev.read("ID6");
    const Ptr<IommuGroup> old = iommu.deref("ID6")->singleton_group.read("ID6");
    if (old) {
        iommu_group_ref_get(old, "ID6");
        return {old, 0};
    }
    const PtrOrErr<IommuGroup> made = iommu_group_alloc();
    if (made.err == 0) {
        iommu_group_ref_get(made.value, "ID6");  // the instance keeps one of its own
        iommu->singleton_group.write(made.value, "ID6");
    }
    return made;
}

int IommuCore::iommu_device_use_default_domain(Device& dev) {
    Frame frame{k, "iommu_device_use_default_domain"};
    const Ptr<IommuGroup> group = iommu_group_get(dev, "UD");
    if (!group) return 0;
    group->mutex.lock("UD");
    int err = 0;
    const Ptr<IommuDomain> default_domain = group->default_domain.read("UD");
    if (variant.has(Cap::ud_requires_default) && !default_domain) {
        err = -kEPROBE_DEFER;  // ends R17
    } else {
        const unsigned count = group->owner_cnt.read("UD");
        if (count > 0 && (group->has_owner.read("UD") || group->domain.read("UD") != default_domain))
            err = -kEBUSY;
        else
            group->owner_cnt.write(count + 1, "UD");
    }
    group->mutex.unlock("UD");
    iommu_group_put(group, "UD");
    return err;
}

void IommuCore::iommu_device_unuse_default_domain(Device& dev) {
    Frame frame{k, "iommu_device_unuse_default_domain"};
    const Ptr<IommuGroup> group = iommu_group_get(dev, "UD");
    if (!group) return;
    group->mutex.lock("UD");
    const unsigned count = group->owner_cnt.read("UD");
    if (count > 0) group->owner_cnt.write(count - 1, "UD");
    group->mutex.unlock("UD");
    iommu_group_put(group, "UD");
}

Ptr<IommuDomain> IommuCore::iommu_get_domain_for_dev(Device& dev, const char* step) {
    const Ptr<IommuGroup> group = iommu_group_get(dev, step);
    if (!group) return {};
    const Ptr<IommuDomain> domain = group->domain.read(step);
    iommu_group_put(group, step);
    return domain;
}

}  // namespace xlate::kernel
