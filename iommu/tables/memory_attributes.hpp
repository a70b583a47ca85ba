// Memory attributes as VMSA tables give them, and how those of two stages combine.
// Source: docs/spec/iommu-hardware.md section 1.10; Arm DDI 0487 D8.6 (memory attributes).
#pragma once

#include <cstdint>

#include "iommu/engine.hpp"

namespace xlate::iommu {

/// The MAIR byte of the four bits of a stage 2 descriptor (and of registers that override attributes).
std::uint8_t mair_of_stage2(unsigned mem_attr);
/// Attributes of stage 1 combined with those of stage 2: the weaker of each.
MemoryAttributes combine(MemoryAttributes stage1, MemoryAttributes stage2);
/// The MAIR byte and shareability of a short descriptor. `remap`: SCTLR.TRE, by PRRR[31:0] and NMRR[63:32].
MemoryAttributes short_attributes(unsigned tex, bool c, bool b, bool s, bool remap, std::uint64_t prrr_nmrr);

}  // namespace xlate::iommu
