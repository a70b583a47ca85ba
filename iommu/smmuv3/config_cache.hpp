// The configuration cache: decoded STE and CD together, per (SID, SSID).
// Faulty configurations are not kept. Source: docs/spec/iommu-hardware.md section 1.12.
#pragma once

#include <cstdint>
#include <vector>

#include "iommu/cache.hpp"
#include "iommu/smmuv3/context.hpp"
#include "iommu/smmuv3/invalidation.hpp"

namespace xlate::iommu::smmuv3 {

class ConfigCache {
public:
    ConfigCache(const CacheParams& params, std::uint64_t seed, std::string_view name);
    bool enabled() const { return enabled_; }
    const StreamConfig* lookup(std::uint64_t stream);
    void fill(const StreamConfig& config);
    unsigned invalidate(const Invalidation& invalidation);
    void clear();
    const CacheCounters& counters() const { return counters_; }

private:
    std::uint64_t key(std::uint64_t stream) const { return stream ^ (stream >> 32); }
    bool enabled_;
    CacheWays ways_;
    CacheCounters counters_;
    std::vector<std::uint64_t> tags_;  ///< ~0: free
    std::vector<StreamConfig> entries_;
};

}  // namespace xlate::iommu::smmuv3
