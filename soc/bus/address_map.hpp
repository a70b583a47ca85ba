// Which addresses of an interconnect lead to which of its targets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bits.hpp"

namespace xlate::soc {

class AddressMap {
public:
    struct Range {
        std::uint64_t base;
        std::uint64_t last;
        unsigned target;
        unsigned channel_shift = 0;
        unsigned channel_mask = 0;

        /// Of an address in it: channels take turns.
        unsigned target_of(std::uint64_t address) const {
            return target + (static_cast<unsigned>(address >> channel_shift) & channel_mask);
        }
    };

    /// [base, base + size) leads to target number `target`; size > 0. Ranges must not overlap.
    void map(std::uint64_t base, std::uint64_t size, unsigned target) { insert({base, base + (size - 1), target}); }
    /// The same, to `channels` targets from `target` on in turn, `channel_bytes` to each; both are powers of two. An
    /// access goes where its first byte goes.
    void map_channels(std::uint64_t base, std::uint64_t size, unsigned target, unsigned channels,
                      std::uint32_t channel_bytes) {
        insert({base, base + (size - 1), target, log2_ceil(channel_bytes), channels - 1});
    }
    /// What no range covers leads to `target`, instead of being refused.
    void map_rest(unsigned target) { rest_ = {0, low_mask(52), target}; }

    /// Where an access goes; nullptr: nowhere.
    const Range* find(std::uint64_t address, std::uint64_t size) const {
        const auto above = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                            [](std::uint64_t a, const Range& range) { return a < range.base; });
        if (above != ranges_.begin()) {
            const Range& range = *(above - 1);
            if (address <= range.last && size - 1 <= range.last - address) return &range;
        }
        return address <= rest_.last && address >= rest_.base ? &rest_ : nullptr;
    }
    /// By base, without the rest.
    const std::vector<Range>& ranges() const { return ranges_; }

private:
    void insert(const Range& range) {
        const auto at = std::lower_bound(ranges_.begin(), ranges_.end(), range.base,
                                         [](const Range& other, std::uint64_t base) { return other.base < base; });
        ranges_.insert(at, range);
    }

    std::vector<Range> ranges_;
    Range rest_{1, 0, 0};  ///< of map_rest, none at first
};

}  // namespace xlate::soc
