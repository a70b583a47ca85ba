#include "kernel-model/dma/iova.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::kernel {
namespace {

/// The node above everything: searches start here on a fresh domain.
constexpr std::uint64_t kAnchor = std::numeric_limits<std::uint64_t>::max();
/// Linux CONFIG_ARM_DMA_IOMMU_ALIGNMENT: no range is aligned to more granules than this many, as a power of two.
constexpr unsigned kFirstFitAlignment = 8;

IovaHooks& no_hooks() {
    static IovaHooks hooks;
    return hooks;
}

}  // namespace

IovaDomain::IovaDomain(const IovaParams& params, IovaHooks* hooks)
    : params_(params), hooks_(hooks != nullptr ? hooks : &no_hooks()) {
    XLATE_CHECK(is_power_of_two(params.granule) && params.granule <= (std::uint64_t{1} << 32),
                fmt::format("granule {}", params.granule));
    XLATE_CHECK(params.cpus > 0, "0 CPUs");
    if (!params.first_fit) params_.start_pfn = std::max<std::uint64_t>(params.start_pfn, 1);  // never address zero
    pfn_32bit_ = (std::uint64_t{1} << 32) / params.granule;
    failed_32bit_size_ = pfn_32bit_;
    tree_.emplace(kAnchor, kAnchor);
    remembered_32bit_ = kAnchor;
    remembered_ = kAnchor;
    caches_.resize(params.cpus);
}

std::optional<std::uint64_t> IovaDomain::alloc_iova_fast(std::uint64_t size, std::uint64_t limit, bool flush_caches,
                                                         unsigned cpu) {
    XLATE_CHECK(size > 0 && cpu < caches_.size(), fmt::format("size {} cpu {}", size, cpu));
    if (params_.first_fit) return alloc_first_fit(size, limit);
    if (size < (std::uint64_t{1} << (kClasses - 1))) size = std::uint64_t{1} << log2_ceil(size);
    const std::uint64_t end = limit == kAnchor ? limit : limit + 1;  // exclusive
    const unsigned size_class = log2_ceil(size);
    if (size_class < kClasses && end >= size) {
        if (const auto cached = take_cached(size_class, end - size, cpu)) {
            ++stats_.allocations;
            ++stats_.cache_hits;
            return cached;
        }
    }
    auto pfn = alloc_from_tree(size, end);
    if (!pfn && flush_caches) {
        flush_all_caches();
        pfn = alloc_from_tree(size, end);
    }
    ++(pfn ? stats_.allocations : stats_.failures);
    return pfn;
}

void IovaDomain::free_iova_fast(std::uint64_t pfn, std::uint64_t size, unsigned cpu) {
    XLATE_CHECK(size > 0 && cpu < caches_.size(), fmt::format("size {} cpu {}", size, cpu));
    ++stats_.frees;
    const unsigned size_class = log2_ceil(size);
    if (!params_.first_fit && size_class < kClasses && put_cached(size_class, pfn, cpu)) return;
    free_to_tree(pfn);
}

// Linux __alloc_iova() of ARM32: the lowest aligned gap.
std::optional<std::uint64_t> IovaDomain::alloc_first_fit(std::uint64_t size, std::uint64_t limit) {
    const std::uint64_t alignment = std::uint64_t{1} << std::min(log2_ceil(size), kFirstFitAlignment);
    hooks_->tree_lock();
    std::uint64_t candidate = align_up(params_.start_pfn, alignment);
    std::uint64_t passed = 0;
    for (const auto& [first, last] : tree_) {
        ++passed;
        if (first >= candidate && first - candidate >= size) break;
        if (first != kAnchor) candidate = std::max(candidate, align_up(last + 1, alignment));
    }
    const bool fits = candidate <= limit && size - 1 <= limit - candidate;
    if (fits) tree_.emplace(candidate, candidate + size - 1);
    stats_.tree_nodes += passed;
    hooks_->tree_searched(passed);
    hooks_->tree_unlock();
    ++(fits ? stats_.allocations : stats_.failures);
    if (!fits) return std::nullopt;
    return candidate;
}

// Linux __alloc_and_insert_iova_range(): walks from the remembered node towards lower addresses, for the first gap that
// fits; if the lower part is full, once more from the limit down to the remembered node.
std::optional<std::uint64_t> IovaDomain::alloc_from_tree(std::uint64_t size, std::uint64_t end) {
    const std::uint64_t alignment_mask = ~low_mask(log2_ceil(size));
    hooks_->tree_lock();
    const bool below_4g = end <= pfn_32bit_;
    std::optional<std::uint64_t> found;
    std::uint64_t passed = 0;
    if (!(below_4g && size >= failed_32bit_size_)) {
        auto node = tree_.find(below_4g ? remembered_32bit_ : remembered_);
        XLATE_CHECK(node != tree_.end(), "the remembered node is not in the tree");
        const std::uint64_t retry_pfn = node->second;
        std::uint64_t high = end;
        std::uint64_t low = params_.start_pfn;
        for (;;) {
            std::uint64_t candidate = 0;
            bool have_node = true;
            do {
                ++passed;
                high = std::min(high, node->first);
                candidate = (high - size) & alignment_mask;
                have_node = node != tree_.begin();
                if (have_node) --node;
            } while (have_node && candidate <= node->second && candidate >= low);
            if (high >= size && candidate >= low) {
                found = candidate;
                break;
            }
            if (low != params_.start_pfn || retry_pfn >= end) break;
            high = end;
            low = retry_pfn + 1;
            node = tree_.lower_bound(end);
        }
        if (found) {
            const std::uint64_t last = *found + size - 1;
            const bool inserted = tree_.emplace(*found, last).second;
            XLATE_CHECK(inserted, fmt::format("pfn {:#x} is taken", *found));
            (last < pfn_32bit_ ? remembered_32bit_ : remembered_) = *found;
        } else {
            failed_32bit_size_ = size;
        }
    }
    stats_.tree_nodes += passed;
    hooks_->tree_searched(passed);
    hooks_->tree_unlock();
    return found;
}

