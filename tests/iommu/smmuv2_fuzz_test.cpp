// Whatever software and memory hold, the SMMU neither crashes nor hangs. The same harness serves libFuzzer:
// clang++ -std=c++17 -O1 -fsanitize=fuzzer,address,undefined -DXLATE_FUZZER -I. tests/iommu/smmuv2_fuzz.cpp
//   iommu/*.cpp iommu/smmuv2/*.cpp iommu/tables/*.cpp base/*.cpp -lfmt
#include <catch2/catch.hpp>

#include <cstdlib>
#include <vector>

#include "base/random.hpp"
#include "tests/iommu/smmuv2_fuzz.hpp"

using namespace xlate;

TEST_CASE("smmuv2 fuzz: random registers, memory and accesses", "[iommu][smmuv2][fuzz]") {
    const char* variable = std::getenv("XLATE_LONG");
    const unsigned count = variable != nullptr && *variable == '1' ? 100000 : 2000;
    std::uint64_t steps = 0;
    for (unsigned seed = 0; seed < count; ++seed) {
        Rng rng(seed, "fuzz");
        std::vector<std::uint8_t> bytes(200 + rng.below(2000));
        for (std::uint8_t& byte : bytes) {
            // Small numbers and ones are what fields like best.
            const std::uint64_t word = rng.next();
            byte = static_cast<std::uint8_t>((word & 0x700) == 0   ? 0xFF
                                             : (word & 0x300) == 0 ? 0
                                             : (word & 0x800) != 0 ? word & 0xF
                                                                   : word);
        }
        steps += tests::fuzz_smmuv2(bytes.data(), bytes.size());
    }
    CHECK(steps > count);
}
