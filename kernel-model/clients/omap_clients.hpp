// Clients of OMAP's IOMMU, which attach domains of their own (their IOMMU has no of_xlate, so that the DMA API never
// goes through it):
//   omap3isp     the camera: an ARM mapping of 1 GiB to 3 GiB, through which its DMA goes; without CONFIG_ARM's
//                mappings (another architecture) it goes untranslated
//   omap-rproc   processors (DSP, IPU): a domain into which the firmware's memory is mapped. What its resource table
//                would name is taken from 0x80000000 up (ours), by the client's plan; it boots as it is bound
// From 6.13 on both drop a mapping that the architecture made before (kernel-probe.md D-1).
// Not modelled: what the processors run, mailboxes, crashes and recovery.
// Source: docs/spec/linux-findings.md 14 to 17; Linux drivers/media/platform/ti/omap3isp, drivers/remoteproc.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "kernel-model/driver-core/known_drivers.hpp"

namespace xlate::kernel {

/// Their drivers, of modules "omap3_isp" and "omap_remoteproc".
std::vector<KnownDriver> make_omap_clients(LinuxBoot& boot);

/// Those of these modules that have a device on the board, each once.
std::vector<std::string> omap_client_modules(const firmware::Description& board);

}  // namespace xlate::kernel
