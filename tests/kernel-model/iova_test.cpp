#include "kernel-model/dma/iova.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <vector>

#include "base/bits.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

using namespace xlate;
using xlate::kernel::IovaDomain;
using xlate::kernel::IovaParams;
using xlate::kernel::IovaRange;

namespace {

constexpr std::uint64_t kLimit32 = 0xFFFFF;       // last 4 KiB granule below 4 GiB
constexpr std::uint64_t kLimit64 = low_mask(52);  // a 64-bit mask in 4 KiB granules

std::uint64_t must(std::optional<std::uint64_t> pfn) {
    REQUIRE(pfn);
    return *pfn;
}

}  // namespace

TEST_CASE("iova: a fresh domain gives out the top of the range first, then downwards", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{}};
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFFF);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFFE);
    SECTION("a range is aligned to its size") {
        CHECK(must(domain.alloc_iova_fast(4, kLimit32, false, 0)) == 0xFFFF8);
        CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFF7);
    }
    SECTION("below 32 granules the size becomes a power of two") {
        CHECK(must(domain.alloc_iova_fast(3, kLimit32, false, 0)) == 0xFFFF8);
        CHECK(domain.ranges().front().last_pfn == 0xFFFFB);
    }
    SECTION("from 32 granules on only the alignment does") {
        CHECK(must(domain.alloc_iova_fast(33, kLimit32, false, 0)) == 0xFFFC0);
        CHECK(domain.ranges().front().last_pfn == 0xFFFE0);
    }
}

TEST_CASE("iova: what was freed last comes back first, on the same CPU only", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{4096, 1, 2, false}};
    std::vector<std::uint64_t> given;
    for (int i = 0; i < 3; ++i) given.push_back(must(domain.alloc_iova_fast(1, kLimit32, false, 0)));
    for (const std::uint64_t pfn : given) domain.free_iova_fast(pfn, 1, 0);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 1)) == 0xFFFFC);  // CPU 1 has no cache
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == given[2]);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == given[1]);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == given[0]);
    CHECK(domain.stats().cache_hits == 3);
}

TEST_CASE("iova: the rhythm of a real kernel's trace: freed in order, given out newest first", "[kernel-model][iova]") {
    // dt-smmuv3-dma-6.1, first two bursts of the block device: seven pages mapped, unmapped, mapped again.
    IovaDomain domain{IovaParams{}};
    for (int i = 0; i < 6; ++i) must(domain.alloc_iova_fast(1, kLimit32, false, 0));  // what the driver holds already
    std::vector<std::uint64_t> first;
    for (int i = 0; i < 7; ++i) first.push_back(must(domain.alloc_iova_fast(1, kLimit32, false, 0)));
    for (const std::uint64_t pfn : first) domain.free_iova_fast(pfn, 1, 0);
    for (std::size_t i = 0; i < 6; ++i) CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == first[6 - i]);
    // Two granules: not in a cache of single ones, so from the tree, aligned, below everything that is taken.
    const std::uint64_t pair = must(domain.alloc_iova_fast(2, kLimit32, false, 0));
    CHECK(pair % 2 == 0);
    CHECK(pair + 1 < first[6]);
}

TEST_CASE("iova: reserved ranges are never given out, wherever they overlap", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{}};
    domain.reserve_iova(0xFFFF0, 0xFFFFF);
    domain.reserve_iova(0xFFFE0, 0xFFFF4);
    domain.reserve_iova(0xFFFE8, 0xFFFF0);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFDF);
    domain.reserve_iova(0xFFF00, 0xFFFFF);  // over what is given out too
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFEFF);
}

TEST_CASE("iova: granule zero is never given out, nor what lies below the start", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{4096, 0, 1, false}};
    CHECK(must(domain.alloc_iova_fast(1, 2, false, 0)) == 2);
    CHECK(must(domain.alloc_iova_fast(1, 2, false, 0)) == 1);
    CHECK_FALSE(domain.alloc_iova_fast(1, 2, false, 0));
    CHECK(domain.stats().failures == 1);

    IovaDomain high{IovaParams{4096, 0x100, 1, false}};
    CHECK(must(high.alloc_iova_fast(1, 0x100, false, 0)) == 0x100);
    CHECK_FALSE(high.alloc_iova_fast(1, 0x100, false, 0));
}

TEST_CASE("iova: limits above 4 GiB have a remembered node of their own", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{}};
    CHECK(must(domain.alloc_iova_fast(1, kLimit64, true, 0)) == kLimit64);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFFF);
    CHECK(must(domain.alloc_iova_fast(1, kLimit64, true, 0)) == kLimit64 - 1);
}

TEST_CASE("iova: room above the remembered node is found in a second search from the limit", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{}};
    CHECK(must(domain.alloc_iova_fast(64, 0x7F, false, 0)) == 0x40);
    CHECK(must(domain.alloc_iova_fast(64, 0xFF, false, 0)) == 0xC0);  // below 0x40 there is no aligned room
    CHECK(must(domain.alloc_iova_fast(64, 0xFF, false, 0)) == 0x80);
    CHECK_FALSE(domain.alloc_iova_fast(64, 0xFF, false, 0));
}

