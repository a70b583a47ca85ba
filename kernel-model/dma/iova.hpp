// Linux's allocator of I/O virtual addresses: a tree of taken ranges, searched from the top down, with magazines of
// recently freed ranges for each CPU in front of it.
// Pure bookkeeping: no time, no memory of the simulated machine. Locks and costs are the caller's, by IovaHooks.
// Source: docs/spec/kernel-probe.md section 11.4 (Linux drivers/iommu/iova.c).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.hpp"

namespace xlate::kernel {

/// Called around the parts that Linux does under a lock, so that contention and cost can be modelled. All optional to
/// override.
class IovaHooks {
public:
    virtual ~IovaHooks() = default;
    virtual void tree_lock() {}
    virtual void tree_unlock() {}
    /// `nodes`: how many tree nodes a search passed.
    virtual void tree_searched(std::uint64_t nodes) { (void)nodes; }
    /// A full magazine went to an unbounded depot: call trim_depot() 100 ms later, and again as long as it answers
    /// true.
    virtual void depot_grew(unsigned size_class) { (void)size_class; }
};

struct IovaParams {
    std::uint64_t granule = 4096;  ///< bytes, power of two: the smallest page of the domain
    std::uint64_t start_pfn = 1;   ///< lowest granule that may be given out, >= 1 but for first_fit
    unsigned cpus = 1;
    bool bounded_depot = false;  ///< 6.1: 32 magazines a class, more go back to the tree; later: unbounded, trimmed
    /// ARM32's own bitmap (kernel-model/arch) instead of Linux's tree: first fit from the bottom, no magazines.
    bool first_fit = false;
};

/// One range, in granules, both ends included.
struct IovaRange {
    std::uint64_t first_pfn = 0;
    std::uint64_t last_pfn = 0;
};

/// Statistics. Law: allocations - frees = ranges given out and not returned.
struct IovaStats {
    std::uint64_t allocations = 0;
    std::uint64_t failures = 0;
    std::uint64_t frees = 0;
    std::uint64_t cache_hits = 0;     ///< allocations served by a magazine
    std::uint64_t tree_nodes = 0;     ///< nodes passed in all searches
    std::uint64_t cache_flushes = 0;  ///< times that all magazines were emptied to make room
};

/// The addresses of one DMA domain.
class IovaDomain {
public:
    static constexpr unsigned kClasses = 6;  ///< ranges of 1, 2, 4 ... 32 granules are cached
    static constexpr std::size_t kMagazineEntries = 127;
    static constexpr std::size_t kBoundedDepot = 32;

    explicit IovaDomain(const IovaParams& params, IovaHooks* hooks = nullptr);

    const IovaParams& params() const { return params_; }
    std::uint64_t granule() const { return params_.granule; }

    /// Linux alloc_iova_fast(). `size` and `limit` in granules; `limit` is the last granule that may be used.
    /// Returns the first granule, or nothing if there is no room. `flush_caches`: on failure empty every magazine into
    /// the tree and search once more.
    std::optional<std::uint64_t> alloc_iova_fast(std::uint64_t size, std::uint64_t limit, bool flush_caches,
                                                 unsigned cpu);
    /// Linux free_iova_fast(). `size` in granules as it was asked for.
    void free_iova_fast(std::uint64_t pfn, std::uint64_t size, unsigned cpu);

    /// Takes [first, last] out for good. Overlaps are fine.
    void reserve_iova(std::uint64_t first_pfn, std::uint64_t last_pfn);

    /// The delayed work of an unbounded depot: gives one magazine back to the tree if there are more than CPUs.
    /// Returns true if it is to be called again in 100 ms.
    bool trim_depot(unsigned size_class);

    /// Everything that the tree holds, lowest first: given out, cached and reserved ranges alike.
    std::vector<IovaRange> ranges() const;
    const IovaStats& stats() const { return stats_; }
    std::size_t depot_magazines(unsigned size_class) const { return depots_.at(size_class).size(); }

private:
    using Magazine = std::vector<std::uint64_t>;
    struct CpuCache {
        Magazine loaded;
        Magazine previous;
    };
    using Tree = std::map<std::uint64_t, std::uint64_t>;  // first granule -> last granule

    std::optional<std::uint64_t> alloc_from_tree(std::uint64_t size, std::uint64_t limit);
    std::optional<std::uint64_t> alloc_first_fit(std::uint64_t size, std::uint64_t limit);
    void free_to_tree(std::uint64_t pfn);
    void free_to_tree_locked(std::uint64_t pfn);
    void free_magazine(Magazine& magazine);
    std::optional<std::uint64_t> take_cached(unsigned size_class, std::uint64_t highest, unsigned cpu);
    bool put_cached(unsigned size_class, std::uint64_t pfn, unsigned cpu);
    void flush_all_caches();

    IovaParams params_;
    IovaHooks* hooks_;
    Tree tree_;
    std::uint64_t pfn_32bit_;         // first granule at or above 4 GiB
    std::uint64_t remembered_32bit_;  // keys of tree_
    std::uint64_t remembered_;
    std::uint64_t failed_32bit_size_;                     // requests below 4 GiB of this size or more fail at once
    std::vector<std::array<CpuCache, kClasses>> caches_;  // by CPU
    std::array<std::vector<Magazine>, kClasses> depots_;
    IovaStats stats_;
};

}  // namespace xlate::kernel
