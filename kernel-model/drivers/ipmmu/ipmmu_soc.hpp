// Which devices Linux puts behind an IPMMU: on R-Car Gen3, Gen4 and RZ/G2 only those that are known to work, on some
// SoCs none at all; elsewhere every one. The SoC is what the root node's `compatible` says (Linux: the SoC device).
// Source: Linux drivers/iommu/ipmmu-vmsa.c (6.1, 6.12), drivers/soc/renesas/renesas-soc.c; kernel-probe.md section 5.2.
#pragma once

#include <string>
#include <string_view>

#include "firmware/description.hpp"

namespace xlate::kernel {

/// How the IPMMU's driver treats masters on a board.
struct IpmmuSoc {
    std::string id;       ///< "r8a774a1"; empty: not one of the SoCs that need an opt-in
    bool denied = false;  ///< its IPMMU is used by no device
};
/// Linux also looks at the silicon's revision, which firmware does not say: R-Car H3 is taken as ES3.
IpmmuSoc ipmmu_soc(const firmware::Description& description);

/// Linux ipmmu_device_is_allowed(). `pci`: a PCI function; `release`: 601, 612.
bool ipmmu_device_is_allowed(const IpmmuSoc& soc, std::string_view device, bool pci, unsigned release);
/// The same for people; empty: it is allowed.
std::string ipmmu_turns_away(const firmware::Description& description, std::string_view device, bool pci,
                             unsigned release);

}  // namespace xlate::kernel
