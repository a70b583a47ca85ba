// The 32 bytes that tell software of a fault. Source: docs/spec/iommu-hardware.md section 1.8.
#pragma once

#include <cstdint>
#include <optional>

#include "iommu/engine.hpp"
#include "iommu/smmuv3/layout.hpp"
#include "iommu/smmuv3/walk.hpp"

namespace xlate::iommu::smmuv3 {

/// `sent`: as the client sent it; `effective`: after PRIVCFG and INSTCFG. `stall_tag`: the access waits under this tag.
EventWords encode_event(const Fault& fault, const Request& sent, const Request& effective,
                        std::optional<std::uint16_t> stall_tag = std::nullopt);

}  // namespace xlate::iommu::smmuv3
