// The address-space tag of cached translations: the domain id, with a first level the PASID too, and which levels were
// walked. Second-level entries (and pass-through) are the domain's, whatever PASID led to them.
// Source: docs/spec/iommu-hardware.md section 3.2; VT-d specification 4.1, sections 6.2.4, 6.2.5.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::vtd::space_tag {

inline constexpr Field DID{0, 16}, PASID{16, 20}, NESTED{61, 1}, FIRST{62, 1}, SECOND{63, 1};

constexpr std::uint64_t second_level(std::uint64_t did) { return SECOND.of(1) | DID.of(did); }
constexpr std::uint64_t first_level(std::uint64_t did, std::uint32_t pasid, bool nested) {
    return FIRST.of(1) | NESTED.of(nested ? 1 : 0) | DID.of(did) | PASID.of(pasid);
}

}  // namespace xlate::iommu::vtd::space_tag
