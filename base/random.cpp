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

}  // namespace

Rng::Rng(std::uint64_t seed, std::string_view name) {
    std::uint64_t mix = seed ^ Digest {}.add(name).value();
    for (std::uint64_t& word : state_) word = split_mix(mix);
}

std::uint64_t Rng::below_any(std::uint64_t bound) {
    const std::uint64_t times = ~std::uint64_t{0} / bound;
    std::uint64_t draw = next();
    while (draw >= bound * times) draw = next();
    return draw % bound;
}

}  // namespace xlate