void IovaDomain::free_to_tree(std::uint64_t pfn) {
    hooks_->tree_lock();
    free_to_tree_locked(pfn);
    hooks_->tree_unlock();
}

void IovaDomain::free_to_tree_locked(std::uint64_t pfn) {
    auto node = tree_.upper_bound(pfn);
    XLATE_CHECK(node != tree_.begin(), fmt::format("pfn {:#x} is not taken", pfn));
    --node;
    XLATE_CHECK(node->first <= pfn && pfn <= node->second && node->first != kAnchor,
                fmt::format("pfn {:#x} is not taken", pfn));
    const auto [first, last] = *node;
    const std::uint64_t above = std::next(node)->first;  // the anchor is above all
    if (first == remembered_32bit_ || (last < pfn_32bit_ && first >= remembered_32bit_)) remembered_32bit_ = above;
    if (first < pfn_32bit_) failed_32bit_size_ = pfn_32bit_;
    if (first >= remembered_) remembered_ = above;
    tree_.erase(node);
}

void IovaDomain::free_magazine(Magazine& magazine) {
    if (magazine.empty()) return;
    hooks_->tree_lock();
    for (const std::uint64_t pfn : magazine) free_to_tree_locked(pfn);
    hooks_->tree_unlock();
    magazine.clear();
}

void IovaDomain::reserve_iova(std::uint64_t first_pfn, std::uint64_t last_pfn) {
    XLATE_CHECK(first_pfn <= last_pfn && last_pfn < kAnchor, fmt::format("{:#x}..{:#x}", first_pfn, last_pfn));
    hooks_->tree_lock();
    std::uint64_t at = first_pfn;
    auto node = tree_.upper_bound(first_pfn);
    if (node != tree_.begin() && std::prev(node)->second >= first_pfn) --node;
    // Only the gaps are new: what is taken already stays as it is.
    while (at <= last_pfn) {
        if (node->first > at) {
            const std::uint64_t gap_end = std::min(last_pfn, node->first - 1);
            tree_.emplace(at, gap_end);
            if (gap_end == last_pfn) break;
        }
        at = node->second + 1;
        ++node;
    }
    hooks_->tree_unlock();
}

// An allocation takes the newest entry that fits under the limit; the last one moves into its hole.
std::optional<std::uint64_t> IovaDomain::take_cached(unsigned size_class, std::uint64_t highest, unsigned cpu) {
    CpuCache& cache = caches_[cpu][size_class];
    if (cache.loaded.empty()) {
        if (!cache.previous.empty()) {
            std::swap(cache.loaded, cache.previous);
        } else if (!depots_[size_class].empty()) {
            cache.loaded = std::move(depots_[size_class].back());
            depots_[size_class].pop_back();
        } else {
            return std::nullopt;
        }
    }
    for (std::size_t i = cache.loaded.size(); i-- > 0;) {
        if (cache.loaded[i] > highest) continue;
        const std::uint64_t pfn = cache.loaded[i];
        cache.loaded[i] = cache.loaded.back();
        cache.loaded.pop_back();
        return pfn;
    }
    return std::nullopt;
}

bool IovaDomain::put_cached(unsigned size_class, std::uint64_t pfn, unsigned cpu) {
    CpuCache& cache = caches_[cpu][size_class];
    Magazine overflow;
    if (cache.loaded.size() == kMagazineEntries) {
        if (cache.previous.size() < kMagazineEntries) {
            std::swap(cache.loaded, cache.previous);
        } else {
            std::vector<Magazine>& depot = depots_[size_class];
            if (params_.bounded_depot && depot.size() >= kBoundedDepot) {
                overflow = std::move(cache.loaded);
            } else {
                depot.push_back(std::move(cache.loaded));
                if (!params_.bounded_depot) hooks_->depot_grew(size_class);
            }
            cache.loaded = {};
        }
    }
    cache.loaded.push_back(pfn);
    free_magazine(overflow);
    return true;
}

bool IovaDomain::trim_depot(unsigned size_class) {
    std::vector<Magazine>& depot = depots_.at(size_class);
    if (depot.size() <= params_.cpus) return false;
    Magazine magazine = std::move(depot.back());
    depot.pop_back();
    free_magazine(magazine);
    return true;
}

void IovaDomain::flush_all_caches() {
    ++stats_.cache_flushes;
    for (auto& classes : caches_) {
        for (CpuCache& cache : classes) {
            free_magazine(cache.loaded);
            free_magazine(cache.previous);
        }
    }
    for (auto& depot : depots_) {
        for (Magazine& magazine : depot) free_magazine(magazine);
        depot.clear();
    }
}

std::vector<IovaRange> IovaDomain::ranges() const {
    std::vector<IovaRange> all;
    for (const auto& [first, last] : tree_) {
        if (first != kAnchor) all.push_back({first, last});
    }
    return all;
}

}  // namespace xlate::kernel
