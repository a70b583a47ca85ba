// The shape of a set-associative structure and its choice of victims, shared by TLBs, walk and config caches.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
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

/// Which ways of a cache the entries of a stream may take: disjoint parts, one behind the other, and what is left for
/// everybody else. What MPAM calls a PARTID with its portions, and RISC-V an RCID with its capacity blocks.
class CachePartitions {
public:
    struct Partition {
        std::uint32_t numerator = 1, denominator = 4;  ///< of the ways, rounded down; at least one
        std::vector<std::uint32_t> streams;            ///< of stream_tag(), without the substream
    };
    struct Ways {
        std::uint32_t from, to;
    };

    explicit CachePartitions(std::vector<Partition> partitions) : partitions_(std::move(partitions)) {}
    /// Of a cache with so many ways in a set.
    Ways of(std::uint64_t stream_tag, std::uint32_t ways) const {
        Ways part{0, 0};
        for (const Partition& one : partitions_) {
            const auto share = static_cast<std::uint32_t>(std::uint64_t{ways} * one.numerator / one.denominator);
            part = {part.to, part.to + share};
            for (const std::uint32_t stream : one.streams) {
                if (stream == static_cast<std::uint32_t>(stream_tag)) return part;
            }
        }
        return {part.to, ways};
    }

private:
    std::vector<Partition> partitions_;
};

/// Which entries form a set, and which of them goes next. Holds no tags.
class CacheWays {
public:
    CacheWays(const CacheParams& params, Rng rng)
        : ways_(params.ways == 0 ? params.entries : params.ways), policy_(params.replacement), rng_(rng) {
        XLATE_CHECK(ways_ > 0 && params.entries > 0 && params.entries % ways_ == 0,
                    std::to_string(params.entries) + " entries, " + std::to_string(ways_) + " ways");
        sets_ = params.entries / ways_;
        mask_ = is_power_of_two(sets_) ? sets_ - 1 : 0;
        if (policy_ != Replacement::lru) return;
        if (sets_ == 1 && ways_ > kFewWays) {
            chain();
        } else {
            last_use_.assign(params.entries, 0);
        }
    }
    std::uint32_t entries() const { return ways_ * sets_; }
    std::uint32_t ways() const { return ways_; }
    /// The first entry of the set that `key` falls in.
    std::uint32_t first(std::uint64_t key) const {
        const std::uint64_t set = mask_ != 0 || sets_ == 1 ? key & mask_ : key % sets_;
        return static_cast<std::uint32_t>(set) * ways_;
    }
    void used(std::uint32_t entry) {
        if (!last_use_.empty()) {
            last_use_[entry] = ++clock_;
        } else if (!links_.empty()) {
            move_to_back(entry);
        }
    }
    /// From now on new entries of a stream stay within its part.
    void partition(std::shared_ptr<const CachePartitions> partitions) { partitions_ = std::move(partitions); }
    bool partitioned() const { return partitions_ != nullptr; }
    /// Only if partitioned(): the entries of the set that starts at `first` that a stream's new entry may take.
    CachePartitions::Ways part(std::uint32_t first, std::uint64_t stream_tag) const {
        const CachePartitions::Ways ways = partitions_->of(stream_tag, ways_);
        return {first + ways.from, first + ways.to};
    }
    /// Which of these, all of them taken, to replace; they are a part of one set.
    std::uint32_t victim_in(CachePartitions::Ways part) {
        const std::uint32_t size = part.to - part.from;
        switch (policy_) {
            case Replacement::lru: {
                if (!links_.empty()) {
                    std::uint32_t oldest = links_[ways_].next;
                    while (oldest < part.from || oldest >= part.to) oldest = links_[oldest].next;
                    return oldest;
                }
                std::uint32_t oldest = part.from;
                for (std::uint32_t i = part.from + 1; i < part.to; ++i) {
                    if (last_use_[i] < last_use_[oldest]) oldest = i;
                }
                return oldest;
            }
            case Replacement::round_robin:
                next_ = next_ + 1 < ways_ ? next_ + 1 : 0;
                return part.from + next_ % size;
            case Replacement::random:
                return part.from + static_cast<std::uint32_t>(rng_.below(size));
        }
        return part.from;
    }
    /// Which entry of the full set that starts at `first` to replace.
    std::uint32_t victim(std::uint32_t first) {
        switch (policy_) {
            case Replacement::lru: {
                if (!links_.empty()) return links_[ways_].next;
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
    static constexpr std::uint32_t kFewWays = 8;  ///< so many are looked at in turn
    struct Link {
        std::uint32_t before;
        std::uint32_t next;
    };

    /// One large set: its entries in a ring by their last use, from links_[ways_], which is none of them.
    void chain() {
        links_.resize(ways_ + 1);
        for (std::uint32_t i = 0; i <= ways_; ++i) links_[i] = {i == 0 ? ways_ : i - 1, i == ways_ ? 0 : i + 1};
    }
    void move_to_back(std::uint32_t entry) {
        Link& link = links_[entry];
        links_[link.before].next = link.next;
        links_[link.next].before = link.before;
        link = {links_[ways_].before, ways_};
        links_[link.before].next = entry;
        links_[ways_].before = entry;
    }

    // What each look-up reads stands first.
    std::uint32_t ways_;
    std::uint32_t sets_ = 1;
    std::uint32_t mask_ = 0;  ///< sets_ - 1 if that is a mask
    std::uint32_t next_ = 0;
    std::uint64_t clock_ = 0;
    std::vector<std::uint64_t> last_use_;  ///< LRU in small sets
    std::vector<Link> links_;              ///< LRU in one large set
    Replacement policy_;
    Rng rng_;
    std::shared_ptr<const CachePartitions> partitions_;  ///< nullptr: whoever comes may take any way
};

}  // namespace xlate::iommu
