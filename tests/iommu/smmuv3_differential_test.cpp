// The engine against the flat walker of tests/iommu/flat_walker.cpp: random tables, accesses and invalidations.
// XLATE_LONG=1 makes it more than a million accesses; XLATE_SEED=n runs one world
// alone: test_iommu '[differential-seed]'.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>

#include "tests/iommu/smmuv3_world.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

/// Of 500 accesses each: a million where the build is fast (5 s), and where they are asked for.
unsigned worlds() {
#ifdef NDEBUG
    return 2000;
#else
    const char* variable = std::getenv("XLATE_LONG");
    return variable != nullptr && *variable == '1' ? 2000 : 200;
#endif
}

}  // namespace

TEST_CASE("smmuv3 differential: one world by its seed", "[.][differential-seed]") {
    const char* variable = std::getenv("XLATE_SEED");
    const std::uint64_t seed = variable != nullptr ? std::strtoull(variable, nullptr, 0) : 0;
    World world(seed, seed % 4 != 3);
    world.run(500);
    SUCCEED("agreed");
}

TEST_CASE("smmuv3 differential: the engine agrees with the flat walker, caches on and off",
          "[iommu][smmuv3][differential]") {
    std::uint64_t hits = 0;
    std::uint64_t faults = 0;
    std::map<unsigned, std::array<std::uint64_t, 4>> outcomes;
    const unsigned count = worlds();
    for (unsigned seed = 0; seed < count; ++seed) {
        CAPTURE(seed);
        World world(seed, seed % 4 != 3);
        world.run(500);
        for (const auto& [code, by_stage] : world.outcomes) {
            for (unsigned i = 0; i < 4; ++i) outcomes[code][i] += by_stage[i];
        }
        hits += world.hits();
        faults += world.faults();
    }
    // The test tests something: hits, and every outcome for every combination of stages.
    CHECK(hits > 50ULL * count);
    CHECK(faults > 100ULL * count);
    for (const unsigned code : {0x00U, 0x10U, 0x11U, 0x12U, 0x13U}) {
        for (unsigned stages = 1; stages < 4; ++stages) {
            CAPTURE(code, stages);
            CHECK(outcomes[code][stages] >= count);
        }
    }
}
