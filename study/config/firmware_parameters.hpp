// The kernel's command line as firmware hands it over: `bootargs` of a device tree's /chosen.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

struct FirmwareParameters {
    std::vector<std::string> assumed;   ///< what was taken over, a sentence each
    std::vector<std::string> warnings;  ///< words about IOMMUs or probing that are not modelled
};

/// Takes over into `kernel.parameters` and `kernel.cpus` (maxcpus, nr_cpus, nosmp) what the config does not say.
/// Call it when the config's architecture is settled.
FirmwareParameters take_firmware_parameters(Config& config, const firmware::Description& description);

/// For inspect: what of them a run takes over, and what is not modelled; a sentence each.
std::vector<std::string> firmware_parameter_facts(const firmware::Description& description);

}  // namespace xlate::study
