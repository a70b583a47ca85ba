// Why a DART accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::dart {

struct Purpose {
    static constexpr AccessPurpose leaf{0}, level1{1}, level0{2};
};
/// The word `above` levels above the leaves.
constexpr AccessPurpose word_purpose(unsigned above) { return static_cast<AccessPurpose>(above); }

}  // namespace xlate::iommu::dart
