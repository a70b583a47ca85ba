// The way from a master to its id at an IOMMU, step by step, as Linux goes it; and where and why it ends before.
// What firmware alone decides: whether a driver then refuses the id, or is not there, a boot shows.
// Source: docs/spec/kernel-probe.md 2.3 (OIC, OIX, OMAP), 2.9 (ACPI), docs/spec/linux-findings.md 4.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/span.hpp"
#include "firmware/description.hpp"
#include "firmware/iommu_families.hpp"

namespace xlate::firmware {

enum class PathEnd : std::uint8_t {
    behind,             ///< an IOMMU is in front of it, with these ids
    not_there,          ///< the master's node, or one above it, is disabled
    no_device,          ///< Linux makes no device of the node
    no_iommu,           ///< firmware puts no IOMMU in front of it
    list_broken,        ///< `iommus` ends before an entry that counts
    provider_disabled,  ///< status of the IOMMU's node
    provider_absent,    ///< below a disabled node, or without registers that the CPU reaches
    no_row,             ///< no row of the map has the requester id
    map_broken,         ///< the look-up ends in an error
    no_driver,          ///< no driver of Linux names the IOMMU
    legacy              ///< only `mmu-masters` names it, which Linux reads only if built so
};
/// "no-row": the word for results.
std::string_view name(PathEnd end);

struct IdPath {
    PathEnd end = PathEnd::no_iommu;
    std::string why;                    ///< a sentence; empty if behind
    std::vector<std::string> steps;     ///< a sentence each, in order
    std::optional<NodeIndex> provider;  ///< that the driver uses: of several the first, or the last where that one wins
    std::vector<StreamMatch> ids;       ///< at it, in firmware order; none for families without ids
};

/// Of a device with a node of its own.
IdPath id_path(const Description& description, NodeIndex master);
/// Of a PCI function below `host`: `requesters` are its own id and those that stand for it (aliases), in Linux's order.
IdPath id_path_of_function(const Description& description, NodeIndex host, Span<std::uint32_t> requesters);

}  // namespace xlate::firmware
