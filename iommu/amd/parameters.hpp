// What an AMD IOMMU has: its extended feature registers and the shape of its caches.
// Source: docs/spec/iommu-hardware.md section 4; cache shapes are estimates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "iommu/amd/layout.hpp"
#include "iommu/cache.hpp"

namespace xlate::iommu::amd {

/// Tables named by a PDE, by the target's level: 0 level 3, 1 level 2, 2 level 1, as ledgers count them.
inline constexpr unsigned kWalkCaches = 3;

/// Plain values, already validated.
struct AmdParams {
    std::uint64_t ext_feat = 0;
    std::uint64_t ext_feat2 = 0;
    bool np_cache = false;  ///< its capability says that entries that are not present may be kept, as a hypervisor does
    CacheParams dte_cache{true, 64, 4}, irte_cache{true, 64, 4}, tlb{true, 512, 4};
    CacheParams walk_host[kWalkCaches] = {{true, 4, 0}, {true, 16, 0}, {true, 64, 4}};
    CacheParams walk_guest[kWalkCaches] = {{true, 4, 0}, {true, 16, 0}, {true, 64, 4}};
    std::uint64_t seed = 1;
    std::string name = "ivhd";  ///< names its streams of random numbers

    bool has(Field bit) const { return bit.test(ext_feat); }
    unsigned host_levels() const { return 4 + static_cast<unsigned>(feat::HATS.get(ext_feat)); }
};

/// "qemu": as QEMU's amd-iommu shows itself; "full": all that is modelled (v2 tables of four and five levels, PASIDs of
/// 20 bits, x2APIC); "v1": neither guest tables nor page requests, as the first chips were.
std::uint64_t ext_feat_by_name(std::string_view name);

}  // namespace xlate::iommu::amd
