#include "soc/measure/histogram.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "base/error.hpp"

namespace xlate::soc {

namespace {

constexpr unsigned kStepBits = 6;  // 64 steps an octave
constexpr std::uint64_t kSteps = std::uint64_t{1} << kStepBits;

std::size_t bucket_of(std::uint64_t value) {
    if (value < 2 * kSteps) return static_cast<std::size_t>(value);
    const unsigned octave = log2_floor(value) - kStepBits;  // value >> octave is in [64, 128)
    return static_cast<std::size_t>(octave * kSteps + (value >> octave));
}

std::uint64_t low_of(std::size_t bucket) {
    if (bucket < 2 * kSteps) return bucket;
    const unsigned octave = static_cast<unsigned>(bucket / kSteps - 1);
    return (bucket - octave * kSteps) << octave;
}

}  // namespace

[[gnu::noinline]] void Histogram::make_room(std::size_t bucket) {
    const std::size_t octave = bucket / kSteps * kSteps;
    if (counts_.empty()) first_ = static_cast<std::uint32_t>(octave);
    if (bucket < first_) {
        counts_.insert(counts_.begin(), first_ - octave, 0);
        first_ = static_cast<std::uint32_t>(octave);
    } else {
        counts_.resize(octave + kSteps - first_);
    }
}

/// Makes room up to it, if there is none.
[[gnu::always_inline]] inline std::uint32_t& Histogram::place_of(std::size_t bucket) {
    if (bucket - first_ >= counts_.size()) make_room(bucket);  // below first_: a large number
    return counts_[bucket - first_];
}

[[gnu::cold, gnu::noinline]] void Histogram::count_overflow(std::size_t bucket) { ++overflows_[bucket]; }

[[gnu::cold, gnu::noinline]] void Histogram::refuse(SimTime value) const {
    XLATE_CHECK(sum_fs_ + value.fs >= sum_fs_, "the sum of a histogram overflows");
}

void Histogram::add(SimTime value) {
    const std::size_t bucket = bucket_of(value.fs / kFsPerPs);
    if (++place_of(bucket) == 0) count_overflow(bucket);
    last_ = static_cast<std::uint32_t>(bucket);
    ++count_;
    if (sum_fs_ + value.fs < sum_fs_) refuse(value);
    sum_fs_ += value.fs;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < other.counts_.size(); ++i) {
        if (other.counts_[i] == 0) continue;
        std::uint32_t& place = place_of(other.first_ + i);
        const std::uint32_t before = place;
        place += other.counts_[i];
        if (place < before) ++overflows_[other.first_ + i];
    }
    for (const auto& [bucket, times] : other.overflows_) overflows_[bucket] += times;
    count_ += other.count_;
    sum_fs_ += other.sum_fs_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::count_of(std::size_t bucket) const {
    const std::uint64_t count = counts_[bucket - first_];
    if (overflows_.empty()) return count;
    const auto more = overflows_.find(bucket);
    return count + (more == overflows_.end() ? 0 : more->second << 32);
}

SimTime Histogram::quantile(std::uint64_t numerator, std::uint64_t denominator) const {
    if (count_ == 0) return {};
    // Nearest rank: the ceil(q * n)-th of the sorted values. In quotient and rest, so that it does not overflow.
    const std::uint64_t whole = count_ / denominator * numerator;
    const std::uint64_t rest = (count_ % denominator * numerator + denominator - 1) / denominator;
    const std::uint64_t rank = std::max<std::uint64_t>(1, whole + rest);
    std::uint64_t seen = 0;
    for (std::size_t i = first_; i < first_ + counts_.size(); ++i) {
        seen += count_of(i);
        if (seen < rank) continue;
        // Buckets of one picosecond are exact; what rounds up to the next one would show as 0.001 ns where all was 0.
        const SimTime edge{i < 2 * kSteps ? low_of(i) * kFsPerPs : low_of(i + 1) * kFsPerPs - 1};
        return std::max(min_, std::min(max_, edge));
    }
    return max_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
    std::vector<Bucket> result;
    for (std::size_t i = first_; i < first_ + counts_.size(); ++i) {
        const std::uint64_t count = count_of(i);
        if (count == 0) continue;
        result.push_back({SimTime{low_of(i) * kFsPerPs}, SimTime{low_of(i + 1) * kFsPerPs - 1}, count});
    }
    return result;
}

}  // namespace xlate::soc
