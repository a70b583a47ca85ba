// A TLB of any family: any mixture of translation sizes, set-associative, flat arrays.
// Tagged by address space (the engine's own) or by stream (a port's, which sits before the configuration is known; such
// an entry also goes with its configuration). A look-up probes once for each size present.
// Not modelled: parity, pseudo-LRU. Source: docs/spec/iommu-hardware.md section 1.12.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "iommu/cache.hpp"
#include "iommu/engine.hpp"
#include "iommu/invalidation.hpp"

namespace xlate::iommu {

/// endpoint: by stream, in an endpoint's ATC: only Invalidation::Target::endpoint reaches it.
enum class TlbTagging : std::uint8_t { address_space, stream, endpoint };

struct TlbParams {
    CacheParams cache;
    TlbTagging tagging = TlbTagging::address_space;
    /// address_space: bits of the space tag that a look-up does not compare for global entries (an ASID).
    std::uint64_t global_ignores = 0;
};

/// What a look-up reads of it fits two lines of the host.
class alignas(64) Tlb {
public:
    /// `name` names the stream of random numbers.
    Tlb(const TlbParams& params, std::uint64_t seed, std::string_view name);

    bool enabled() const { return enabled_; }
    /// The entry that covers `va` under `tag` (a space tag or stream_tag(), by the tagging), or nullptr. Counts.
    /// Permissions are the caller's to check: CachedTranslation::permissions.
    const CachedTranslation* lookup(std::uint64_t tag, std::uint64_t va);
    /// As lookup, but counts nothing and ages nothing.
    const CachedTranslation* peek(std::uint64_t tag, std::uint64_t va) const;
    /// A look-up in two halves, for a caller that must know before it counts: peek(), then one of these, with nothing
    /// in between.
    void note_hit(const CachedTranslation& entry) {
        ++counters_.lookups;
        ++counters_.hits;
        use(static_cast<std::uint32_t>(&entry - entries_.data()));
    }
    void note_miss() { ++counters_.lookups; }
    /// So many of those that were counted were no look-ups.
    void take_back(std::uint64_t hits, std::uint64_t misses) {
        counters_.lookups -= hits + misses;
        counters_.hits -= hits;
    }
    /// Keeps `translation`; an entry for the same address, size and tag is overwritten.
    void fill(const CachedTranslation& translation);
    /// Drops what `invalidation` covers; returns how many entries.
    unsigned invalidate(const Invalidation& invalidation);
    void clear();
    /// Whose new entries take which ways.
    void partition(std::shared_ptr<const CachePartitions> partitions) { ways_.partition(std::move(partitions)); }

    /// Tells the host that what the last look-up found is wanted again soon. Changes nothing.
    void fetch() const {
#if defined(__GNUC__)
        if (!entries_.empty()) __builtin_prefetch(&entries_[memo_.index]);
#endif
    }

    const CacheCounters& counters() const { return counters_; }
    std::uint32_t entries() const { return ways_.entries(); }
    /// Calls `visit(const CachedTranslation&)` for each valid entry, in place order.
    template <typename Visitor>
    void for_each(Visitor&& visit) const {
        for (std::uint32_t i = 0; i < keys_.size(); ++i) {
            if (keys_[i] != kFree) visit(entries_[i]);
        }
    }

private:
    using Key = std::uint32_t;
    static constexpr Key kFree = 0;
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    static constexpr unsigned kMemoBits = 12;  ///< no entry is smaller
    /// Where the last look-up ended, for as long as no entry comes or goes: a master that streams through a page
    /// asks for it again and again, and finds it without touching the arrays.
    struct Memo {
        std::uint64_t tag = 0;
        std::uint64_t page = ~std::uint64_t{0};  ///< no page: nothing is known
        std::uint32_t index = 0;
    };

    std::uint32_t find(std::uint64_t tag, std::uint64_t va) const {
        if (memo_.page == va >> kMemoBits && memo_.tag == tag) return memo_.index;
        return search(tag, va);
    }
    std::uint32_t search(std::uint64_t tag, std::uint64_t va) const;
    /// What a look-up compares first, many places at once; never kFree. Those that could match have the same.
    static Key key_of(std::uint64_t va, unsigned log2_bytes) {
        const std::uint64_t page = ((va & low_mask(56)) >> log2_bytes) ^ (std::uint64_t{log2_bytes} << 50);
        return static_cast<Key>((page * 0x9E3779B97F4A7C15ULL) >> 32) | 1U;
    }
    std::uint64_t tag_of(const CachedTranslation& entry) const {
        return tagging_ != TlbTagging::address_space ? entry.stream : entry.space;
    }
    bool matches(const CachedTranslation& entry, std::uint64_t tag, std::uint64_t va) const {
        const std::uint64_t tag_mask = entry.global ? global_mask_ : ~std::uint64_t{0};
        return (((va ^ entry.va) & entry.address_mask()) | ((tag ^ tag_of(entry)) & tag_mask)) == 0;
    }
    /// The first place in [from, end) whose key is `key`, or `end`.
    std::uint32_t next_with(Key key, std::uint32_t from, std::uint32_t end) const {
        const Key* keys = keys_.data();
        std::uint32_t i = from;
        for (; i + 4 <= end; i += 4) {
            const bool here =
                ((keys[i] == key) | (keys[i + 1] == key) | (keys[i + 2] == key) | (keys[i + 3] == key)) != 0;
            if (here) break;
        }
        while (i < end && keys[i] != key) ++i;
        return i;
    }
    /// The entry used last is already the youngest.
    void use(std::uint32_t index) {
        if (index == youngest_) return;
        youngest_ = index;
        ways_.used(index);
    }
    void drop(std::uint32_t index);
    std::uint32_t place_in_part(CachePartitions::Ways part);
    void note_owner(const CachedTranslation& translation);
    bool few_probes(const Invalidation& invalidation) const;
    /// The top byte has no part in the index: it may be ignored.
    std::uint32_t set_of(std::uint64_t va, unsigned log2_bytes) const {
        return ways_.first((va & low_mask(56)) >> log2_bytes);
    }

    // What each look-up reads stands first.
    bool enabled_;
    TlbTagging tagging_;
    std::uint32_t youngest_ = kNone;
    mutable Memo memo_;
    CacheCounters counters_;
    std::uint64_t sizes_present_ = 0;  ///< bit n: sizes_[n] > 0
    std::vector<Key> keys_;            ///< kFree: nothing is in this place
    std::vector<CachedTranslation> entries_;
    CacheWays ways_;
    std::uint64_t global_mask_;  ///< of the tag: what is compared for a global entry
    std::uint32_t in_use_ = 0;
    // Of all entries, if it is so: what is another's is known without a look at them. A TBU mostly serves one master.
    bool one_space_ = false;
    bool one_stream_ = false;
    std::uint64_t space_ = 0;
    std::uint64_t stream_ = 0;
    std::uint32_t fragments_ = 0;            ///< entries smaller than the leaf that they come from
    std::array<std::uint32_t, 65> sizes_{};  ///< valid entries of each log2 size
};

}  // namespace xlate::iommu
