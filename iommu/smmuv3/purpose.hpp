// Why an SMMUv3 accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::smmuv3 {

struct Purpose {
    static constexpr AccessPurpose ste_l1{0}, ste{1}, cd_l1{2}, cd{3}, s1_level0{4}, s1_level1{5}, s1_level2{6},
        s1_level3{7}, s2_level0{8}, s2_level1{9}, s2_level2{10}, s2_level3{11}, httu{12}, command{13}, event{14},
        page_request{15}, msi{16};
};

/// Descriptor read of stage 1 or 2 at `level` 0..3; a level above 0 counts as 0.
constexpr AccessPurpose walk_purpose(unsigned stage, unsigned level) {
    return static_cast<AccessPurpose>(static_cast<unsigned>(stage == 1 ? Purpose::s1_level0 : Purpose::s2_level0) +
                                      (level > 3 ? 0 : level));
}

}  // namespace xlate::iommu::smmuv3
