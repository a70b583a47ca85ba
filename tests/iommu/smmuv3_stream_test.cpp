// Stream tables, substreams and context descriptors: section 13.1 of docs/spec/iommu-hardware.md.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x0012E205C0003510;  // T0SZ 16, 4K, EPD1, IPS 48, AA64, R, A

EventWords event_of(Bench& bench) {
    const auto words = bench.event();
    REQUIRE(words);
    CHECK_FALSE(bench.event());
    return *words;
}

}  // namespace

TEST_CASE("smmuv3 stream table: an STE is read within the span of its L1 descriptor", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.memory.store(0x80180008, 0x80200005);
    bench.memory.store(0x802003C0, 0x9);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x10F})).kind == StepKind::done);
    CHECK(bench.touched(0x80180008));
    CHECK(bench.touched(0x802003C0));
}

TEST_CASE("smmuv3 stream table: an index beyond the span is C_BAD_STREAMID and reads no STE",
          "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.memory.store(0x80180008, 0x80200005);
    const Step& step = bench.step(Bench::read_of(0x1000, StreamId{0x110}));
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK(bench.accesses.size() == 1);
    CHECK(event_of(bench) == EventWords{0x0000011000000002, 0, 0, 0});
}

TEST_CASE("smmuv3 stream table: a reserved span is C_BAD_STREAMID", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.memory.store(0x80180008, 0x8020000A);
    bench.step(Bench::read_of(0x1000, StreamId{0x110}));
    CHECK(event_of(bench) == EventWords{0x0000011000000002, 0, 0, 0});
}

TEST_CASE("smmuv3 stream table: a SID beyond the table reads no memory", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.step(Bench::read_of(0x1000, StreamId{0x10000}));
    CHECK(bench.accesses.empty());
    CHECK(event_of(bench) == EventWords{0x0001000000000002, 0, 0, 0});
}

TEST_CASE("smmuv3 stream table: C_BAD_STREAMID is recorded only with RECINVSID", "[iommu][smmuv3]") {
    Bench bench;
    bench.write(reg::CR0, 0);
    bench.write(reg::CR2, 0);
    bench.write(reg::CR0, cr0::SMMUEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask());
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x10000})).kind == StepKind::fault);
    CHECK_FALSE(bench.event());
}

TEST_CASE("smmuv3 stream table: a linear table is indexed by the whole SID", "[iommu][smmuv3]") {
    Bench bench;
    bench.write(reg::CR0, 0);
    bench.write(reg::STRTAB_BASE, 0x80300040, 8);  // the low bits are below the table's alignment
    bench.write(reg::STRTAB_BASE_CFG, 6);
    bench.write(reg::CR0, cr0::SMMUEN.mask() | cr0::EVENTQEN.mask() | cr0::CMDQEN.mask());
    bench.memory.store(0x80300000 + 0x3F * 64, 0x9);
    CHECK(bench.step(Bench::read_of(0x1000, StreamId{0x3F})).kind == StepKind::done);
    bench.step(Bench::read_of(0x1000, StreamId{0x40}));
    CHECK(event_of(bench)[0] == 0x0000004000000002);
}

TEST_CASE("smmuv3 stream table: an aborted STE fetch is F_STE_FETCH with its address", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.memory.abort_from = 0x80100400;
    bench.memory.abort_to = 0x80100440;
    bench.step(Bench::read_of(0x1000));
    CHECK(event_of(bench) == EventWords{0x0000001000000003, 0, 0, 0x80100400});
    SECTION("and a failed fetch is not kept") {
        bench.memory.abort_to = 0;
        bench.ste(Bench::kSid, {0x9});
        CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    }
}

TEST_CASE("smmuv3 stream table: V=0 is C_BAD_STE", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.step(Bench::read_of(0x1000));
    CHECK(event_of(bench) == EventWords{0x0000001000000004, 0, 0, 0});
}

TEST_CASE("smmuv3 STE: Config 0xx aborts without an event, whatever else it holds", "[iommu][smmuv3]") {
    Bench bench;
    for (const std::uint64_t config : {0, 1, 2, 3}) {
        bench.ste(Bench::kSid, {1 | (config << 1), ~std::uint64_t{0}, ~std::uint64_t{0}});
        const Step& step = bench.step(Bench::read_of(0x1000));
        CHECK(step.kind == StepKind::fault);
        CHECK(step.result.response == Response::abort);
        CHECK_FALSE(bench.event());
    }
}

