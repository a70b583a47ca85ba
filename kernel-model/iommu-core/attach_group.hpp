// A domain of a driver's own for all members of a group at once (Tegra's graphics).
// Source: Linux drivers/iommu/iommu.c iommu_attach_group(), iommu_detach_group(); steps as in attach.cpp.
#pragma once

#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// -EBUSY: another driver's domain is attached; else what the IOMMU's driver answers, and all members are as before.
int iommu_attach_group(IommuCore& core, Ptr<IommuDomain> domain, Ptr<IommuGroup> group);
/// Back to the default domain, if `domain` is attached.
void iommu_detach_group(IommuCore& core, Ptr<IommuDomain> domain, Ptr<IommuGroup> group);

}  // namespace xlate::kernel
