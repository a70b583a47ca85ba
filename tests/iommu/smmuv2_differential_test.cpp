// The engine against the flat walker of tests/iommu/vmsa_flat_walker.cpp: random tables of every format and stage,
// accesses and invalidations. XLATE_LONG=1 makes it a million accesses; XLATE_SEED=n runs one world alone:
// test_iommu '[smmuv2-differential-seed]'.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>

#include "tests/iommu/smmuv2_world.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

/// Of 500 accesses each: a million where the build is fast, and where they are asked for.
unsigned worlds() {
#ifdef NDEBUG
    return 2000;
#else
    const char* variable = std::getenv("XLATE_LONG");
    return variable != nullptr && *variable == '1' ? 2000 : 200;
#endif
}

}  // namespace

TEST_CASE("smmuv2 differential: one world by its seed", "[.][smmuv2-differential-seed]") {
    const char* variable = std::getenv("XLATE_SEED");
    const std::uint64_t seed = variable != nullptr ? std::strtoull(variable, nullptr, 0) : 0;
    World world(seed, seed % 4 != 3);
    world.run(500);
    SUCCEED("agreed");
}

TEST_CASE("smmuv2 differential: the engine agrees with the flat walker, caches on and off",
          "[iommu][smmuv2][differential]") {
    std::uint64_t hits = 0;
    std::uint64_t faults = 0;
    std::map<unsigned, std::array<std::uint64_t, 12>> outcomes;
    const unsigned count = worlds();
    for (unsigned seed = 0; seed < count; ++seed) {
        CAPTURE(seed);
        World world(seed, seed % 4 != 3);
        world.run(500);
        for (const auto& [code, by_format] : world.outcomes) {
            for (unsigned i = 0; i < 12; ++i) outcomes[code][i] += by_format[i];
        }
        hits += world.hits();
        faults += world.faults();
    }
    // The test tests something: hits, and every outcome for every format of both stages.
    CHECK(hits > 50ULL * count);
    CHECK(faults > 100ULL * count);
    for (const unsigned code : {0U, 1U, 2U, 3U, 7U}) {
        for (unsigned formats = 1; formats < 12; ++formats) {
            // Short descriptors alone reach beyond the output size by supersections only.
            if (code == 7 && (formats % 4 == 1 || count < 2000)) continue;
            CAPTURE(code, formats);
            CHECK(outcomes[code][formats] > count / 200);
        }
    }
}
