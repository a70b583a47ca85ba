// The address-space tags that SMMUv3's caches keep and its invalidations are compared with.
// Source: docs/spec/iommu-hardware.md sections 1.7 and 1.12.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::smmuv3 {

/// Whose tables made an entry. Nested and stage-1-only entries of one VMID and ASID are kept apart.
/// Coded so that what one TLBI covers differs in bits that it does not compare: bit 2 is 0 for EL1's (stage 1 0 and 1,
/// stage 2 2), and both of EL2 differ in bit 0.
enum class Regime : std::uint8_t { ns_el1 = 0, ns_el1_nested = 1, ns_stage2 = 2, el2 = 4, el2_e2h = 5, bypass = 7 };

/// Address-space tag: ASID[15:0] VMID[31:16] regime[34:32] ASET[35].
namespace space_tag {
inline constexpr Field ASID{0, 16}, VMID{16, 16}, REGIME{32, 3}, ASET{35, 1};
constexpr std::uint64_t make(Regime regime, std::uint16_t vmid, std::uint16_t asid, bool aset) {
    return ASID.of(asid) | VMID.of(vmid) | REGIME.of(static_cast<std::uint64_t>(regime)) | ASET.of(aset ? 1 : 0);
}
constexpr Regime regime(std::uint64_t tag) { return static_cast<Regime>(REGIME.get(tag)); }
}  // namespace space_tag

}  // namespace xlate::iommu::smmuv3