TEST_CASE("iova: after a failure, as large a request below 4 GiB fails at once until something is freed",
          "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{std::uint64_t{1} << 30, 1, 1, false}};  // three usable granules of 1 GiB below 4 GiB
    std::vector<std::uint64_t> given;
    for (int i = 0; i < 3; ++i) given.push_back(must(domain.alloc_iova_fast(1, 3, false, 0)));
    CHECK(given == std::vector<std::uint64_t>{3, 2, 1});
    CHECK_FALSE(domain.alloc_iova_fast(1, 3, false, 0));
    const std::uint64_t nodes = domain.stats().tree_nodes;
    CHECK_FALSE(domain.alloc_iova_fast(1, 3, false, 0));
    CHECK(domain.stats().tree_nodes == nodes);  // nothing was searched
    domain.free_iova_fast(2, 1, 0);             // lies in a magazine: the tree does not know
    domain.free_iova_fast(1, 1, 0);
    CHECK_FALSE(domain.alloc_iova_fast(2, 3, false, 0));
    CHECK_FALSE(domain.alloc_iova_fast(2, 3, true, 0));  // 1 and 2 are free now, but a pair must be aligned
    CHECK(domain.stats().cache_flushes == 1);
    CHECK(must(domain.alloc_iova_fast(1, 3, false, 0)) == 2);
}

TEST_CASE("iova: a full pair of magazines goes to the depot, whence another CPU takes it", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{4096, 1, 2, false}};
    std::vector<std::uint64_t> given;
    for (int i = 0; i < 3 * 127 + 1; ++i) given.push_back(must(domain.alloc_iova_fast(1, kLimit32, false, 0)));
    for (std::size_t i = 0; i < 2 * 127; ++i) domain.free_iova_fast(given[i], 1, 0);
    CHECK(domain.depot_magazines(0) == 0);
    domain.free_iova_fast(given[254], 1, 0);
    CHECK(domain.depot_magazines(0) == 1);
    // The depot got the magazine that was loaded: the second one filled. Its newest entry is given out first.
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 1)) == given[253]);
    CHECK(domain.depot_magazines(0) == 0);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == given[254]);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == given[126]);
}

TEST_CASE("iova: the bounded depot gives the 33rd magazine back to the tree, the later one is trimmed over time",
          "[kernel-model][iova]") {
    const bool bounded = GENERATE(true, false);
    IovaDomain domain{IovaParams{4096, 1, 1, bounded}};
    constexpr std::size_t kMagazines = 2 + 33;
    std::vector<std::uint64_t> given;
    for (std::size_t i = 0; i < kMagazines * 127 + 1; ++i) {
        given.push_back(must(domain.alloc_iova_fast(1, kLimit32, false, 0)));
    }
    const std::size_t before = domain.ranges().size();
    for (const std::uint64_t pfn : given) domain.free_iova_fast(pfn, 1, 0);
    CHECK(domain.depot_magazines(0) == (bounded ? 32 : 34));
    CHECK(domain.ranges().size() == (bounded ? before - 2 * 127 : before));
    if (!bounded) {
        int calls = 0;
        while (domain.trim_depot(0)) ++calls;
        CHECK(calls == 33);
        CHECK(domain.depot_magazines(0) == 1);  // as many as there are CPUs
    }
}

TEST_CASE("iova: an entry above the limit stays in its magazine", "[kernel-model][iova]") {
    IovaDomain domain{IovaParams{}};
    const std::uint64_t high = must(domain.alloc_iova_fast(1, kLimit64, true, 0));
    const std::uint64_t low = must(domain.alloc_iova_fast(1, kLimit32, false, 0));
    domain.free_iova_fast(low, 1, 0);
    domain.free_iova_fast(high, 1, 0);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == low);
    CHECK(must(domain.alloc_iova_fast(1, kLimit32, false, 0)) == 0xFFFFE);
    CHECK(must(domain.alloc_iova_fast(1, kLimit64, true, 0)) == high);
}

TEST_CASE("iova: ranges in use never overlap, stay in bounds, and the same seed gives the same addresses",
          "[kernel-model][iova]") {
    const std::uint64_t seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
    CAPTURE(seed);
    const auto run = [seed] {
        Rng random{seed, "test.iova"};
        const bool bounded = random.chance(1, 2);
        IovaDomain domain{IovaParams{4096, 1, 3, bounded}};
        domain.reserve_iova(0x800, 0x8FF);
        std::map<std::uint64_t, std::uint64_t> live;  // first -> asked size
        std::vector<std::uint64_t> log;
        for (int step = 0; step < 6000; ++step) {
            const unsigned cpu = static_cast<unsigned>(random.below(3));
            if (live.empty() || random.chance(11, 20)) {
                const std::uint64_t size = 1 + random.below(random.chance(1, 10) ? 100 : 8);
                const std::uint64_t limit = random.chance(1, 2) ? 0x3FFF : 0x1FFF;
                const auto pfn = domain.alloc_iova_fast(size, limit, random.chance(1, 2), cpu);
                log.push_back(pfn.value_or(0));
                if (!pfn) continue;
                REQUIRE(*pfn >= 1);
                REQUIRE(*pfn + size - 1 <= limit);
                REQUIRE(*pfn % (std::uint64_t{1} << log2_ceil(size)) == 0);
                REQUIRE((*pfn + size <= 0x800 || *pfn > 0x8FF));
                const auto next = live.lower_bound(*pfn);
                if (next != live.end()) REQUIRE(*pfn + size <= next->first);
                if (next != live.begin()) REQUIRE(std::prev(next)->first + std::prev(next)->second <= *pfn);
                live.emplace(*pfn, size);
            } else {
                auto victim = live.begin();
                std::advance(victim, static_cast<std::ptrdiff_t>(random.below(live.size())));
                domain.free_iova_fast(victim->first, victim->second, cpu);
                live.erase(victim);
            }
        }
        REQUIRE(domain.stats().allocations - domain.stats().frees == live.size());
        return log;
    };
    CHECK(run() == run());
}
