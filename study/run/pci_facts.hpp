// What firmware says of IOMMUs and PCI functions together: functions that are IOMMUs, ids that a virtio-iommu knows,
// why a translation cache idles.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "soc/config.hpp"
#include "study/config/config.hpp"
#include "study/config/pci_config.hpp"

namespace xlate::study {

/// Adds the functions that firmware puts an IOMMU into to `soc.pci`, where it does not have them: a sentence for each.
/// After firmware::place_pci_iommus().
std::vector<std::string> add_pci_iommus(Config& config, const firmware::Description& description);

/// A virtio-iommu knows the endpoints that are there: ids that its masters send with, and no others.
void name_endpoints(const firmware::Description& description, const std::vector<PciSeat>& seats, soc::SocConfig& soc);

/// Why no kernel switches this function's address translation cache on: SMMUv3's driver asks hardware, firmware and
/// function. A sentence for each that says no; none: it is used, or its IOMMU is another.
std::vector<std::string> idle_atc(const firmware::Description& description, const PciSeat& seat,
                                  const soc::SocConfig& soc);

}  // namespace xlate::study
