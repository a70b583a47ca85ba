// A smoke of the fuzz targets: their seeds, and some hundred mutations of each, by a fixed stream of random numbers.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/fuzz/targets.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

/// Flips, cuts, repeats or overwrites a piece.
std::string mutated(std::string bytes, Rng& rng) {
    for (std::uint64_t round = 1 + rng.below(4); round > 0 && !bytes.empty(); --round) {
        const std::size_t at = rng.below(bytes.size());
        const std::size_t length = 1 + rng.below(std::min<std::size_t>(bytes.size() - at, 16));
        switch (rng.below(5)) {
            case 0:
                bytes[at] = static_cast<char>(rng.below(256));
                break;
            case 1:
                bytes.erase(at, length);
                break;
            case 2:
                bytes.insert(at, bytes.substr(at, length));
                break;
            case 3:
                bytes.replace(at, length, length, static_cast<char>(rng.below(2) == 0 ? 0xFF : 0));
                break;
            default:
                bytes.resize(at);
                break;
        }
    }
    return bytes;
}

}  // namespace

TEST_CASE("fuzz: seeds and mutations of every target end well", "[study][fuzz]") {
    for (const FuzzTarget& target : fuzz_targets()) {
        INFO(target.name);
        const std::vector<std::string> seeds = target.seeds();
        REQUIRE_FALSE(seeds.empty());
        Rng rng{1, std::string(target.name)};
        for (const std::string& seed : seeds) REQUIRE_NOTHROW(target.run(seed));
        for (int i = 0; i < 300; ++i) {
            const std::string bytes = mutated(seeds[rng.below(seeds.size())], rng);
            INFO("mutation " << i);
            REQUIRE_NOTHROW(target.run(bytes));
        }
    }
}
