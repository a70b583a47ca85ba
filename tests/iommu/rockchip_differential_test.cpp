// The engine against a walker that is written from the specification alone (iommu-hardware.md 16.1): random tables,
// accesses, changes with their zaps, caches on and off. XLATE_LONG=1 makes it a million accesses in any build.
#include <cstdlib>
#include <map>

#include "base/random.hpp"
#include "tests/iommu/rockchip_bench.hpp"

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

/// "IOVA [31:22] DT index, [21:12] PT index; 1024-word tables. v1: DTE PT[31:12] V0; PTE PA[31:12] V0 R1 W2. v2:
/// PA[31:12] in place, PA[35:32] at [11:8], PA[39:36] at [7:4]."
std::uint64_t flat_address(std::uint64_t word, bool v2) {
    std::uint64_t address = word / 4096 % 0x100000 * 4096;
    if (v2) address += (word / 256 % 16) * 0x1'00000000 + (word / 16 % 16) * 0x10'00000000;
    return address;
}
/// Nothing: a page fault.
std::optional<std::uint64_t> flat_walk(iommu::SparseMemory& memory, std::uint64_t root, bool v2, std::uint64_t iova,
                                       bool write) {
    const std::uint64_t dte = memory.load(root + iova / 0x400000 * 4, 4);
    if (dte % 2 == 0) return std::nullopt;
    const std::uint64_t pte = memory.load(flat_address(dte, v2) + iova / 0x1000 % 1024 * 4, 4);
    if (pte % 2 == 0 || (write ? pte / 4 % 2 : pte / 2 % 2) == 0) return std::nullopt;
    return flat_address(pte, v2) + iova % 0x1000;
}

struct Outcomes {
    std::uint64_t mapped = 0, faults = 0, hits = 0;
};

Outcomes run_world(std::uint64_t seed) {
    Rng rng(seed, "rockchip.differential");
    rk::Parameters parameters;
    parameters.version = rng.below(2) == 0 ? rk::Version::v1 : rk::Version::v2;
    parameters.banks = 1 + static_cast<unsigned>(rng.below(3));
    parameters.tlb.enabled = seed % 4 != 3;
    parameters.tlb.entries = 1u << rng.below(6);
    parameters.directory.enabled = seed % 8 != 5;
    parameters.directory.entries = 1 + static_cast<std::uint32_t>(rng.below(4));
    parameters.seed = seed;
    const bool v2 = parameters.version == rk::Version::v2;
    RockchipBench bench(parameters);
    bench.handler = [&] { bench.answer(false); };

    const auto frame = [&] {
        const std::uint64_t high = v2 ? rng.below(256) << 32 : 0;
        return high | rng.below(0x10000) << 12;
    };
    // Few tables, so that accesses meet.
    const std::uint64_t root = (v2 ? 0x12'00000000 : 0) | 0xF0000000;
    std::vector<std::uint64_t> tables;
    for (unsigned i = 0; i < 6; ++i) tables.push_back((v2 ? rng.below(256) << 32 : 0) | 0xE0000000 | i << 12);
    const auto random_iova = [&] { return rng.below(8) << 22 | rng.below(6) << 12 | rng.below(4096); };
    const auto change_word = [&](std::uint64_t iova) {
        // Any rights; one in eight is invalid.
        const std::uint64_t word =
            rk::address_field(frame(), parameters.version) | rng.below(4) << 1 | (rng.below(8) != 0 ? 1 : 0);
        const std::uint64_t table = tables[iova / 0x400000 % tables.size()];
        bench.memory.store(table + iova / 0x1000 % 1024 * 4, word, 4);
    };
    for (unsigned i = 0; i < 8; ++i) {
        const std::uint64_t valid = rng.below(6) != 0 ? 1 : 0;
        bench.memory.store(root + i * 4ull, rk::address_field(tables[i % tables.size()], parameters.version) | valid,
                           4);
    }
    for (unsigned i = 0; i < 60; ++i) change_word(random_iova());
    bench.enable(root);

    Outcomes outcomes;
    for (unsigned i = 0; i < kAccesses; ++i) {
        const std::uint64_t iova = random_iova();
        if (rng.below(16) == 0) {
            // The change, then every address under which a table shows it, in every MMU.
            change_word(iova);
            const bool all = rng.below(4) == 0;
            for (unsigned bank = 0; bank < parameters.banks; ++bank) {
                if (all) {
                    bench.command(rk::Command::zap_cache, bank);
                    continue;
                }
                for (std::uint64_t directory = 0; directory < 8; ++directory) {
                    bench.write(rk::reg::ZAP_ONE_LINE, directory << 22 | (iova & 0x3FF000), bank);
                }
            }
            continue;
        }
        if (rng.below(64) == 0) {
            const std::uint64_t directory = rng.below(8);
            const std::uint64_t word = bench.memory.load(root + directory * 4, 4) ^ 1;
            bench.memory.store(root + directory * 4, word, 4);
            for (unsigned bank = 0; bank < parameters.banks; ++bank) bench.command(rk::Command::zap_cache, bank);
            continue;
        }
        const bool write = rng.below(2) == 0;
        const auto expected = flat_walk(bench.memory, root, v2, iova, write);
        const iommu::Step step = bench.translate(iova, write, static_cast<std::uint32_t>(rng.below(4)));
        CAPTURE(seed, i, iova, write);
        if (expected) {
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == *expected);
            ++outcomes.mapped;
        } else {
            REQUIRE(step.kind == StepKind::fault);
            ++outcomes.faults;
        }
    }
    outcomes.hits = bench.mmu.counter_values()[1];
    return outcomes;
}

}  // namespace

TEST_CASE("rockchip differential: the engine agrees with the flat walker, caches on and off",
          "[iommu][rockchip][differential]") {
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
