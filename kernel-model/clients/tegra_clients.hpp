// Tegra's graphics, which attach domains of their own where the DMA API would leave them untranslated (tegra-smmu on
// arm64, where every group's default domain is identity, or any IOMMU with iommu.passthrough=1):
//   tegra-host1x   the host: a domain for itself, as it is bound
//   tegra-drm      displays and engines below the host (dc, gr2d, gr3d, vic, nvdec): one domain for all their groups,
//                  attached when the last of them is bound, if the host is behind an IOMMU; their DMA begins then
// Both drivers take an identity domain for none from 6.7 on (Linux's, with the stable fix of March 2025); before, a
// default domain of any kind is left alone. Addresses are handed out from 0 upwards (as drm_mm does; host1x's own
// allocator goes downwards from the top).
// Not modelled: ARM32, where both drop the architecture's mapping first (it stays, and translates); what the processors
// of the display pipe need besides (panels, encoders: taken as there); the carve-out at the domain's top.
// Source: Linux drivers/gpu/host1x/dev.c host1x_iommu_attach(), drivers/gpu/drm/tegra/drm.c host1x_drm_wants_iommu(),
// host1x_client_iommu_attach() (6.1, 6.12).
#pragma once

#include <vector>

#include "kernel-model/driver-core/known_drivers.hpp"

namespace xlate::kernel {

/// Their drivers, of modules "host1x" and "tegra_drm"; none on a board without a host1x, nor on ARM32.
std::vector<KnownDriver> make_tegra_clients(LinuxBoot& boot);

}  // namespace xlate::kernel
