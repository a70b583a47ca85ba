// Why a VT-d unit accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::vtd {

struct Purpose {
    static constexpr AccessPurpose root_entry{0}, context_entry{1}, pasid_directory{2}, pasid_entry{3},
        interrupt_entry{14}, update{15}, descriptor{16}, page_request{17}, wait_status{18}, message{19};
};
/// A table word of `stage` (1 first level, 2 second level) and level 1 (leaves of 4 KiB) to 5.
constexpr AccessPurpose walk_purpose(unsigned stage, unsigned level) {
    return static_cast<AccessPurpose>((stage == 1 ? 4 : 9) + level - 1);
}

}  // namespace xlate::iommu::vtd
