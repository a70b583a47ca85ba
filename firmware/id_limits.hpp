// Ids that an IOMMU's family does not have, and that firmware names all the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/description.hpp"

namespace xlate::firmware {

/// How many ids, from 0 on, hardware of this kind has; none: any number, the instance says it (SMMUv3, DART's
/// NUM_SIDS below 256), or the driver refuses those that are not there (MediaTek, Qualcomm).
/// Source: docs/spec/iommu-hardware.md sections 5, 9 and 16; Linux ipmmu-vmsa.c (num_utlbs).
std::optional<std::uint32_t> id_count(const Node& provider);

struct IdBeyond {
    NodeIndex iommu{};
    std::string what;  ///< "id 0x46 (/codec: iommus) is none that it has: 0x0 to 0x1f"
};
/// One for each IOMMU that is there: the highest id that leads to it.
std::vector<IdBeyond> ids_beyond(const Description& description);

}  // namespace xlate::firmware
