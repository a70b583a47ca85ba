// Named random streams: our own integer engine, the same numbers on every machine and library.
#pragma once

#include <cstdint>
#include <string_view>

namespace xlate {

/// A stream of random numbers, named by the component that draws from it, so that a new component
/// leaves the others' numbers alone. Engine: xoshiro256** seeded by splitmix64 over seed and name.
class Rng {
public:
    Rng(std::uint64_t seed, std::string_view name);

    std::uint64_t next() {
        const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotate_left(state_[3], 45);
        return result;
    }
    /// Uniform in [0, bound); bound > 0. Unbiased (rejection).
    std::uint64_t below(std::uint64_t bound) {
        if (bound == 3) {  // often asked for; a division by a constant is none
            constexpr std::uint64_t kLimit = 3 * (~std::uint64_t{0} / 3);
            std::uint64_t draw = next();
            while (draw >= kLimit) draw = next();
            return draw % 3;
        }
        if ((bound & (bound - 1)) == 0) {  // the same numbers as below_any, without a division
            std::uint64_t draw = next();
            while (draw >= std::uint64_t{0} - bound) draw = next();
            return draw & (bound - 1);
        }
        return below_any(bound);
    }
    /// True with probability numerator / denominator.
    bool chance(std::uint64_t numerator, std::uint64_t denominator) { return below(denominator) < numerator; }

private:
    static std::uint64_t rotate_left(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
    std::uint64_t below_any(std::uint64_t bound);
    std::uint64_t state_[4];
};

}  // namespace xlate
