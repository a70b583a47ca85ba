// Which devices of a board do DMA behind an IOMMU, before anything has booted: for traffic that names none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/pci_config.hpp"

namespace xlate::study {

/// Everything that has a driver and an IOMMU in front of it, by Linux's names: platform devices in firmware order, then
/// PCI functions.
std::vector<std::string> likely_masters(const firmware::Description& description, const std::vector<PciSeat>& seats);

/// `pattern`: text, and '*' for any text.
bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace xlate::study
