// Hardware update of the access flag and dirty state: section 1.11 of docs/spec/iommu-hardware.md.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x0012E205C0003510;
constexpr std::uint64_t kHa = 1ULL << 43, kHd = 1ULL << 42, kAffd = 1ULL << 35;
constexpr std::uint64_t kAf = 1 << 10, kAp2 = 1 << 7, kDbm = 1ULL << 51;
constexpr std::uint64_t kPage = 0x0060000456789F47;

struct HttuBench : Bench {
    explicit HttuBench(std::uint64_t cd_bits) {
        ste(kSid, {0x000000008000100B, 0});
        store_words(0x80001000, {kCd | cd_bits, 0x82000000, 0, 0xFF44}, 8);
        memory.store(0x82000000, 0x82001003);
        memory.store(0x82001000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
    }
    void page(std::uint64_t descriptor) { memory.store(0x83000028, descriptor); }
    std::uint64_t page() { return memory.load(0x83000028); }
    /// Stage 2 only, one 4K page at IPA 0x5000.
    void stage2(std::uint64_t ste_bits, std::uint64_t leaf) {
        ste(kSid, {0xD, 0, 0x044A355800000007 | ste_bits, 0x81000000});
        memory.store(0x81000000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
        page(leaf);
    }
};

}  // namespace

TEST_CASE("smmuv3 HTTU: HA sets the access flag by compare-and-swap", "[iommu][smmuv3]") {
    HttuBench bench(kHa);
    bench.page(kPage & ~kAf);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == kPage);
    REQUIRE(bench.accesses.back().kind == AccessKind::compare_and_swap);
    CHECK(bench.accesses.back().purpose == Purpose::httu);
    CHECK(bench.smmu.counters.httu_updates == 1);
}

TEST_CASE("smmuv3 HTTU: a mismatch reads the descriptor again", "[iommu][smmuv3]") {
    HttuBench bench(kHa);
    bench.page(kPage & ~kAf);
    bench.translation.start(bench.smmu, Bench::read_of(0x5000));
    bool changed = false;
    const Step& step =
        run([&](const Reply& reply) -> const Step& { return bench.translation.step(bench.smmu, reply); }, bench.memory,
            [&](const MemoryAccess& access) {
                if (access.purpose == Purpose::httu && !changed) {
                    bench.page((kPage & ~kAf) ^ 0x1000);  // software moves the page meanwhile
                    changed = true;
                }
            });
    REQUIRE(step.kind == StepKind::done);
    CHECK(changed);
    CHECK(step.result.pa.value == 0x456788000);
    CHECK(bench.page() == (kPage ^ 0x1000));
}

TEST_CASE("smmuv3 HTTU: AFFD treats an unset access flag as set, but not with HA", "[iommu][smmuv3]") {
    HttuBench bench(kAffd);
    bench.page(kPage & ~kAf);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (kPage & ~kAf));
}

TEST_CASE("smmuv3 HTTU: a write to a writable-clean page clears AP2, a read does not", "[iommu][smmuv3]") {
    HttuBench bench(kHa | kHd);
    bench.page(kPage | kAp2 | kDbm);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (kPage | kAp2 | kDbm));
    // The read's TLB entry does not let the write by.
    CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (kPage | kDbm));
    // The second write hits.
    bench.step(Bench::write_of(0x5000));
    CHECK(bench.accesses.empty());
}

TEST_CASE("smmuv3 HTTU: access flag and dirty state go in one update", "[iommu][smmuv3]") {
    HttuBench bench(kHa | kHd);
    bench.page((kPage | kAp2 | kDbm) & ~kAf);
    CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (kPage | kDbm));
    CHECK(bench.smmu.counters.httu_updates == 1);
}