TEST_CASE("smmuv3 substreams: S1DSS decides about traffic without a substream", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.store_words(0x80001000, {kCd, 0x82000000}, 8);
    bench.store_words(0x800010C0, {kCd, 0x82000000}, 8);
    Request request = Bench::read_of(0x12345678);

    SECTION("0 terminates it with F_STREAM_DISABLED") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD4});
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x0000001000000006, 0, 0, 0});
    }
    SECTION("1 bypasses stage 1 and reads no CD") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD5});
        const Step& step = bench.step(request);
        REQUIRE(step.kind == StepKind::done);
        CHECK(step.result.pa.value == 0x12345678);
        CHECK_FALSE(bench.touched(0x80001000));
        bench.step(Bench::read_of(0x100000000000));
        CHECK(event_of(bench) == EventWords{0x0000001000000011, 0x0000020800000000, 0x100000000000, 0});
        CHECK(bench.translation.step(bench.smmu, {}).result.response == Response::abort);
    }
    SECTION("2 uses CD 0") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD6});
        bench.step(request);
        CHECK(bench.touched(0x80001000));
    }
    SECTION("2 uses the substream's CD for traffic with one") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD6});
        request.ssid = SubstreamId{3};
        bench.step(request);
        CHECK(bench.touched(0x800010C0));
    }
    SECTION("2 disables substream 0") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD6});
        request.ssid = SubstreamId{0};
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x0000001000000006, 0, 0, 0});
    }
    SECTION("a substream beyond S1CDMax is C_BAD_SUBSTREAMID") {
        bench.ste(Bench::kSid, {0x280000008000100B, 0xD6});
        request.ssid = SubstreamId{0x20};
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x0000001000020008, 0, 0, 0});
    }
}

TEST_CASE("smmuv3 substreams: a stream without stage 1 has none", "[iommu][smmuv3][vector]") {
    Bench bench;
    const std::vector<std::uint64_t> ste =
        GENERATE(std::vector<std::uint64_t>{0x9}, std::vector<std::uint64_t>{0xD, 0, 0x044A355800000007, 0x81000000});
    bench.ste(Bench::kSid, ste);
    Request request = Bench::read_of(0x1000);
    request.ssid = SubstreamId{0x12};
    bench.step(request);
    CHECK(event_of(bench) == EventWords{0x0000001000012008, 0, 0, 0});
}

TEST_CASE("smmuv3 CD: a two-level table of 64 KiB leaves", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.ste(Bench::kSid, {0xA00000008000202B, 0xD4});
    Request request = Bench::read_of(0x1000);
    request.ssid = SubstreamId{0x12345};
    SECTION("the CD is found through its L1 descriptor") {
        bench.memory.store(0x80002240, 0x80400001);
        bench.step(request);
        CHECK(bench.touched(0x80002240));
        CHECK(bench.touched(0x8040D140));
    }
    SECTION("an invalid L1 descriptor is C_BAD_SUBSTREAMID") {
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x0000001012345008, 0, 0, 0});
    }
    SECTION("an L1 descriptor that points out of range is C_BAD_SUBSTREAMID") {
        bench.memory.store(0x80002240, 0x0008000080400001);
        bench.step(request);
        CHECK(event_of(bench)[0] == 0x0000001012345008);
    }
}

TEST_CASE("smmuv3 CD: a two-level table of 4 KiB leaves splits at 64", "[iommu][smmuv3]") {
    Bench bench;
    // S1CDMax 8, S1Fmt 1.
    bench.ste(Bench::kSid, {(std::uint64_t{8} << 59) | 0x8000201B, 0xD4});
    bench.memory.store(0x80002008, 0x80400001);
    Request request = Bench::read_of(0x1000);
    request.ssid = SubstreamId{0x45};
    bench.step(request);
    CHECK(bench.touched(0x80002008));
    CHECK(bench.touched(0x80400140));
}

TEST_CASE("smmuv3 CD: an aborted fetch and an invalid CD", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x280000008000100B, 0xD6});
    Request request = Bench::read_of(0x1000);
    request.ssid = SubstreamId{3};
    SECTION("an aborted fetch is F_CD_FETCH with the address in DW3") {
        bench.memory.abort_from = 0x800010C0;
        bench.memory.abort_to = 0x80001100;
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x0000001000003809, 0, 0, 0x800010C0});
    }
    SECTION("V=0 is C_BAD_CD") {
        bench.step(request);
        CHECK(event_of(bench) == EventWords{0x000000100000380A, 0, 0, 0});
    }
}
