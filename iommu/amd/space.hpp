// The address-space tag of cached translations: a domain, and a process of it if a guest's (v2) tables were walked.
// NESTED: those went through v1 tables too, so that an entry goes with either.
// Source: docs/spec/iommu-hardware.md section 4.
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace xlate::iommu::amd::space_tag {

inline constexpr Field DOMAIN_ID{0, 16}, PASID{16, 20}, NESTED{62, 1}, GN{63, 1};

constexpr std::uint64_t host(std::uint16_t domain) { return DOMAIN_ID.of(domain); }
constexpr std::uint64_t guest(std::uint16_t domain, std::uint32_t pasid, bool nested) {
    return DOMAIN_ID.of(domain) | PASID.of(pasid) | NESTED.of(nested ? 1 : 0) | GN.of(1);
}

}  // namespace xlate::iommu::amd::space_tag
