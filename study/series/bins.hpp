// Sums over equal stretches of time, few enough to look at whatever the length of a run: when it outgrows them, each
// two become one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace xlate::study {

/// How wide the stretches are: the same for all sums of a run.
class BinClock {
public:
    static constexpr std::size_t kMost = 128;
    /// Doubles the width until `at` lies in the first kMost. Returns how often.
    unsigned reach(SimTime at) {
        unsigned doubled = 0;
        for (; at.fs / width_fs_ >= kMost; ++doubled) width_fs_ *= 2;
        return doubled;
    }
    std::size_t bin(SimTime at) const { return static_cast<std::size_t>(at.fs / width_fs_); }
    std::uint64_t width_fs() const { return width_fs_; }

private:
    std::uint64_t width_fs_ = kFsPerUs / 4;
};

class Bins {
public:
    void add(const BinClock& clock, SimTime at, std::uint64_t amount) { at_bin(clock.bin(at)) += amount; }
    /// The time from `start` to `end`, in fs, each part to its stretch: over the width, a mean number at once.
    void spread(const BinClock& clock, SimTime start, SimTime end) {
        while (start < end) {
            const std::size_t bin = clock.bin(start);
            const SimTime edge{(bin + 1) * clock.width_fs()};
            const SimTime until = edge < end ? edge : end;
            at_bin(bin) += (until - start).fs;
            start = until;
        }
    }
    /// Each two become one.
    void fold() {
        for (std::size_t i = 0; i < sums_.size(); i += 2)
            sums_[i / 2] = sums_[i] + (i + 1 < sums_.size() ? sums_[i + 1] : 0);
        sums_.resize((sums_.size() + 1) / 2);
    }
    std::uint64_t operator[](std::size_t bin) const { return bin < sums_.size() ? sums_[bin] : 0; }

private:
    std::uint64_t& at_bin(std::size_t bin) {
        if (bin >= sums_.size()) sums_.resize(bin + 1, 0);
        return sums_[bin];
    }
    std::vector<std::uint64_t> sums_;
};

}  // namespace xlate::study
