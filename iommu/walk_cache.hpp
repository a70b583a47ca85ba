// A walk cache of one stage and level: where the next table is, so that a walk need not start at the root.
// It keeps table descriptors only, never leaves: a stage 1 entry holds the table's address as the descriptor
// gives it (an IPA if nested), so that stage 2 changes cannot make it stale.
// Source: ours; the architecture leaves walk caches open (docs/spec/iommu-hardware.md section 1.12).
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "iommu/cache.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu {

/// The restrictions that table descriptors have put on everything below them.
struct TableLimits {
    bool no_write = false, no_user = false, user_xn = false, privileged_xn = false;
};

struct WalkCacheEntry {
    std::uint64_t space = 0;  ///< address-space tag
    std::uint64_t base = 0;   ///< first input address that the table serves
    std::uint64_t table = 0;  ///< address of the next table
    std::uint8_t shift = 0;   ///< the table serves 2^shift bytes
    std::uint8_t granule = 12;
    std::uint8_t level = 0;  ///< of the descriptor that was read
    TableLimits limits;
};

class WalkCache {
public:
    WalkCache(const CacheParams& params, std::uint64_t seed, std::string_view name);
    bool enabled() const { return enabled_; }
    /// `shift`: input bits below are not compared. A shift other than the entry's is a miss (other granule).
    const WalkCacheEntry* lookup(std::uint64_t space, std::uint64_t address, unsigned shift);
    /// `stream_tag`: for whom; matters to a partitioned one.
    void fill(const WalkCacheEntry& entry, std::uint64_t stream_tag = 0);
    void partition(std::shared_ptr<const CachePartitions> partitions) { ways_.partition(std::move(partitions)); }
    unsigned invalidate(const Invalidation& invalidation);
    void clear();
    const CacheCounters& counters() const { return counters_; }

private:
    bool enabled_;
    CacheWays ways_;
    CacheCounters counters_;
    std::vector<std::uint8_t> valid_;
    std::vector<WalkCacheEntry> entries_;
};

}  // namespace xlate::iommu
