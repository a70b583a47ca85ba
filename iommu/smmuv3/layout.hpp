// The layout of SMMUv3, all that a driver and the hardware share: registers, STE and CD, queue entries,
// page-table descriptors. No behaviour. Knows base only.
// Source: docs/spec/iommu-hardware.md section 1 (the public IHI 0070), checked by its worked vectors.
#pragma once

#include "iommu/smmuv3/layout_pages.hpp"
#include "iommu/smmuv3/layout_queues.hpp"
#include "iommu/smmuv3/layout_registers.hpp"
#include "iommu/smmuv3/layout_structures.hpp"
