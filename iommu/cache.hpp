// The shape of a set-associative structure and its choice of victims, shared by TLBs, walk and config caches.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace xlate::iommu {

/// round_robin: one pointer for the whole structure, not one a set.
enum class Replacement : std::uint8_t { lru, round_robin, random };

struct CacheParams {
    bool enabled = true;
    std::uint32_t entries = 64;  ///< a multiple of the ways
    std::uint32_t ways = 0;      ///< 0: fully associative
    Replacement replacement = Replacement::lru;
};

struct CacheCounters {
    std::uint64_t lookups = 0;
    std::uint64_t hits = 0;
    std::uint64_t fills = 0;
    std::uint64_t invalidated = 0;  ///< entries dropped by invalidations
};

/// Which entries form a set, and which of them goes next. Holds no tags.
class CacheWays {
public:
    CacheWays(const CacheParams& params, Rng rng)
        : rng_(rng), policy_(params.replacement), ways_(params.ways == 0 ? params.entries : params.ways) {
        XLATE_CHECK(ways_ > 0 && params.entries > 0 && params.entries % ways_ == 0,
                    std::to_string(params.entries) + " entries, " + std::to_string(ways_) + " ways");
        sets_ = params.entries / ways_;
        mask_ = is_power_of_two(sets_) ? sets_ - 1 : 0;
        last_use_.assign(params.entries, 0);
    }
    std::uint32_t entries() const { return ways_ * sets_; }
    std::uint32_t ways() const { return ways_; }
    /// The first entry of the set that `key` falls in.
    std::uint32_t first(std::uint64_t key) const {
        const std::uint64_t set = mask_ != 0 || sets_ == 1 ? key & mask_ : key % sets_;
        return static_cast<std::uint32_t>(set) * ways_;
    }
    void used(std::uint32_t entry) { last_use_[entry] = ++clock_; }
    /// Which entry of the full set that starts at `first` to replace.
    std::uint32_t victim(std::uint32_t first) {
        switch (policy_) {
            case Replacement::lru: {
                std::uint32_t oldest = first;
                for (std::uint32_t i = first + 1; i < first + ways_; ++i) {
                    if (last_use_[i] < last_use_[oldest]) oldest = i;
                }
                return oldest;
            }
            case Replacement::round_robin:
                next_ = next_ + 1 < ways_ ? next_ + 1 : 0;
                return first + next_;
            case Replacement::random:
                return first + static_cast<std::uint32_t>(rng_.below(ways_));
        }
        return first;
    }

private:
    Rng rng_;
    Replacement policy_;
    std::uint32_t ways_;
    std::uint32_t sets_ = 1;
    std::uint32_t mask_ = 0;  ///< sets_ - 1 if that is a mask
    std::uint32_t next_ = 0;
    std::uint64_t clock_ = 0;
    std::vector<std::uint64_t> last_use_;
};

}  // namespace xlate::iommu
