// The engine against a walker that is written from the specification alone (iommu-hardware.md 16.2): random tables of
// every version, accesses, changes with their flushes, caches on and off. XLATE_LONG=1: a million accesses in any
// build.
#include <cstdlib>
#include <optional>

#include "base/random.hpp"
#include "tests/iommu/exynos_world.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::StepKind;

namespace {

constexpr unsigned kAccesses = 500;

unsigned worlds() {
#ifdef NDEBUG
    return 2000;
#else
    const char* variable = std::getenv("XLATE_LONG");
    return variable != nullptr && *variable == '1' ? 2000 : 100;
#endif
}

/// "L1 4096 words by [31:20], L2 256 words by [19:12]. L1 [1:0]: 1 table (PA[31:10] v1-3), 2 section 1M, 0 and 3 fault;
/// L2: bit 1 small 4K, [1:0]=1 large 64K, 0 fault. v5+: every stored word is PA>>4 (36-bit PA). Permission v1-3: L1 bit
/// 10 access, bit 15 read-only; L2 bit 4, bit 9. v5+: L1 R4 W5; L2 R2 W3." Nothing: a fault.
std::optional<std::uint64_t> flat_walk(iommu::SparseMemory& memory, std::uint64_t root, bool v5, bool checks,
                                       std::uint64_t iova, bool write) {
    const std::uint64_t scale = v5 ? 16 : 1;
    const auto allowed = [&](std::uint64_t word, unsigned v1_access, unsigned v1_readonly, unsigned v5_read,
                             unsigned v5_write) {
        if (!checks) return true;
        if (v5) return (word >> (write ? v5_write : v5_read) & 1) != 0;
        return (word >> v1_access & 1) != 0 && !(write && (word >> v1_readonly & 1) != 0);
    };
    const std::uint64_t first = memory.load(root + iova / 0x100000 * 4, 4);
    if (first % 4 == 2) {
        if (!allowed(first, 10, 15, 4, 5)) return std::nullopt;
        return first * scale / 0x100000 * 0x100000 + iova % 0x100000;
    }
    if (first % 4 != 1) return std::nullopt;
    const std::uint64_t second = memory.load(first * scale / 1024 * 1024 + iova / 0x1000 % 256 * 4, 4);
    if (second % 4 == 0 || !allowed(second, 4, 9, 2, 3)) return std::nullopt;
    const std::uint64_t size = second / 2 % 2 != 0 ? 0x1000 : 0x10000;
    return second * scale / size * size + iova % size;
}

struct Outcomes {
    std::uint64_t mapped = 0, faults = 0, hits = 0;
};

Outcomes run_world(std::uint64_t seed) {
    Rng rng(seed, "exynos.differential");
    constexpr std::pair<unsigned, unsigned> kVersions[] = {{1, 0}, {2, 0}, {3, 1}, {3, 2},
                                                           {3, 3}, {5, 0}, {5, 2}, {7, 4}};
    const auto version = kVersions[rng.below(std::size(kVersions))];
    ex::Parameters parameters = exynos_of(version.first, version.second, version.first == 7 && rng.below(2) == 0);
    parameters.tlb.enabled = seed % 4 != 3;
    parameters.tlb.entries = 1u << rng.below(6);
    parameters.tlb.ways = 0;
    parameters.flpd.enabled = seed % 8 != 5;
    parameters.flpd.entries = 1 + static_cast<std::uint32_t>(rng.below(4));
    parameters.seed = seed;
    const bool v5 = version.first >= 5;
    const bool checks = rng.below(4) != 0;
    ExynosWorld world(parameters);
    world.handler = [&] { world.answer(); };

    const std::uint64_t high = v5 ? 0x8'00000000 : 0;
    const std::uint64_t root = high | 0x80000000;
    const auto table = [&](std::uint64_t index) { return high | 0x90000000 | index << 10; };
    // Any frame, low bits by kind, any rights.
    const auto section = [&] {
        const std::uint64_t frame = rng.below(v5 ? 0x10000 : 0x1000);
        if (v5) return frame << 16 | rng.below(4) << 4 | 2;
        return frame << 20 | rng.below(2) << 15 | rng.below(2) << 10 | 2;
    };
    const auto link = [&](std::uint64_t index) { return (v5 ? table(index) >> 4 : table(index)) | 1; };
    const auto change_page = [&](std::uint64_t iova) {
        const std::uint64_t at = table(iova / 0x100000 % 6);
        const std::uint64_t rights = v5 ? rng.below(4) << 2 : rng.below(2) << 9 | rng.below(2) << 4;
        const std::uint64_t kind = rng.below(8);
        if (kind < 2) {
            const std::uint64_t word = rng.below(v5 ? 0x100000 : 0x10000) << (v5 ? 12 : 16) | rights | 1;
            for (std::uint64_t i = 0; i < 16; ++i) world.memory.store(at + (iova / 0x10000 % 16 * 16 + i) * 4, word, 4);
            return;
        }
        // A large page of which one word changes is broken into words that say the same of other sizes: software does
        // not do that, so that the whole group goes.
        const std::uint64_t old = world.memory.load(at + iova / 0x1000 % 256 * 4, 4);
        if (old % 4 == 1) {
            for (std::uint64_t i = 0; i < 16; ++i) world.memory.store(at + (iova / 0x10000 % 16 * 16 + i) * 4, 0, 4);
        }
        const std::uint64_t word = rng.below(v5 ? 0x1000000 : 0x100000) << (v5 ? 8 : 12) | rights | 2;
        world.memory.store(at + iova / 0x1000 % 256 * 4, kind == 2 ? 0 : word, 4);
    };
    const auto random_iova = [&] { return rng.below(12) << 20 | rng.below(40) << 12 | rng.below(4096); };
    const auto change_section = [&](std::uint64_t index) {
        const std::uint64_t kind = rng.below(8);
        const std::uint64_t word = kind == 0 ? 0 : kind == 1 ? 3 : kind < 4 ? section() : link(index % 6);
        world.memory.store(root + index * 4, word, 4);
    };
    for (std::uint64_t i = 0; i < 12; ++i) change_section(i);
    for (unsigned i = 0; i < 150; ++i) change_page(random_iova());
    world.enable(static_cast<std::uint32_t>(v5 ? root >> 12 : root), checks ? 0x01100784 : 0x01100780);

    Outcomes outcomes;
    for (unsigned i = 0; i < kAccesses; ++i) {
        const std::uint64_t iova = random_iova();
        if (rng.below(16) == 0) {
            // A change, then every address under which the table shows it.
            change_page(iova);
            world.ctrl(7);
            if (rng.below(4) == 0) {
                world.write(world.map.flush_all, 1);
            } else {
                const std::uint64_t first = iova & 0xF0000, range = rng.below(2);
                for (std::uint64_t s = 0; s < 12; ++s) {
                    if (world.map.flush_range != 0 && range != 0) {
                        world.write(world.map.flush_start, s << 20 | first);
                        world.write(world.map.flush_end, s << 20 | first | 0xF000);
                        world.write(world.map.flush_range, 1);
                        continue;
                    }
                    for (std::uint64_t page = 0; page < 16; ++page)
                        world.write(world.map.flush_entry, s << 20 | first | page << 12 | 1);
                }
            }
            world.ctrl(5);
            continue;
        }
        if (rng.below(64) == 0) {
            change_section(rng.below(12));
            world.ctrl(7);
            world.write(world.map.flush_all, 1);
            world.ctrl(5);
            continue;
        }
        const bool write = rng.below(2) == 0;
        const auto expected = flat_walk(world.memory, root, v5, checks, iova, write);
        const iommu::Step step = world.access(iova | rng.below(2) << 40, write);
        CAPTURE(seed, i, iova, write, version.first, version.second);
        if (expected) {
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == *expected);
            ++outcomes.mapped;
        } else {
            REQUIRE(step.kind == StepKind::fault);
            ++outcomes.faults;
        }
    }
    outcomes.hits = world.mmu.counter_values()[1];
    return outcomes;
}

}  // namespace

TEST_CASE("exynos differential: the engine agrees with the flat walker, caches on and off",
          "[iommu][exynos][differential]") {
    Outcomes sum;
    const unsigned count = worlds();
    for (unsigned seed = 0; seed < count; ++seed) {
        const Outcomes one = run_world(seed);
        sum.mapped += one.mapped;
        sum.faults += one.faults;
        sum.hits += one.hits;
    }
    // The test tests something.
    CHECK(sum.mapped > 50ULL * count);
    CHECK(sum.faults > 50ULL * count);
    CHECK(sum.hits > 8ULL * count);
}
