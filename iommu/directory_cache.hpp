// A cache of contexts by device, by device and process, or by another number. Faulty ones are not kept.
// Source: ours; the specifications leave caches open (RISC-V IOMMU chapter 3, "Directory caching"; VT-d chapter 6).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "iommu/cache.hpp"
#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu {

/// Tags are stream_tag(), or what their owner takes for one; never ~0.
template <typename Context>
class DirectoryCache {
public:
    DirectoryCache(const CacheParams& params, std::uint64_t seed, std::string_view name)
        : enabled_(params.enabled), ways_(params, Rng(seed, name)) {
        if (!enabled_) return;
        tags_.assign(ways_.entries(), kFree);
        entries_.resize(ways_.entries());
    }
    bool enabled() const { return enabled_; }
    const Context* lookup(std::uint64_t tag) {
        if (!enabled_) return nullptr;
        ++counters_.lookups;
        const std::uint32_t first = ways_.first(tag ^ (tag >> 32));
        for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
            if (tags_[i] != tag) continue;
            ++counters_.hits;
            ways_.used(i);
            return &entries_[i];
        }
        return nullptr;
    }
    /// Counts nothing and ages nothing.
    const Context* peek(std::uint64_t tag) const {
        if (!enabled_) return nullptr;
        const std::uint32_t first = ways_.first(tag ^ (tag >> 32));
        for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
            if (tags_[i] == tag) return &entries_[i];
        }
        return nullptr;
    }
    void fill(std::uint64_t tag, const Context& context) {
        if (!enabled_) return;
        ++counters_.fills;
        const std::uint32_t first = ways_.first(tag ^ (tag >> 32));
        std::uint32_t place = first + ways_.ways();
        for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
            if (tags_[i] == tag) {
                place = i;
                break;
            }
            if (tags_[i] == kFree && place == first + ways_.ways()) place = i;
        }
        if (place == first + ways_.ways()) place = ways_.victim(first);
        tags_[place] = tag;
        entries_[place] = context;
        ways_.used(place);
    }
    void invalidate(const Invalidation& invalidation) {
        for (std::uint64_t& tag : tags_) {
            if (tag == kFree || !invalidation.covers_stream(tag)) continue;
            tag = kFree;
            ++counters_.invalidated;
        }
    }
    /// Drops those of which `drop(tag, context)` is true.
    template <typename Drop>
    void drop_if(Drop&& drop) {
        for (std::size_t i = 0; i < tags_.size(); ++i) {
            if (tags_[i] == kFree || !drop(tags_[i], entries_[i])) continue;
            tags_[i] = kFree;
            ++counters_.invalidated;
        }
    }
    void clear() { tags_.assign(tags_.size(), kFree); }
    const CacheCounters& counters() const { return counters_; }

private:
    static constexpr std::uint64_t kFree = ~std::uint64_t{0};
    bool enabled_;
    CacheWays ways_;
    CacheCounters counters_;
    std::vector<std::uint64_t> tags_;
    std::vector<Context> entries_;
};

}  // namespace xlate::iommu
