// Log-linear histogram of times: 64 steps an octave, so that a quantile is off by less than 1/64 of itself.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/time.hpp"
#include "soc/time/host_cache.hpp"

namespace xlate::soc {

/// Counts values in buckets: exact below 128 units, then 64 buckets per doubling. Unit: 1 ps, rounded down, so
/// that a histogram of nanoseconds stays small. Mean, min and max are exact in femtoseconds.
/// Conservation: the buckets add up to count(). Copyable; merging is adding.
class Histogram {
public:
    void add(SimTime value);
    void merge(const Histogram& other);

    std::uint64_t count() const { return count_; }
    /// Sum in fs; exact below 2^64 fs (5 hours in all), which add() checks.
    std::uint64_t sum_fs() const { return sum_fs_; }
    SimTime min() const { return count_ == 0 ? SimTime{} : min_; }
    SimTime max() const { return count_ == 0 ? SimTime{} : max_; }
    /// Rounded down to fs; 0 if empty.
    SimTime mean() const { return {count_ == 0 ? 0 : sum_fs_ / count_}; }
    /// The smallest value v such that at least numerator/denominator of all values are <= v (nearest rank), known to
    /// 1/64: the upper edge of its bucket, never above max(). 0 if empty. 99.9 %: quantile(999, 1000).
    SimTime quantile(std::uint64_t numerator, std::uint64_t denominator) const;

    /// Tells the host that an add() comes soon, probably of a value like the last. Changes nothing.
    void fetch() const {
        if (last_ - first_ < counts_.size()) fetch_line(&counts_[last_ - first_]);
    }

    /// Buckets that are not empty, rising. For reports.
    struct Bucket {
        SimTime low;   ///< first value
        SimTime high;  ///< last value
        std::uint64_t count;
    };
    std::vector<Bucket> buckets() const;

private:
    std::uint64_t count_of(std::size_t bucket) const;
    std::uint32_t& place_of(std::size_t bucket);
    void make_room(std::size_t bucket);
    void count_overflow(std::size_t bucket);
    void refuse(SimTime value) const;

    // In the order in which add() uses them: of a thousand histograms, no host cache holds more than that.
    std::uint32_t first_ = 0;            ///< bucket of counts_[0]: whole octaves, from the first one in use
    std::uint32_t last_ = 0;             ///< bucket of the last add()
    std::vector<std::uint32_t> counts_;  ///< modulo 2^32: half the memory that a busy run touches
    std::uint64_t count_ = 0;
    std::uint64_t sum_fs_ = 0;
    SimTime min_ = kTimeNever;
    SimTime max_;
    std::map<std::size_t, std::uint64_t> overflows_;  ///< how often a bucket passed 2^32
};

}  // namespace xlate::soc
