// Which context an access gets: stream matching, S2CR, and the global faults.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

TEST_CASE("smmuv2 streams: matching by two groups, every id and mask of three bits", "[iommu][smmuv2]") {
    Features f = small_features();
    f.numsmrg = 2;
    f.numsidb = 3;
    Bench bench(f);
    bool same = true;
    for (std::uint32_t a = 0; a < 64 * 2; ++a) {
        for (std::uint32_t b = 0; b < 64 * 2; ++b) {
            const auto word = [](std::uint32_t code) {
                return (code & 7) | (code >> 3 & 7) << 16 | (code >> 6 & 1) << 31;
            };
            bench.smmu.registers.smr = {word(a), word(b)};
            for (std::uint32_t sid = 0; sid < 8; ++sid) {
                unsigned hits = 0;
                unsigned group = 0;
                const std::uint32_t codes[2] = {a, b};
                for (unsigned n = 0; n < 2; ++n) {
                    bool match = (codes[n] >> 6 & 1) != 0;
                    for (unsigned bit = 0; bit < 3; ++bit) {
                        const bool masked = (codes[n] >> (3 + bit) & 1) != 0;
                        if (!masked && (codes[n] >> bit & 1) != (sid >> bit & 1)) match = false;
                    }
                    if (!match) continue;
                    ++hits;
                    group = n;
                }
                const StreamMatch got = match_stream(bench.smmu.registers, sid, true);
                const auto kind = hits == 0   ? StreamMatch::Kind::none
                                  : hits == 1 ? StreamMatch::Kind::one
                                              : StreamMatch::Kind::several;
                same = same && got.kind == kind && (hits != 1 || got.group == group);
            }
        }
    }
    CHECK(same);
}

TEST_CASE("smmuv2 streams: until CLIENTPD is clear everything passes", "[iommu][smmuv2]") {
    Bench bench;
    CHECK_FALSE(bench.smmu.translates());
    const Step& step = bench.step(Bench::write_of(0x123456789));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x123456789);
    CHECK(step.result.cacheable);
    CHECK(step.result.entry.bypass);
    bench.enable();
    CHECK(bench.smmu.translates());
    CHECK(bench.step(Bench::write_of(0x123456789)).kind == StepKind::fault);
}

TEST_CASE("smmuv2 streams: an unmatched one faults or passes (USFCFG)", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    const Step& step = bench.step(Bench::write_of(0xDEADB000, StreamId{0x55}));
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK(step.result.fault == static_cast<std::uint16_t>(FaultCode::USF));
    CHECK(bench.read(gr0::sGFSR) == 0x2);
    CHECK(bench.read(gr0::sGFAR, 8) == 0xDEADB000);
    CHECK(bench.read(gr0::sGFSYNR0) == 0x2);  // a write
    CHECK(bench.read(gr0::sGFSYNR1) == 0x55);
    CHECK(bench.wires == std::vector<unsigned>{0});
    // Another one: the registers keep the first; section 17's word.
    bench.step(Bench::read_of(0x1000, StreamId{0x56}));
    CHECK(bench.read(gr0::sGFSR) == 0x80000002);
    CHECK(bench.read(gr0::sGFSYNR1) == 0x55);
    CHECK(bench.wires.size() == 1);
    bench.write(gr0::sGFSR, 0x80000002);
    CHECK(bench.read(gr0::sGFSR) == 0);
    bench.write(gr0::sCR0, 0x1836);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x56})).kind == StepKind::done);
    CHECK(bench.read(gr0::sGFSR) == 0);
    CHECK(bench.smmu.counters.unmatched == 3);
}

TEST_CASE("smmuv2 streams: without GCFGFRE a fault reads zero, without GCFGFIE it is quiet", "[iommu][smmuv2]") {
    Bench bench;
    bench.write(gr0::sCR0, 0x1C06);
    CHECK(bench.step(Bench::read_of(0x1000)).result.response == Response::read_zero_write_ignored);
    CHECK(bench.read(gr0::sGFSR) == 0x2);
    CHECK(bench.wires.empty());
    // Enabling raises the line.
    bench.enable();
    CHECK(bench.wires == std::vector<unsigned>{0});
}

TEST_CASE("smmuv2 streams: two groups that match are a conflict", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    bench.stream(3, 0x10, 0xF, 0x10000);
    bench.stream(5, 0x1A, 0, 0x10000);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x10})).kind == StepKind::done);
    const Step& step = bench.step(Bench::read_of(0x1000, StreamId{0x1A}));
    CHECK(step.result.fault == static_cast<std::uint16_t>(FaultCode::SMCF));
    CHECK(bench.read(gr0::sGFSR) == 0x4);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x20})).kind == StepKind::fault);
}

