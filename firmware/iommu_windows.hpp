// Registers of other nodes that are a part of an IOMMU: where it is switched on for a master, for instance.
// Source: Linux Documentation/devicetree/bindings/iommu/mediatek,iommu.yaml and memory-controllers/mediatek,smi-*.yaml.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// One register window of another node. MediaTek: "larb" (number: the larb's), "smi-common", "pericfg"; BCM2712:
/// "shared-cache".
struct OutsideWindow {
    NodeIndex node{};
    std::string_view role;
    unsigned number = 0;
    std::uint64_t address = 0;
    std::uint64_t size = 0;
};

/// Of the nodes that are there and whose registers the CPU can reach.
std::vector<OutsideWindow> outside_windows(const Description& description, NodeIndex iommu);

}  // namespace xlate::firmware
