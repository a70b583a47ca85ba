#include "iommu/walk_cache.hpp"

namespace xlate::iommu {

WalkCache::WalkCache(const CacheParams& params, std::uint64_t seed, std::string_view name)
    : enabled_(params.enabled), ways_(params, Rng(seed, name)) {
    valid_.assign(ways_.entries(), 0);
    entries_.resize(ways_.entries());
}

const WalkCacheEntry* WalkCache::lookup(std::uint64_t space, std::uint64_t address, unsigned shift) {
    ++counters_.lookups;
    const std::uint32_t first = ways_.first(address >> shift);
    for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
        const WalkCacheEntry& entry = entries_[i];
        if (valid_[i] != 0 && entry.space == space && entry.shift == shift &&
            (address >> shift) == (entry.base >> shift)) {
            ++counters_.hits;
            ways_.used(i);
            return &entry;
        }
    }
    return nullptr;
}

void WalkCache::fill(const WalkCacheEntry& entry, std::uint64_t stream_tag) {
    if (!enabled_) return;
    const std::uint32_t first = ways_.first(entry.base >> entry.shift);
    const std::uint32_t end = first + ways_.ways();
    const CachePartitions::Ways part =
        ways_.partitioned() ? ways_.part(first, stream_tag) : CachePartitions::Ways{first, end};
    std::uint32_t place = end;
    for (std::uint32_t i = first; i < end; ++i) {
        if (valid_[i] == 0) {
            if (place == end && i >= part.from && i < part.to) place = i;
        } else if (entries_[i].space == entry.space && entries_[i].shift == entry.shift &&
                   entries_[i].base == entry.base) {
            place = i;
            break;
        }
    }
    if (place == end) place = ways_.partitioned() ? ways_.victim_in(part) : ways_.victim(first);
    ++counters_.fills;
    ways_.used(place);
    valid_[place] = 1;
    entries_[place] = entry;
}

unsigned WalkCache::invalidate(const Invalidation& invalidation) {
    if (invalidation.by_address && invalidation.leaf) return 0;
    unsigned dropped = 0;
    for (std::uint32_t i = 0; i < valid_.size(); ++i) {
        const WalkCacheEntry& entry = entries_[i];
        if (valid_[i] == 0 || !invalidation.covers_table(entry.space, entry.base, entry.shift, entry.granule)) continue;
        valid_[i] = 0;
        ++dropped;
    }
    counters_.invalidated += dropped;
    return dropped;
}

void WalkCache::clear() { valid_.assign(valid_.size(), 0); }

}  // namespace xlate::iommu
