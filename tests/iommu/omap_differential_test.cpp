// The engine against a walker and a TLB rule that are written from the specification alone (iommu-hardware.md 6):
// random tables of all four sizes, accesses, changes with their flushes, locked entries, TLBs of 8 and of 32.
// XLATE_LONG=1 makes it a million accesses in any build.
#include <cstdlib>
#include <optional>

#include "base/random.hpp"
#include "tests/iommu/omap_bench.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::StepKind;

namespace {

constexpr unsigned kAccesses = 500;
constexpr std::uint64_t kTables = 0x81000000, kRoot = OmapBench::kRoot;

unsigned worlds() {
#ifdef NDEBUG
    return 2000;
#else
    const char* variable = std::getenv("XLATE_LONG");
    return variable != nullptr && *variable == '1' ? 2000 : 100;
#endif
}

/// "L1 4096x4 B: [1:0]=2 section 1M, with bit 18 supersection 16M, =1 table pointer[31:10]; L2 256x4 B: [1:0]=2 small
/// 4K, =1 large 64K. A bit-1 L2 entry is small whatever bit 0 is." Nothing: a translation fault.
std::optional<std::uint64_t> flat_walk(iommu::SparseMemory& memory, std::uint64_t va) {
    const std::uint64_t first = memory.load(kRoot + va / 0x100000 * 4, 4);
    if (first % 4 == 2) {
        const std::uint64_t size = first / 0x40000 % 2 == 1 ? 0x1000000 : 0x100000;
        return first / size * size + va % size;
    }
    if (first % 4 != 1) return std::nullopt;
    const std::uint64_t second = memory.load(first / 0x400 * 0x400 + va / 0x1000 % 256 * 4, 4);
    if (second / 2 % 2 == 1) return second / 0x1000 * 0x1000 + va % 0x1000;
    if (second % 2 == 1) return second / 0x10000 * 0x10000 + va % 0x10000;
    return std::nullopt;
}

/// A group of which a word changes goes as a whole: unequal words are nothing that the specification speaks of.
void break_group(OmapBench& bench, std::uint64_t table, std::uint32_t index, bool group) {
    for (std::uint32_t i = 0; group && i < 16; ++i) bench.word(table + 4 * (index / 16 * 16 + i), 0);
}

/// Any word of the first level, all sixteen of a supersection; or of the second level.
void change(OmapBench& bench, Rng& rng, std::uint32_t va) {
    const auto frame = static_cast<std::uint32_t>(rng.below(1u << 20)) << 12;
    const std::uint32_t index = va >> 20;
    const std::uint64_t kind = rng.below(6);
    if (kind < 4) break_group(bench, kRoot, index, (bench.memory.load(kRoot + 4 * index, 4) & 0x40003) == 0x40002);
    switch (kind) {
        case 0:
            bench.word(kRoot + 4 * index, frame << 8 | static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : 3));
            return;
        case 1:
            bench.word(kRoot + 4 * index, (frame & 0xFFF00000) | 2);
            return;
        case 2:
            for (std::uint32_t i = 0; i < 16; ++i) {
                bench.word(kRoot + 4 * (index / 16 * 16 + i), (frame & 0xFF000000) | 1 << 18 | 2);
            }
            return;
        case 3:
            bench.word(kRoot + 4 * index, static_cast<std::uint32_t>(kTables + 0x400 * rng.below(8)) | 1);
            return;
        default:
            break;
    }
    const std::uint64_t table = kTables + 0x400 * rng.below(8);
    const std::uint32_t entry = va >> 12 & 0xFF;
    break_group(bench, table, entry, bench.memory.load(table + 4 * entry, 4) % 4 == 1);
    if (rng.below(3) == 0) {
        for (std::uint32_t i = 0; i < 16; ++i) bench.word(table + 4 * (entry / 16 * 16 + i), (frame & 0xFFFF0000) | 1);
    } else {
        constexpr std::uint32_t kTypes[] = {0, 2, 3};
        bench.word(table + 4 * entry, frame | kTypes[rng.below(3)]);
    }
}

struct Outcomes {
    std::uint64_t mapped = 0, faults = 0, locked = 0, from_tlb = 0;
};

/// What software holds in a locked entry: wins over the tables.
struct Locked {
    std::uint32_t va = 0;
    std::uint32_t pa = 0;
};

