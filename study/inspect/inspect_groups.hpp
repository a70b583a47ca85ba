// Which IOMMU groups Linux will make of a description, as far as firmware alone decides: devices with a node.
// How a family groups: firmware/iommu_families.hpp. PCI functions group by topology and probe order, which no device
// tree holds. Source: docs/spec/kernel-probe.md section 5 (column "group"), docs/spec/linux-findings.md 6 and 7.
#pragma once

#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::study {

struct ExpectedGroup {
    firmware::NodeIndex iommu{};
    std::vector<firmware::NodeIndex> members;  ///< in firmware order
    bool may_share = false;                    ///< with others of its driver's: a table of the driver decides
};
/// A device that its IOMMU's driver turns away: it runs untranslated.
struct Refusal {
    firmware::NodeIndex master{};
    std::string why;
};
struct ExpectedGroups {
    std::vector<ExpectedGroup> groups;  ///< in firmware order of their first member
    std::vector<Refusal> refusals;
};

/// If devices bind in firmware order, which decides which of two rivals is refused, and every group is translated.
ExpectedGroups expected_groups(const firmware::Description& description);

}  // namespace xlate::study
