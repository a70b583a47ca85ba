// What firmware implies about the hardware of an IOMMU: how wide its ids and addresses must be.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "firmware/description.hpp"

namespace xlate::firmware {

struct IommuNeeds {
    std::uint32_t highest_id = 0;       ///< of all references and rows that lead to it from nodes that are there
    unsigned id_bits = 0;               ///< that this id takes; 0: no id leads to it
    std::string id_where;               ///< "/pcie@40000000: iommu-map row 1"
    std::uint64_t highest_address = 0;  ///< last byte of memory
    unsigned address_bits = 0;
    std::string address_where;  ///< "memory up to 0x8803fffffff"
};

/// Of every provider. Rows count as far as requester ids of the host's buses reach them (last_requester).
std::map<NodeIndex, IommuNeeds> iommu_needs(const Description& description);

}  // namespace xlate::firmware
