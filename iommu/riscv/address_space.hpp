// The address-space tag of cached translations: GSCID and PSCID as far as they count, and SUM, which changes what a
// privileged access may do. Second-stage entries have no PSCID.
// Source: docs/spec/iommu-hardware.md section 9.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::riscv::space_tag {

inline constexpr Field PSCID{0, 20}, GSCID{32, 16}, SUM{61, 1}, PSCV{62, 1}, GV{63, 1};
/// What a look-up does not compare of a global entry.
inline constexpr std::uint64_t kGlobalIgnores = PSCID.mask();

constexpr std::uint64_t second_stage(std::uint16_t gscid) { return GV.of(1) | GSCID.of(gscid); }
/// `nested`: a second stage is active.
constexpr std::uint64_t first_stage(bool nested, std::uint16_t gscid, std::uint32_t pscid, bool sum) {
    return (nested ? second_stage(gscid) : 0) | PSCV.of(1) | PSCID.of(pscid) | SUM.of(sum ? 1 : 0);
}

}  // namespace xlate::iommu::riscv::space_tag
