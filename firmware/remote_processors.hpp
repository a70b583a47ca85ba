// Remote processors (DSPs, modems) whose channel has devices behind an IOMMU.
#pragma once

#include <optional>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// The channel of a remote processor, a child without `compatible` (Qualcomm's bindings: glink-edge, smd-edge), if a
/// consumer of an IOMMU stands somewhere below it. Linux's rpmsg drivers make that device, when the processor has
/// booted its firmware.
std::optional<NodeIndex> remote_channel(const Description& description, NodeIndex processor);

}  // namespace xlate::firmware
