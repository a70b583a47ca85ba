// An optional face of a family's words (TableWords) whose walks write to tables themselves: accessed and dirty bits.
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"

namespace xlate::iommu {

class HardwareBits {
public:
    virtual ~HardwareBits() = default;
    /// Of a word that is read for this purpose, those that hardware sets: a change of them alone makes nothing stale.
    virtual std::uint64_t hardware_bits(AccessPurpose purpose) const = 0;
};

}  // namespace xlate::iommu
