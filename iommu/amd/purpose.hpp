// Why an AMD IOMMU accesses memory: rows of its data sheet, in this order.
#pragma once

#include "iommu/engine.hpp"

namespace xlate::iommu::amd {

struct Purpose {
    static constexpr AccessPurpose dte{0}, gcr3{1}, update{13}, irte{14}, command{15}, event{16}, ppr{17}, wait{18},
        msi{19};
};
/// A v1 word of `level` (1: the last one before the page, to 6).
constexpr AccessPurpose host_purpose(unsigned level) { return static_cast<AccessPurpose>(1 + level); }
/// A v2 word of `level`, 1 to 5.
constexpr AccessPurpose guest_purpose(unsigned level) { return static_cast<AccessPurpose>(7 + level); }

}  // namespace xlate::iommu::amd
