// Why a master is not translated, in Linux's terms: what firmware says, what its driver and its IOMMU's came to.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "study/results/result.hpp"

namespace xlate::study {

struct Untranslated {
    std::string device;  ///< Linux's name; of a node that Linux makes no device of, its path
    std::string path;    ///< of its node; empty for PCI functions
    /// "no-iommu", "provider-disabled", "no-map-row", "refused", "not-modelled", "deferred", "no-driver", ...: see
    /// docs/results.md.
    std::string kind;
    std::string why;  ///< a sentence
};

/// A boot that is over, timed or not. References live as long as the call.
struct SeenBoot {
    const kernel::LinuxBoot& boot;
    const kernel::Kernel& kernel;
    std::set<std::string> modelled;         ///< paths of the IOMMUs with hardware behind their registers
    std::vector<std::string> with_traffic;  ///< names of devices
};

/// Every master without a group: nodes that name an IOMMU, functions below a host bridge with a map of ids (the host
/// bridge's own function left out), and whatever has traffic. In the order of `devices`, then nodes without a device.
std::vector<Untranslated> untranslated_masters(SeenBoot seen);
std::vector<Untranslated> untranslated_masters(const RunFacts& facts);

}  // namespace xlate::study
