#include "base/random.hpp"

#include "base/digest.hpp"

namespace xlate {
namespace {

std::uint64_t split_mix(std::uint64_t& state) {
    state += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

std::uint64_t rotate_left(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

Rng::Rng(std::uint64_t seed, std::string_view name) {
    std::uint64_t mix = seed ^ Digest {}.add(name).value();
    for (std::uint64_t& word : state_) word = split_mix(mix);
}

std::uint64_t Rng::next() {
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

std::uint64_t Rng::below(std::uint64_t bound) {
    if (bound == 3) {  // often asked for; a division by a constant is none
        constexpr std::uint64_t kLimit = 3 * (~std::uint64_t{0} / 3);
        std::uint64_t draw = next();
        while (draw >= kLimit) draw = next();
        return draw % 3;
    }
    if ((bound & (bound - 1)) == 0) {  // the same numbers as below, without a division
        std::uint64_t draw = next();
        while (draw >= std::uint64_t{0} - bound) draw = next();
        return draw & (bound - 1);
    }
    const std::uint64_t limit = bound * ((~std::uint64_t{0}) / bound);
    std::uint64_t draw = next();
    while (draw >= limit) draw = next();
    return draw % bound;
}

}  // namespace xlate
