// Why an SMMUv2 accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::smmuv2 {

inline constexpr unsigned kPurposes = 10;

/// Descriptor read of stage 1 or 2 at `level` 0..3; of short descriptors level 1 and 2.
constexpr AccessPurpose walk_purpose(unsigned stage, unsigned level, bool short_descriptor = false) {
    if (short_descriptor) return static_cast<AccessPurpose>(level <= 1 ? 8 : 9);
    return static_cast<AccessPurpose>((stage == 1 ? 0U : 4U) + (level & 3));
}

}  // namespace xlate::iommu::smmuv2
