// `pci=config_acs=`, `pci=disable_acs_redir=` and `pcie_acs_override=`, as Linux reads them.
// Source: Linux Documentation/admin-guide/kernel-parameters.txt; drivers/pci/pci.c. pcie_acs_override is a patch that
// some distributions carry; Debian's kernels do not have it.
#pragma once

#include <string>

#include "kernel-model/pci/topology.hpp"

namespace xlate::study {

/// The value of `pci=`, options by commas. False: `finding` says what is wrong.
bool read_pci_parameter(const std::string& text, kernel::AcsParameters& acs, std::string& finding);
/// "downstream,multifunction,id:8086:1901".
bool read_acs_override(const std::string& text, kernel::AcsOverrides& overrides, std::string& finding);

}  // namespace xlate::study
