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

    std::uint64_t next();
    /// Uniform in [0, bound); bound > 0. Unbiased (rejection).
    std::uint64_t below(std::uint64_t bound);
    /// True with probability numerator / denominator.
    bool chance(std::uint64_t numerator, std::uint64_t denominator) { return below(denominator) < numerator; }

private:
    std::uint64_t state_[4];
};

}  // namespace xlate
