#include "iommu/tlb.hpp"

namespace xlate::iommu {

namespace {

/// Index of the lowest bit that is set; `word` is not 0.
unsigned lowest_bit(std::uint64_t word) {
#if defined(__GNUC__)
    return static_cast<unsigned>(__builtin_ctzll(word));
#else
    return log2_floor(word & (~word + 1));
#endif
}

}  // namespace

Tlb::Tlb(const TlbParams& params, std::uint64_t seed, std::string_view name)
    : enabled_(params.cache.enabled),
      tagging_(params.tagging),
      ways_(params.cache, Rng(seed, name)),
      global_mask_(params.tagging == TlbTagging::address_space ? ~params.global_ignores : ~std::uint64_t{0}) {
    const std::uint32_t n = ways_.entries();
    keys_.assign(n, kFree);
    entries_.resize(n);
}

std::uint32_t Tlb::search(std::uint64_t tag, std::uint64_t va) const {
    const bool one_set = ways_.ways() == ways_.entries();
    std::uint32_t found = kNone;
    for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
        const unsigned log2_bytes = lowest_bit(left);
        const Key key = key_of(va, log2_bytes);
        const std::uint32_t first = one_set ? 0 : set_of(va, log2_bytes);
        const std::uint32_t end = first + ways_.ways();
        for (std::uint32_t i = next_with(key, first, end); i < end; i = next_with(key, i + 1, end)) {
            if (entries_[i].log2_bytes != log2_bytes || !matches(entries_[i], tag, va)) continue;
            // Of several in one set, the first place counts, whatever the sizes are.
            found = found < i ? found : i;
            break;
        }
        if (found != kNone && !one_set) break;
    }
    if (found != kNone) memo_ = {tag, va >> kMemoBits, found};
    return found;
}

const CachedTranslation* Tlb::lookup(std::uint64_t tag, std::uint64_t va) {
    ++counters_.lookups;
    const std::uint32_t index = find(tag, va);
    if (index == kNone) return nullptr;
    ++counters_.hits;
    use(index);
    return &entries_[index];
}

const CachedTranslation* Tlb::peek(std::uint64_t tag, std::uint64_t va) const {
    const std::uint32_t index = find(tag, va);
    return index == kNone ? nullptr : &entries_[index];
}

void Tlb::drop(std::uint32_t index) {
    keys_[index] = kFree;
    memo_ = {};
    --in_use_;
    if (entries_[index].leaf_log2_bytes > entries_[index].log2_bytes) --fragments_;
    const unsigned size = entries_[index].log2_bytes;
    if (--sizes_[size] == 0) sizes_present_ &= ~(std::uint64_t{1} << size);
}

void Tlb::fill(const CachedTranslation& translation) {
    if (!enabled_) return;
    const Key key = key_of(translation.va, translation.log2_bytes);
    const std::uint32_t first = set_of(translation.va, translation.log2_bytes);
    const std::uint32_t end = first + ways_.ways();
    const auto same = [&](const CachedTranslation& entry) {
        return entry.va == translation.va && entry.log2_bytes == translation.log2_bytes &&
               tag_of(entry) == tag_of(translation);
    };
    std::uint32_t place = next_with(key, first, end);
    while (place < end && !same(entries_[place])) place = next_with(key, place + 1, end);
    if (ways_.partitioned()) {
        if (place == end) place = place_in_part(ways_.part(first, translation.stream));
    } else {
        if (place == end && in_use_ < ways_.entries()) place = next_with(kFree, first, end);
        if (place == end) place = ways_.victim(first);
    }
    if (keys_[place] != kFree) drop(place);
    ++counters_.fills;
    note_owner(translation);
    ++in_use_;
    memo_ = {};
    use(place);
    keys_[place] = key;
    entries_[place] = translation;
    if (translation.leaf_log2_bytes > translation.log2_bytes) ++fragments_;
    if (sizes_[translation.log2_bytes]++ == 0) sizes_present_ |= std::uint64_t{1} << translation.log2_bytes;
}

std::uint32_t Tlb::place_in_part(CachePartitions::Ways part) {
    const std::uint32_t free = next_with(kFree, part.from, part.to);
    return free != part.to ? free : ways_.victim_in(part);
}

/// Before an entry comes.
void Tlb::note_owner(const CachedTranslation& translation) {
    if (in_use_ == 0) {
        space_ = translation.space;
        stream_ = translation.stream;
        one_space_ = one_stream_ = true;
    }
    one_space_ = one_space_ && !translation.global && space_ == translation.space;
    one_stream_ = one_stream_ && stream_ == translation.stream;
}

/// True if looking for the entries of an invalidation by address is less work than visiting all of them.
bool Tlb::few_probes(const Invalidation& invalidation) const {
    if (!invalidation.by_address || fragments_ != 0 || ways_.ways() == ways_.entries()) return false;
    std::uint64_t probes = 0;
    for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
        const unsigned log2_bytes = lowest_bit(left);
        probes += (invalidation.last >> log2_bytes) - (invalidation.first >> log2_bytes) + 1;
        if (probes * ways_.ways() >= ways_.entries() / 2) return false;
    }
    return true;
}

unsigned Tlb::invalidate(const Invalidation& invalidation) {
    if (in_use_ == 0) return 0;  // of a thousand ports, few have seen the address space
    unsigned dropped = 0;
    const bool to_endpoints = invalidation.is_endpoint();
    if (to_endpoints != (tagging_ == TlbTagging::endpoint)) return 0;
    if (to_endpoints) {
        for (std::uint32_t i = 0; i < keys_.size(); ++i) {
            if (keys_[i] != kFree && invalidation.covers_endpoint(entries_[i])) {
                drop(i);
                ++dropped;
            }
        }
    } else if (invalidation.is_config()) {
        if (tagging_ != TlbTagging::stream) return 0;
        if (one_stream_ && !invalidation.covers_stream(stream_)) return 0;
        for (std::uint32_t i = 0; i < keys_.size(); ++i) {
            if (keys_[i] != kFree && invalidation.covers_stream(entries_[i].stream)) {
                drop(i);
                ++dropped;
            }
        }
    } else if (one_space_ && !invalidation.covers_space(space_, false)) {
        return 0;
    } else if (few_probes(invalidation)) {
        for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
            const unsigned log2_bytes = lowest_bit(left);
            const std::uint64_t last = invalidation.last >> log2_bytes;
            for (std::uint64_t page = invalidation.first >> log2_bytes; page <= last; ++page) {
                const std::uint32_t first = set_of(page << log2_bytes, log2_bytes);
                for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
                    if (keys_[i] != kFree && entries_[i].log2_bytes == log2_bytes && invalidation.covers(entries_[i])) {
                        drop(i);
                        ++dropped;
                    }
                }
            }
        }
    } else {
        for (std::uint32_t i = 0; i < keys_.size(); ++i) {
            if (keys_[i] != kFree && invalidation.covers(entries_[i])) {
                drop(i);
                ++dropped;
            }
        }
    }
    counters_.invalidated += dropped;
    return dropped;
}

void Tlb::clear() {
    keys_.assign(keys_.size(), kFree);
    in_use_ = 0;
    memo_ = {};
    sizes_.fill(0);
    sizes_present_ = 0;
    fragments_ = 0;
}

}  // namespace xlate::iommu
