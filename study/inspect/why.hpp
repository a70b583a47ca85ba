// `xlate inspect FIRMWARE --why DEVICE`: the way from a device to its id at an IOMMU, and where it ends.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/pci_config.hpp"

namespace xlate::study {

/// `device`: a node's path, Linux's name of it, or a PCI function such as "0001:00:05.0" ("00:05.0": in the domain of
/// the first host bridge). `seats`: the functions of a config, for aliases behind bridges; empty: a function's
/// requester id is its own. As text, a sentence a line, or as one JSON document: {device, end, why, iommu, ids[],
/// steps[]}. Errors: InputError (usage) for a device that is not there, with the nearest name.
std::string why_translated(const firmware::Description& description, const std::vector<PciSeat>& seats,
                           const std::string& device, bool json);

}  // namespace xlate::study
