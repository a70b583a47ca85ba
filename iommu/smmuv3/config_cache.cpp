#include "iommu/smmuv3/config_cache.hpp"

namespace xlate::iommu::smmuv3 {

namespace {
constexpr std::uint64_t kFree = ~std::uint64_t{0};
constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
}  // namespace

ConfigCache::ConfigCache(const CacheParams& params, std::uint64_t seed, std::string_view name)
    : enabled_(params.enabled), ways_(params, Rng(seed, name)) {
    tags_.assign(ways_.entries(), kFree);
    entries_.resize(ways_.entries());
}

const StreamConfig* ConfigCache::lookup(std::uint64_t stream) {
    ++counters_.lookups;
    const std::uint32_t first = ways_.first(key(stream));
    for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
        if (tags_[i] == stream) {
            ++counters_.hits;
            ways_.used(i);
            return &entries_[i];
        }
    }
    return nullptr;
}

void ConfigCache::fill(const StreamConfig& config) {
    if (!enabled_) return;
    const std::uint32_t first = ways_.first(key(config.stream));
    std::uint32_t place = kNowhere;
    for (std::uint32_t i = first; i < first + ways_.ways() && place == kNowhere; ++i) {
        if (tags_[i] == config.stream) place = i;
    }
    for (std::uint32_t i = first; i < first + ways_.ways() && place == kNowhere; ++i) {
        if (tags_[i] == kFree) place = i;
    }
    if (place == kNowhere) place = ways_.victim(first);
    ++counters_.fills;
    ways_.used(place);
    tags_[place] = config.stream;
    entries_[place] = config;
}

unsigned ConfigCache::invalidate(const Invalidation& invalidation) {
    unsigned dropped = 0;
    for (std::uint32_t i = 0; i < tags_.size(); ++i) {
        if (tags_[i] != kFree && invalidation.covers_stream(config_tag(stream_of(tags_[i]), entries_[i].cd_index))) {
            tags_[i] = kFree;
            ++dropped;
        }
    }
    counters_.invalidated += dropped;
    return dropped;
}

void ConfigCache::clear() { tags_.assign(tags_.size(), kFree); }

}  // namespace xlate::iommu::smmuv3
