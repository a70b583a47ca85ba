// The engine against a walker that is written from the specification alone (iommu-hardware.md 7): random tables of
// every SoC, several address spaces, changes with their flushes, caches on and off. XLATE_LONG=1 makes it a million
// accesses in any build.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "tests/iommu/tegra_bench.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::StepKind;

namespace {

constexpr unsigned kAccesses = 500;
constexpr unsigned kSpaces = 3;
constexpr unsigned kSwgroups[kSpaces] = {1, 5, 10};  ///< in every SoC but Tegra210, which has its own third one

unsigned worlds() {
#ifdef NDEBUG
    return 2000;
#else
    const char* variable = std::getenv("XLATE_LONG");
    return variable != nullptr && *variable == '1' ? 2000 : 100;
#endif
}

/// "PDE: R31 W30 NS29 NEXT28, PT PA>>12; without NEXT = 4M page. PTE: R31 W30 NS29, PA>>12." Rights of all levels
/// count. Nothing: a fault.
std::optional<std::uint64_t> flat_walk(iommu::SparseMemory& memory, std::uint64_t ptb, unsigned bits, std::uint64_t va,
                                       bool write) {
    const std::uint64_t pages = std::uint64_t{1} << (bits - 12), right = write ? 0x40000000 : 0x80000000;
    const auto none = [](std::uint64_t word) { return word / 0x40000000 == 0; };
    if (none(ptb)) return std::nullopt;
    const std::uint64_t pde = memory.load(ptb % pages * 4096 + va / 0x400000 * 4, 4);
    if (none(pde) || (ptb & pde & right) == 0) return std::nullopt;
    if (pde / 0x10000000 % 2 == 0) return pde % pages * 4096 / 0x400000 * 0x400000 + va % 0x400000;
    const std::uint64_t pte = memory.load(pde % pages * 4096 + va / 0x1000 % 1024 * 4, 4);
    if ((pte & right) == 0) return std::nullopt;
    return pte % pages * 4096 + va % 0x1000;
}

struct Outcomes {
    std::uint64_t mapped = 0, faults = 0, passed = 0, hits = 0, table_hits = 0;
};

Outcomes run_world(std::uint64_t seed) {
    Rng rng(seed, "tegra.differential");
    constexpr const char* kSocs[] = {"nvidia,tegra30-mc", "nvidia,tegra114-mc", "nvidia,tegra124-mc",
                                     "nvidia,tegra132-mc", "nvidia,tegra210-mc"};
    tg::Parameters parameters;
    parameters.soc = tg::soc_of(kSocs[rng.below(5)]);
    parameters.tlb.enabled = seed % 4 != 3;
    parameters.tlb.entries = 1u << rng.below(6);
    parameters.tlb.ways = 0;
    parameters.ptc.enabled = seed % 8 != 5;
    parameters.ptc.entries = 1u << rng.below(4);
    parameters.ptc.ways = 0;
    parameters.seed = seed;
    TegraBench bench(parameters);
    const tg::Soc& soc = *parameters.soc;
    const unsigned bits = soc.address_bits;
    bench.handler = [&] { bench.write(0x00, bench.read(0x00)); };
    bench.write(0x04, 0x540);

    const std::uint64_t high = bits == 34 ? 0x3'00000000 : 0;
    const std::uint64_t pages = std::uint64_t{1} << (bits - 12);
    const auto rights = [&] { return static_cast<std::uint32_t>(rng.below(8) != 0 ? rng.below(8) << 29 : 7ull << 29); };
    std::uint64_t roots[kSpaces], tables[6];
    std::uint32_t ptb[kSpaces];
    for (unsigned i = 0; i < 6; ++i) tables[i] = (rng.below(2) != 0 ? high : 0) | 0xE0000000 | i << 12;
    const auto random_va = [&] { return rng.below(8) << 22 | rng.below(12) << 12 | rng.below(4096); };

    /// Linux's order: the word, its atom in the PTC, the TLB by section or group.
    const auto asid_bits = [&](unsigned asid) { return 0x80000000 | (soc.asids == 4 ? asid << 29 : asid << 24); };
    const auto flush_atom = [&](std::uint64_t at) {
        if (bits > 32) bench.write(0x9B8, static_cast<std::uint32_t>(at >> 32));
        bench.write(0x34, static_cast<std::uint32_t>(at & ~std::uint64_t{soc.atom_bytes - 1}) | 1);
    };
    const auto pde = [&] {
        const std::uint64_t table = tables[rng.below(6)];
        switch (rng.below(8)) {
            case 0:
                return std::uint32_t{0};
            case 1:
                return static_cast<std::uint32_t>(rng.below(pages)) | rights();
            default:
                return static_cast<std::uint32_t>(table >> 12) | (rng.below(4) == 0 ? rights() : 7u << 29) | 1u << 28;
        }
    };
    const auto pte = [&] {
        return rng.below(6) == 0 ? std::uint32_t{0} : static_cast<std::uint32_t>(rng.below(pages)) | rights();
    };
    for (unsigned space = 0; space < kSpaces; ++space) {
        roots[space] = (rng.below(2) != 0 ? high : 0) | 0xF0000000 | space << 12;
        ptb[space] = static_cast<std::uint32_t>(roots[space] >> 12) | (rng.below(6) == 0 ? rights() : 7u << 29);
        bench.write(0x1C, space);
        bench.write(0x20, ptb[space]);
        for (unsigned i = 0; i < 8; ++i) bench.memory.store(roots[space] + i * 4, pde(), 4);
    }
    for (const std::uint64_t table : tables) {
        for (unsigned i = 0; i < 12; ++i) bench.memory.store(table + i * 4, pte(), 4);
    }
    bench.enable();
    if (rng.below(8) == 0) bench.write(0x18, 0);
    const unsigned third = soc.tlb_lines == 48 ? 8 : kSwgroups[2];
    unsigned assigned[kSpaces];
    for (unsigned i = 0; i < kSpaces; ++i) {
        assigned[i] = static_cast<unsigned>(rng.below(kSpaces));
        bench.attach(i == 2 ? third : kSwgroups[i], assigned[i]);
    }

    Outcomes outcomes;
    for (unsigned i = 0; i < kAccesses; ++i) {
        const std::uint64_t va = random_va();
        const unsigned kind = static_cast<unsigned>(rng.below(64));
        if (kind < 4) {  // a table's word, wherever directories show it
            const std::uint64_t table = tables[rng.below(6)];
            const std::uint64_t at = table + va / 0x1000 % 12 * 4;
            bench.memory.store(at, pte(), 4);
            flush_atom(at);
            for (unsigned space = 0; space < kSpaces; ++space) {
                for (std::uint64_t section = 0; section < 8; ++section) {
                    const std::uint64_t there = section << 22 | (at & 0xFFF) / 4 << 12;
                    bench.write(0x30, asid_bits(space) | static_cast<std::uint32_t>((there & 0xFFFFC000) >> 12) | 3);
                }
            }
            continue;
        }
        if (kind == 4) {  // a directory's word
            const auto space = static_cast<unsigned>(rng.below(kSpaces));
            const std::uint64_t at = roots[space] + va / 0x400000 * 4;
            bench.memory.store(at, pde(), 4);
            flush_atom(at);
            for (unsigned one = 0; one < kSpaces; ++one) {  // who has it as well
                bench.write(0x30, asid_bits(one) | static_cast<std::uint32_t>((va & 0xFFC00000) >> 12) | 2);
            }
            continue;
        }
        if (kind == 5) {  // another directory
            const auto space = static_cast<unsigned>(rng.below(kSpaces)),
                       other = static_cast<unsigned>(rng.below(kSpaces));
            ptb[space] = static_cast<std::uint32_t>(roots[other] >> 12) | 7u << 29;
            bench.write(0x1C, space);
            bench.write(0x20, ptb[space]);
            bench.write(0x30, asid_bits(space));
            continue;
        }
        const auto which = static_cast<unsigned>(rng.below(kSpaces));
        const unsigned swgroup = which == 2 ? third : kSwgroups[which];
        if (kind == 6) {  // another ASID, or none: tags keep the spaces apart
            assigned[which] = static_cast<unsigned>(rng.below(kSpaces + 1));
            const std::uint32_t on = assigned[which] < kSpaces ? 0x80000000 | assigned[which] : 0;
            bench.write(tg::find_swgroup(soc, swgroup)->reg, on);
            continue;
        }
        const bool write = rng.below(2) == 0;
        const iommu::Step step = bench.access(swgroup, va, write);
        CAPTURE(seed, i, va, write, soc.name);
        if (assigned[which] >= kSpaces) {
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == va);
            ++outcomes.passed;
            continue;
        }
        const auto expected = flat_walk(bench.memory, ptb[assigned[which]], bits, va, write);
        if (expected) {
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == *expected);
            ++outcomes.mapped;
        } else {
            REQUIRE(step.kind == StepKind::fault);
            ++outcomes.faults;
        }
    }
    outcomes.hits = bench.smmu.structure_counters(0).hits;
    outcomes.table_hits = bench.smmu.structure_counters(1).hits;
    return outcomes;
}

}  // namespace

TEST_CASE("tegra differential: the engine agrees with the flat walker, caches on and off",
          "[iommu][tegra][differential]") {
    Outcomes sum;
    const unsigned count = worlds();
    for (unsigned seed = 0; seed < count; ++seed) {
        const Outcomes one = run_world(seed);
        sum.mapped += one.mapped;
        sum.faults += one.faults;
        sum.passed += one.passed;
        sum.hits += one.hits;
        sum.table_hits += one.table_hits;
    }
    // The test tests something.
    CHECK(sum.mapped > 50ULL * count);
    CHECK(sum.faults > 50ULL * count);
    CHECK(sum.passed > 5ULL * count);
    CHECK(sum.hits > 8ULL * count);
    CHECK(sum.table_hits > 50ULL * count);
}
