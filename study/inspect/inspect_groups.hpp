// Which IOMMU groups Linux will make of a description, as far as firmware alone decides: devices with a node.
// PCI functions group by topology and probe order, which no device tree holds.
// Source: docs/spec/kernel-probe.md section 5 (column "group"), docs/spec/linux-findings.md 6 and 7.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::study {

/// How a driver forms groups of devices that are not PCI functions.
enum class GroupRule {
    per_device,    ///< each its own
    exclusive_id,  ///< each its own; an id that another device has is refused (SMMUv3)
    stream_match,  ///< ids that match alike share; partial overlap is refused (SMMUv1, v2)
    shared_id,     ///< devices with the same id share (DART, Tegra)
    per_iommu      ///< all devices of one instance share
};

struct Architecture {
    std::string_view compatible;
    std::string_view name;  ///< "smmuv3", "rockchip", ...
    GroupRule rule;
    bool last_entry_wins;  ///< of several providers in one list; otherwise the first one does
};

/// By `compatible`, most specific first; an unknown provider has name "unknown".
const Architecture& architecture_of(const firmware::Node& provider);

struct ExpectedGroup {
    firmware::NodeIndex iommu{};
    std::vector<firmware::NodeIndex> members;  ///< in firmware order
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

/// If devices bind in firmware order, which decides who of two rivals is refused.
ExpectedGroups expected_groups(const firmware::Description& description);

}  // namespace xlate::study