Outcomes run_world(std::uint64_t seed) {
    Rng rng(seed, "omap.differential");
    om::Parameters parameters;
    parameters.entries = rng.below(2) == 0 ? 8 : 32;
    OmapBench bench(parameters);
    // An address is within 64 MiB, in few pages of each part, so that accesses meet. Locked pages lie elsewhere.
    const auto random_va = [&] {
        return static_cast<std::uint32_t>(rng.below(64) << 20 | rng.below(24) << 12 | rng.below(64) << 6);
    };
    for (unsigned i = 0; i < 300; ++i) change(bench, rng, random_va());
    bench.enable();
    bench.write(om::reg::GP_REG, 1);  // faults are answers
    std::vector<Locked> locked;
    const unsigned count = static_cast<unsigned>(rng.below(parameters.entries));
    for (unsigned i = 0; i < count; ++i) {
        locked.push_back({0xF0000000 | i << 16, static_cast<std::uint32_t>(rng.below(1u << 16)) << 16});
        bench.lock(0, i);
        bench.load(locked.back().va | 1 << 3 | 1 << 2 | 1, locked.back().pa);
    }
    bench.lock(count, count);

    Outcomes outcomes;
    for (unsigned i = 0; i < kAccesses; ++i) {
        const std::uint32_t va = random_va();
        const std::uint64_t what = rng.below(32);
        CAPTURE(seed, i, va);
        if (what == 0) {
            change(bench, rng, va);
            bench.write(om::reg::GFLUSH, 1);  // keeps what is preserved
            continue;
        }
        if (what == 1) {
            // As Linux does: a look at each entry, and those that cover the page go one by one.
            const std::uint32_t entry = va >> 12 & 0xFF;
            const std::uint64_t first = bench.memory.load(kRoot + 4ull * (va >> 20), 4);
            if (first % 4 != 1) continue;
            const std::uint64_t table = first & 0xFFFFFC00;
            break_group(bench, table, entry, bench.memory.load(table + 4 * entry, 4) % 4 == 1);
            bench.word(table + 4 * entry, static_cast<std::uint32_t>(rng.below(1u << 20)) << 12 | 2);
            for (unsigned at = 0; at < parameters.entries; ++at) {
                const std::uint32_t cam = bench.cam(at);
                // The same table may be under several addresses, and the page have been a part of a larger one.
                if (at < count || (cam & 4) == 0) continue;
                bench.write(om::reg::CAM, cam);
                bench.write(om::reg::FLUSH_ENTRY, 1);
            }
            continue;
        }
        if (what == 2 && !locked.empty()) {
            const Locked& one = locked[rng.below(locked.size())];
            REQUIRE(bench.pa(one.va | 0x1234) == (one.pa | 0x1234));
            ++outcomes.locked;
            continue;
        }
        const auto expected = flat_walk(bench.memory, va);
        const unsigned reads = bench.reads;
        const iommu::Step step = bench.translate(va, rng.below(2) == 0);
        if (expected) {
            REQUIRE(step.kind == StepKind::done);
            REQUIRE(step.result.pa.value == *expected);
            ++outcomes.mapped;
            if (bench.reads == reads) ++outcomes.from_tlb;
        } else {
            REQUIRE(step.kind == StepKind::fault);
            REQUIRE(step.result.fault == static_cast<std::uint16_t>(om::Fault::translation));
            REQUIRE(bench.read(om::reg::IRQSTATUS) == 2);
            REQUIRE(bench.read(om::reg::FAULT_AD) == va);
            bench.write(om::reg::IRQSTATUS, 2);
            ++outcomes.faults;
        }
    }
    return outcomes;
}

}  // namespace

TEST_CASE("omap: the engine agrees with a walker made from the specification", "[iommu][omap][differential]") {
    Outcomes all;
    for (std::uint64_t seed = 0; seed < worlds(); ++seed) {
        const Outcomes one = run_world(seed);
        all.mapped += one.mapped;
        all.faults += one.faults;
        all.locked += one.locked;
        all.from_tlb += one.from_tlb;
    }
    CHECK(all.mapped > worlds() * kAccesses / 4);
    CHECK(all.faults > worlds() * 10);
    CHECK(all.locked > worlds());
    CHECK(all.from_tlb > worlds() * 20);
}
