#include "iommu/smmuv3/tlb.hpp"

namespace xlate::iommu::smmuv3 {

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
    : enabled_(params.cache.enabled), tagging_(params.tagging), ways_(params.cache, Rng(seed, name)) {
    const std::uint32_t n = ways_.entries();
    matches_.resize(n);
    entries_.resize(n);
}

std::uint32_t Tlb::search(std::uint64_t tag, std::uint64_t va) const {
    // Fully associative: one pass whatever the sizes are.
    if (ways_.ways() == ways_.entries()) {
        for (std::uint32_t i = 0; i < ways_.ways(); ++i) {
            if (!matches_[i].matches(tag, va)) continue;
            memo_ = {tag, va >> kMemoBits, i};
            return i;
        }
        return kNone;
    }
    for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
        const unsigned log2_bytes = lowest_bit(left);
        const std::uint32_t first = set_of(va, log2_bytes);
        for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
            if (!matches_[i].matches(tag, va) || entries_[i].log2_bytes != log2_bytes) continue;
            memo_ = {tag, va >> kMemoBits, i};
            return i;
        }
    }
    return kNone;
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
    matches_[index] = {};
    memo_ = {};
    if (entries_[index].leaf_log2_bytes > entries_[index].log2_bytes) --fragments_;
    const unsigned size = entries_[index].log2_bytes;
    if (--sizes_[size] == 0) sizes_present_ &= ~(std::uint64_t{1} << size);
}

void Tlb::fill(const CachedTranslation& translation) {
    if (!enabled_) return;
    const std::uint64_t tag = tagging_ != TlbTagging::address_space ? translation.stream : translation.space;
    // A global entry matches whatever the ASID, within the same ASET.
    const std::uint64_t tag_mask =
        tagging_ == TlbTagging::address_space && translation.global ? ~space_tag::ASID.mask() : ~std::uint64_t{0};
    const std::uint32_t first = set_of(translation.va, translation.log2_bytes);
    // Tag and base first: they lie together, and hardly another entry has both.
    std::uint32_t place = kNone;
    for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
        const Match& match = matches_[i];
        if (match.base == translation.va && match.tag == tag && match.used() &&
            entries_[i].log2_bytes == translation.log2_bytes) {
            place = i;
            break;
        }
        if (place == kNone && !match.used()) place = i;
    }
    if (place == kNone) place = ways_.victim(first);
    if (matches_[place].used()) drop(place);
    ++counters_.fills;
    memo_ = {};
    use(place);
    matches_[place] = {translation.va, translation.address_mask(), tag, tag_mask};
    entries_[place] = translation;
    if (translation.leaf_log2_bytes > translation.log2_bytes) ++fragments_;
    if (sizes_[translation.log2_bytes]++ == 0) sizes_present_ |= std::uint64_t{1} << translation.log2_bytes;
}

/// True if looking for the entries of an invalidation by address is less work than visiting all of them.
bool Tlb::few_probes(const Invalidation& invalidation) const {
    if (!invalidation.by_address() || fragments_ != 0 || ways_.ways() == ways_.entries()) return false;
    std::uint64_t probes = 0;
    for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
        const unsigned log2_bytes = lowest_bit(left);
        probes += (invalidation.last >> log2_bytes) - (invalidation.first >> log2_bytes) + 1;
        if (probes * ways_.ways() >= ways_.entries() / 2) return false;
    }
    return true;
}

unsigned Tlb::invalidate(const Invalidation& invalidation) {
    unsigned dropped = 0;
    const bool to_endpoints = invalidation.kind == Invalidation::Kind::atc;
    if (to_endpoints != (tagging_ == TlbTagging::endpoint)) return 0;
    if (to_endpoints) {
        for (std::uint32_t i = 0; i < matches_.size(); ++i) {
            if (matches_[i].used() && invalidation.covers_endpoint(entries_[i])) {
                drop(i);
                ++dropped;
            }
        }
    } else if (invalidation.is_config()) {
        if (tagging_ != TlbTagging::stream) return 0;
        for (std::uint32_t i = 0; i < matches_.size(); ++i) {
            const std::uint64_t stream = entries_[i].stream;
            if (matches_[i].used() &&
                invalidation.covers_stream(stream_of(stream),
                                           static_cast<std::uint32_t>((stream >> 32) & low_mask(20)))) {
                drop(i);
                ++dropped;
            }
        }
    } else if (few_probes(invalidation)) {
        for (std::uint64_t left = sizes_present_; left != 0; left &= left - 1) {
            const unsigned log2_bytes = lowest_bit(left);
            const std::uint64_t last = invalidation.last >> log2_bytes;
            for (std::uint64_t page = invalidation.first >> log2_bytes; page <= last; ++page) {
                const std::uint32_t first = set_of(page << log2_bytes, log2_bytes);
                for (std::uint32_t i = first; i < first + ways_.ways(); ++i) {
                    if (matches_[i].used() && entries_[i].log2_bytes == log2_bytes &&
                        invalidation.covers(entries_[i])) {
                        drop(i);
                        ++dropped;
                    }
                }
            }
        }
    } else {
        for (std::uint32_t i = 0; i < matches_.size(); ++i) {
            if (matches_[i].used() && invalidation.covers(entries_[i])) {
                drop(i);
                ++dropped;
            }
        }
    }
    counters_.invalidated += dropped;
    return dropped;
}

void Tlb::clear() {
    matches_.assign(matches_.size(), Match{});
    memo_ = {};
    sizes_.fill(0);
    sizes_present_ = 0;
    fragments_ = 0;
}

}  // namespace xlate::iommu::smmuv3