TEST_CASE("smmuv2 streams: S2CR bypasses, faults, or names a bank that must be there", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    bench.stream(0, 1, 0, 0x10000);
    bench.stream(1, 2, 0, 0x20000);
    bench.stream(2, 3, 0, 0x30000);  // reserved: acts as fault
    bench.stream(3, 4, 0, 8);        // eight banks: 0 to 7
    const Step& step = bench.step(Bench::write_of(0xABC000, StreamId{1}));
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0xABC000);
    for (const std::uint32_t sid : {2U, 3U}) {
        bench.step(Bench::read_of(0x1000, StreamId{sid}));
        CHECK(bench.read(gr0::sGFSR) == 0x1);
        bench.write(gr0::sGFSR, 0x1);
    }
    bench.step(Bench::read_of(0x1000, StreamId{4}));
    CHECK(bench.read(gr0::sGFSR) == 0x8);
    bench.write(gr0::sGFSR, 0x8);
    // A nested context whose stage 2 bank is not there; one whose stage 2 is set to fault.
    bench.stream(3, 4, 0, 2);
    bench.write(bench.gr1(gr1::CBAR(2)), 0x00030800);
    bench.step(Bench::read_of(0x1000, StreamId{4}));
    CHECK(bench.read(gr0::sGFSR) == 0x8);
    bench.write(gr0::sGFSR, 0x8);
    bench.write(bench.gr1(gr1::CBAR(2)), 0x00020000);
    bench.step(Bench::read_of(0x1000, StreamId{4}));
    CHECK(bench.read(gr0::sGFSR) == 0x1);
}

TEST_CASE("smmuv2 streams: SMMUv1 context with an interrupt that is not there", "[iommu][smmuv2]") {
    Features f = features_by_name("smmu-v1");
    f.numirpt = 4;
    Bench bench(f);
    bench.enable();
    bench.stream(0, 0x10, 0, 1);
    bench.write(bench.gr1(gr1::CBAR(1)), 0x0401F300);
    bench.step(Bench::read_of(0x1000));
    CHECK(bench.read(gr0::sGFSR) == 0x10);
    bench.write(gr0::sGFSR, 0x10);
    bench.write(bench.gr1(gr1::CBAR(1)), 0x0301F300);
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
}

TEST_CASE("smmuv2 streams: extended ids use 16 bits and VALID of S2CR", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable(0x8);
    bench.write(gr0::S2CR(0), 0x10400);
    bench.write(gr0::SMR(0), 0x800F8010);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x8015})).kind == StepKind::done);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x0015})).kind == StepKind::done);  // bit 15 is masked
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x4015})).kind == StepKind::fault);
    bench.write(gr0::S2CR(0), 0x10000);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x8015})).kind == StepKind::fault);
}

TEST_CASE("smmuv2 streams: an id wider than the hardware's matches nothing", "[iommu][smmuv2]") {
    Features f = small_features();
    f.numsidb = 8;
    Bench bench(f);
    bench.enable();
    bench.stream(0, 0x10, 0, 0x10000);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x10})).kind == StepKind::done);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x110})).kind == StepKind::fault);
}

TEST_CASE("smmuv2 streams: without matching the id is the index", "[iommu][smmuv2]") {
    Features f = small_features();
    f.sms = 0;
    f.numsidb = 6;
    Bench bench(f);
    bench.enable();
    CHECK(idr0::NUMSMRG.get(bench.read(gr0::IDR0)) == 0);
    bench.write(gr0::SMR(5), 0x80000005);
    CHECK(bench.read(gr0::SMR(5)) == 0);
    bench.write(gr0::S2CR(5), 0x10000);
    bench.write(gr0::S2CR(63), 0x20000);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{5})).kind == StepKind::done);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{63})).result.fault == static_cast<std::uint16_t>(FaultCode::ICF));
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{64})).result.fault == static_cast<std::uint16_t>(FaultCode::USF));
}

TEST_CASE("smmuv2 streams: S2CR sets attributes of what bypasses", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    // MTCFG, MemAttr 5 (non-cacheable), inner shareable.
    bench.stream(0, 0x10, 0, 0x10000 | 1 << 11 | 5 << 12 | 2 << 8);
    const Step& step = bench.step(Bench::read_of(0x1000));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.attributes.mair == 0x44);
    CHECK(step.result.attributes.shareability == 3);
}

TEST_CASE("smmuv2 streams: PRIVCFG and INSTCFG change what is asked", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    bench.stage1(1);
    bench.map(Bench::kRoot, 0x5000, 0x456789000 | (kPage & ~0x40ULL));  // privileged only, XN
    bench.map(Bench::kRoot, 0x6000, 0x456789000 | kPage);               // everybody, XN
    bench.stream(0, 0x10, 0, 1);
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::fault);
    bench.write_bank(1, cb::FSR, 0xFFFFFFFF);
    bench.stream(0, 0x10, 0, 1 | 3 << 24);  // privileged
    CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
    // As the client sees it: its unprivileged accesses may go on.
    CHECK(bench.step(Bench::read_of(0x5000)).result.entry.permissions.allows(Bench::read_of(0x5000)));
    Request privileged = Bench::read_of(0x5000);
    privileged.privileged = true;
    bench.stream(0, 0x10, 0, 1 | 2 << 24);  // unprivileged
    CHECK(bench.step(privileged).kind == StepKind::fault);
    bench.write_bank(1, cb::FSR, 0xFFFFFFFF);
    Request fetch = Bench::read_of(0x6000);
    fetch.instruction = true;
    bench.stream(0, 0x10, 0, 1);
    CHECK(bench.step(fetch).kind == StepKind::fault);
    bench.write_bank(1, cb::FSR, 0xFFFFFFFF);
    bench.stream(0, 0x10, 0, 1 | 2 << 26);  // data
    CHECK(bench.step(fetch).kind == StepKind::done);
    bench.stream(0, 0x10, 0, 1 | 3U << 26);  // instructions
    CHECK(bench.step(Bench::read_of(0x6000)).kind == StepKind::fault);
    bench.write_bank(1, cb::FSR, 0xFFFFFFFF);
    CHECK(bench.step(Bench::write_of(0x6000)).kind == StepKind::done);
}
