// Address translation services of a PCI function, as its driver's IOMMU switches them.
// Source: Linux drivers/pci/ats.c.
#pragma once

#include "kernel-model/pci/pci_core.hpp"

namespace xlate::kernel {

/// It has the capability, no quirk is against it, and it is trusted.
bool pci_ats_supported(const PciDevice& pdev);

/// Writes the control register: from then on the function may ask for translations and send translated accesses.
/// `page_log2`: the smallest piece that it may ask for. 0, -EINVAL (no capability, or pieces below 4 KiB).
int pci_enable_ats(PciDevice& pdev, unsigned page_log2);
/// The function forgets what it has cached. Answers to what it asked before may still be under way.
void pci_disable_ats(PciDevice& pdev);

}  // namespace xlate::kernel
