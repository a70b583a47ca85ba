// The layout of SMMUv1 and SMMUv2, all that a driver and the hardware share: global registers, stream mapping, context
// banks. Page tables are those of iommu/tables/layout_vmsa*.hpp. No behaviour. Knows base only.
// Source: docs/spec/iommu-hardware.md section 2 (the public IHI 0062), checked by the worked vectors of section 17.
#pragma once

#include "iommu/smmuv2/layout_bank.hpp"
#include "iommu/smmuv2/layout_global.hpp"
#include "iommu/tables/layout_vmsa7_long.hpp"
#include "iommu/tables/layout_vmsa7_short.hpp"
#include "iommu/tables/layout_vmsa8_64.hpp"
