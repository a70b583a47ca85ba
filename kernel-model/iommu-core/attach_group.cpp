#include "kernel-model/iommu-core/attach_group.hpp"

namespace xlate::kernel {

namespace {

/// L3 held. Null: nothing to go to (6.1 without a default domain).
int set_members(IommuCore& core, const IommuGroup& group, Ptr<IommuDomain> from, Ptr<IommuDomain> to) {
    for (const Ptr<GroupDevice> member : group.devices) {
        Device& dev = *member.deref("AD3")->dev;
        if (!to) {
            from.deref("AD3")->detach_dev(dev);
        } else if (const int err = core.do_iommu_attach_device(to, dev); err != 0) {
            return err;
        }
    }
    return 0;
}

}  // namespace

int iommu_attach_group(IommuCore& core, Ptr<IommuDomain> domain, Ptr<IommuGroup> group) {
    Frame frame{core.k, "iommu_attach_group"};
    group->mutex.lock("AD1");
    const Ptr<IommuDomain> now = group->domain.read("AD2");
    int err = 0;
    if (now && now != group->default_domain.read("AD2") && now != group->blocking_domain.read("AD2")) {
        err = -kEBUSY;
    } else if (now != domain) {
        err = set_members(core, *group.get(), now, domain);
        if (err == 0) {
            group->domain.write(domain, "AD3");
        } else if (now) {
            set_members(core, *group.get(), domain, now);
        }
    }
    group->mutex.unlock("AD3");
    return err;
}

void iommu_detach_group(IommuCore& core, Ptr<IommuDomain> domain, Ptr<IommuGroup> group) {
    Frame frame{core.k, "iommu_detach_group"};
    group->mutex.lock("DT1");
    if (group->domain.read("DT1") == domain) {
        const Ptr<IommuDomain> back = group->default_domain.read("DT2");
        set_members(core, *group.get(), domain, back);
        group->domain.write(back, "DT2");
    }
    group->mutex.unlock("DT2");
}

}  // namespace xlate::kernel
