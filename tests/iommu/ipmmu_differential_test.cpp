// An IPMMU against a walker that is written from docs/spec/iommu-hardware.md sections 16.4 and 1.10 alone: random
// tables and accesses, two contexts, caches on and off, flushes in between.
#include "base/random.hpp"
#include "tests/iommu/ipmmu_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::ipmmu;
using xlate::iommu::ipmmu::tests::Bench;

namespace {

struct Outcome {
    std::string fault = "no fault";
    std::uint64_t pa = 0;
};

std::uint64_t word_at(SparseMemory& memory, std::uint64_t address) {
    std::uint8_t bytes[8];
    memory.read(PhysAddr{address}, bytes, 8);
    return load_le(bytes, 8);
}

/// Four entries of 1 GiB, 512 of 2 MiB, 512 of 4 KiB; NS (bit 5) and NSTable (63) set, AF (10), AP (7:6).
Outcome walk(SparseMemory& memory, std::uint64_t table, std::uint64_t iova, bool write) {
    if (iova >> 32 != 0) return {"TF"};
    bool no_user = false, no_write = false;
    for (unsigned level = 1;; ++level) {
        const unsigned shift = 12 + 9 * (3 - level);
        const std::uint64_t word = word_at(memory, table + (iova >> shift & (level == 1 ? 3 : 511)) * 8);
        if ((word & 1) == 0) return {"TF"};
        if (level == 3 && (word & 2) == 0) return {"TF"};
        if (level < 3 && (word & 2) != 0) {
            if (word >> 63 == 0) return {"PF"};
            no_user |= (word >> 61 & 1) != 0;
            no_write |= (word >> 62 & 1) != 0;
            table = word & 0xFFFFFFF000;
            continue;
        }
        if ((word >> 5 & 1) == 0 || (word >> 10 & 1) == 0) return {"PF"};
        const bool user = (word >> 6 & 1) != 0 && !no_user, writable = (word >> 7 & 1) == 0 && !no_write;
        if (!user || (write && !writable)) return {"PF"};
        const std::uint64_t offset = (std::uint64_t{1} << shift) - 1;
        return {"no fault", (word & 0xFFFFFFFFFF & ~offset & ~0xFFFULL) | (iova & offset)};
    }
}

constexpr unsigned kTables = 12;
std::uint64_t table_at(std::uint64_t i) { return 0x80000000 + i * 0x1000; }

std::uint64_t random_word(Rng& rng) {
    if (rng.below(12) == 0) return 0;
    if (rng.below(2) == 0) {
        std::uint64_t word = table_at(rng.below(kTables)) | 3;
        if (rng.below(12) != 0) word |= std::uint64_t{1} << 63;
        if (rng.below(12) == 0) word |= std::uint64_t{1} << (61 + rng.below(2));
        return word;
    }
    std::uint64_t word = rng.below(1U << 28) << 12 | 0xF65;
    if (rng.below(4) != 0) word |= 2;
    if (rng.below(12) == 0) word &= ~(std::uint64_t{1} << (rng.below(2) == 0 ? 5 : 10));
    if (rng.below(6) == 0) word ^= std::uint64_t{1} << (6 + rng.below(2));
    if (rng.below(3) == 0) word ^= 0x800;  // global
    return word;
}

}  // namespace

TEST_CASE("ipmmu: a million accesses go as a walker from the specification says", "[iommu][ipmmu]") {
    const Generation generation = GENERATE(Generation::gen2, Generation::gen3);
    const bool caches = GENERATE(true, false);
    Bench bench(generation, {caches, 16, 4}, {caches, 8, 4});
    Rng rng{11, "ipmmu differential"};
    const unsigned contexts = generation == Generation::gen2 ? 1 : 2, first = generation == Generation::gen2 ? 0 : 1;
    for (unsigned n = 0; n < contexts; ++n) bench.enable(first + n, table_at(n), n);
    const auto change = [&] {
        const auto table = rng.below(kTables);
        bench.word(table_at(table), static_cast<unsigned>(rng.below(8)), random_word(rng));
    };
    const auto flush = [&] {
        for (unsigned n = 0; n < contexts; ++n) bench.imctr(first + n, 7);
    };
    for (int i = 0; i < 200; ++i) change();
    flush();
#ifdef NDEBUG
    constexpr int kAccesses = 250'000;
#else
    constexpr int kAccesses = 25'000;
#endif
    std::uint64_t done = 0, faults = 0;
    for (int i = 0; i < kAccesses; ++i) {
        if (rng.below(16) == 0) {
            change();
            flush();
        }
        const auto n = static_cast<unsigned>(rng.below(contexts));
        std::uint64_t iova = rng.below(64) * 64 | rng.below(8) << 12 | rng.below(8) << 21 | rng.below(4) << 30;
        if (rng.below(64) == 0) iova |= std::uint64_t{1} << (32 + rng.below(8));
        const bool write = rng.below(2) == 0;
        const Outcome expected = walk(bench.memory, table_at(n), iova, write);
        const Step step = bench.translate(n, iova, write);
        const std::string fault =
            step.kind == StepKind::fault ? name(static_cast<Fault>(step.result.fault)) : "no fault";
        if (fault != expected.fault || (step.kind == StepKind::done && step.result.pa.value != expected.pa)) {
            INFO("access " << i << " of " << std::hex << iova << (write ? " write" : " read"));
            REQUIRE(fault == expected.fault);
            REQUIRE(step.result.pa.value == expected.pa);
        }
        ++(step.kind == StepKind::done ? done : faults);
    }
    // Both kinds have been seen.
    CHECK(done > kAccesses / 20);
    CHECK(faults > kAccesses / 20);
}
