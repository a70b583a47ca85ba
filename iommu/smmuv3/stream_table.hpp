// Where an STE is: linear and two-level stream tables. Pure address arithmetic, no memory.
// Source: docs/spec/iommu-hardware.md section 1.4.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/parameters.hpp"

namespace xlate::iommu::smmuv3 {

struct StreamTableStep {
    std::uint64_t address = 0;
    bool is_l1 = false;  ///< an L1 descriptor (8 bytes) is there, not the STE
};

/// The first read for `sid`; nothing if the SID is out of range (C_BAD_STREAMID).
std::optional<StreamTableStep> locate_ste(StreamId sid, std::uint64_t strtab_base, std::uint32_t strtab_base_cfg,
                                          const Features& features);
/// The STE's address from its L1 descriptor; nothing for C_BAD_STREAMID (no table, or beyond its span).
std::optional<std::uint64_t> locate_ste_l2(StreamId sid, std::uint64_t l1_descriptor, std::uint32_t strtab_base_cfg);
/// SPLIT as it acts: 6, 8 or 10.
unsigned effective_split(std::uint32_t strtab_base_cfg);

}  // namespace xlate::iommu::smmuv3
