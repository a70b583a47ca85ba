// An IOMMU driver as a module that can be taken out: its users are counted, and its code goes with it.
// Source: Linux kernel/module/main.c, delete_module(); docs/spec/kernel-probe.md 4.4, D-8b.
#pragma once

#include "kernel-model/driver-core/driver_core.hpp"
#include "kernel-model/iommu-core/iommu_core.hpp"

namespace xlate::kernel {

/// The driver of `ops` is a module: from now on its users are counted.
void module_init(IommuCore& core, IommuOps& ops);

/// rmmod: -EBUSY while the module is held; else no new user gets it, its devices are unbound (their registrations
/// end), and its code is gone. -ENOENT: it is out already.
int delete_module(IommuCore& core, Driver& driver, IommuOps& ops);

}  // namespace xlate::kernel
