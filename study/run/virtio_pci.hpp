// A virtio-iommu that is a PCI function: where its registers are, which Linux device it is, and which endpoints there
// are. Its node says none of that: a function's registers lie where software puts them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "firmware/description.hpp"
#include "study/config/config.hpp"

namespace xlate::study {

struct VirtioPci {
    std::vector<std::string> notes;
    /// By the function's name: ids that no function sends, since a conventional bridge before it sends its own in their
    /// place. A virtio-iommu has no such endpoint.
    std::map<std::string, std::vector<std::uint32_t>> absent_endpoints;
};

/// Makes the IOMMUs of `soc` have those endpoints only.
void leave_out_endpoints(soc::SocConfig& soc, const VirtioPci& placed);

/// Gives such an IOMMU a register window in a free place of the address space, an interrupt, and the name of its
/// function, if `soc.pci` has a function there. After settle_pci_roots().
VirtioPci place_virtio_iommus(const Config& config, firmware::Description& description);

}  // namespace xlate::study