TEST_CASE("smmuv3 HTTU: what is not writable-clean faults", "[iommu][smmuv3]") {
    SECTION("HD without HA acts as off") {
        HttuBench bench(kHd);
        bench.page(kPage | kAp2 | kDbm);
        CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::fault);
    }
    SECTION("DBM is 0") {
        HttuBench bench(kHa | kHd);
        bench.page(kPage | kAp2);
        CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::fault);
    }
    SECTION("read-only by APTable") {
        HttuBench bench(kHa | kHd);
        bench.memory.store(0x82002000, 0x83000003 | (1ULL << 62));
        bench.page(kPage | kAp2 | kDbm);
        CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::fault);
        CHECK(bench.page() == (kPage | kAp2 | kDbm));
    }
}

TEST_CASE("smmuv3 HTTU: a speculative access may set the access flag, never dirty state", "[iommu][smmuv3]") {
    HttuBench bench(kHa | kHd);
    bench.page((kPage | kAp2 | kDbm) & ~kAf);
    Request request = Bench::write_of(0x5000);
    request.prefetch = true;
    bench.step(request);
    CHECK(bench.page() == (kPage | kAp2 | kDbm));
}

TEST_CASE("smmuv3 HTTU: a debug access changes nothing", "[iommu][smmuv3]") {
    HttuBench bench(kHa | kHd);
    bench.page((kPage | kAp2 | kDbm) & ~kAf);
    Request request = Bench::write_of(0x5000);
    request.debug = true;
    CHECK(bench.step(request).kind == StepKind::done);
    CHECK(bench.page() == ((kPage | kAp2 | kDbm) & ~kAf));
    CHECK(bench.smmu.counters.translations == 0);
    CHECK(bench.smmu.counters.walk_reads == 0);
    CHECK(bench.smmu.tlb.counters().lookups == 0);
    CHECK(bench.smmu.config_cache.counters().fills == 0);
    // A debug access that faults leaves no record.
    request.address = 0x6000;
    CHECK(bench.step(request).kind == StepKind::fault);
    CHECK_FALSE(bench.event());
}

TEST_CASE("smmuv3 HTTU: stage 2 sets its access flag and dirty state", "[iommu][smmuv3]") {
    HttuBench bench(0);
    const std::uint64_t ha = 1ULL << 56, hd = 1ULL << 55;
    bench.stage2(ha | hd, 0x456789000 | kDbm | 0x37F);  // AF 0, S2AP read only
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (0x456789000 | kDbm | 0x77F));
    CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == (0x456789000 | kDbm | 0x7FF));
}

TEST_CASE("smmuv3 HTTU: stage 2 without it faults on the access flag unless S2AFFD", "[iommu][smmuv3]") {
    HttuBench bench(0);
    bench.stage2(0, 0x4567893FF);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::fault);
    CHECK(bench.event() == EventWords{0x0000001000000012, 0x0000028800000000, 0x5000, 0x5000});
    bench.stage2(1ULL << 53, 0x4567893FF);
    bench.command(command::cfgi_ste(Bench::kSid, true));
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
}

TEST_CASE("smmuv3 HTTU: the update of a stage 1 table makes its stage 2 page dirty", "[iommu][smmuv3]") {
    HttuBench bench(0);
    // Nested, all of stage 2 one to one in a 1G block, writable-clean.
    const std::uint64_t ha = 1ULL << 56, hd = 1ULL << 55;
    bench.ste(Bench::kSid, {0x000000008000100F, 0, 0x044A355800000007 | ha | hd, 0x81000000});
    bench.store_words(0x80001000, {kCd | kHa, 0x82000000, 0, 0xFF44}, 8);
    bench.memory.store(0x81000010, 0x80000000 | kDbm | 0x77D);
    bench.memory.store(0x81000088, 0x440000000 | kDbm | 0x77D);
    bench.page(kPage & ~kAf);
    REQUIRE(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    CHECK(bench.page() == kPage);
    CHECK(bench.memory.load(0x81000010) == (0x80000000 | kDbm | 0x7FD));   // dirty: the table was written
    CHECK(bench.memory.load(0x81000088) == (0x440000000 | kDbm | 0x77D));  // the page was only read
}
