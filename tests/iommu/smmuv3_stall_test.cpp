// The stall model: section 1.13 of docs/spec/iommu-hardware.md.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr StreamId kStream{0x20};
constexpr std::uint64_t kPage = 0x0060000456789F47;

struct StallBench : Bench {
    explicit StallBench(Features features = features_44()) : Bench(features) {
        ste(kStream, {0x280000008000100B, 0xD6});
        store_words(0x80001000 + 5 * 64, {0x0012F205C0003510, 0x82000000, 0, 0xFF44}, 8);  // S=1
        memory.store(0x82000000, 0x82001003);
        memory.store(0x82001000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
    }
    static Request access(std::uint64_t address, std::uint64_t id = 1) {
        Request request = read_of(address, kStream);
        request.ssid = SubstreamId{5};
        request.id = id;
        return request;
    }
};

}  // namespace

TEST_CASE("smmuv3 stall: the access waits, with a record that names it", "[iommu][smmuv3][vector]") {
    StallBench bench;
    // Tags before 0x1234 are taken by others in the vector; ours starts at 0.
    const Step& step = bench.step(StallBench::access(0x6000));
    REQUIRE(step.kind == StepKind::stalled);
    CHECK(step.result.recorded);
    const std::uint64_t tag = step.result.stall_tag;
    CHECK(bench.event() == EventWords{0x0000002000005810, 0x0000020880000000 | tag, 0x6000, 0});
    CHECK(bench.go_on().kind == StepKind::stalled);
    CHECK(bench.smmu.stalls.held() == 1);

    SECTION("RESUME retry translates again") {
        bench.memory.store(0x83000030, kPage);
        bench.command(command::resume(kStream, static_cast<std::uint16_t>(tag), command::Resume::retry));
        CHECK(bench.smmu.take_resumed() == std::uint64_t{1});
        CHECK(bench.go_on().kind == StepKind::done);
        CHECK(bench.smmu.stalls.held() == 0);
    }
    SECTION("RESUME retry of what still faults stalls again, with a new record") {
        bench.command(command::resume(kStream, static_cast<std::uint16_t>(tag), command::Resume::retry));
        CHECK(bench.go_on().kind == StepKind::stalled);
        CHECK(bench.event());
    }
    SECTION("RESUME abort answers with an abort") {
        bench.command(command::resume(kStream, static_cast<std::uint16_t>(tag), command::Resume::abort));
        CHECK(bench.go_on().kind == StepKind::fault);
        CHECK(bench.translation.step(bench.smmu, {}).result.response == Response::abort);
    }
    SECTION("RESUME without either reads zero") {
        bench.command(command::resume(kStream, static_cast<std::uint16_t>(tag), command::Resume::terminate));
        CHECK(bench.go_on().result.response == Response::read_zero_write_ignored);
    }
    SECTION("STALL_TERM ends every access of the stream") {
        bench.command(command::stall_term(kStream));
        CHECK(bench.go_on().result.response == Response::abort);
    }
    SECTION("another SID's RESUME, or an unknown tag, is nothing") {
        bench.command(command::resume(StreamId{0x21}, static_cast<std::uint16_t>(tag), command::Resume::retry));
        bench.command(command::resume(kStream, static_cast<std::uint16_t>(tag + 1), command::Resume::retry));
        bench.command(command::resume(kStream, 0xFFFF, command::Resume::retry));
        CHECK(bench.go_on().kind == StepKind::stalled);
        CHECK(bench.read(reg::GERROR) == 0);
    }
    SECTION("switching translation off terminates it") {
        bench.write(reg::CR0, cr0::CMDQEN.mask());
        CHECK(bench.go_on().result.response == Response::abort);
    }
}

TEST_CASE("smmuv3 stall: with TERM_MODEL 1 a terminated access aborts", "[iommu][smmuv3]") {
    Features features = Bench::features_44();
    features.term_model = 1;
    StallBench bench(features);
    const std::uint16_t tag = bench.step(StallBench::access(0x6000)).result.stall_tag;
    bench.command(command::resume(kStream, tag, command::Resume::terminate));
    CHECK(bench.go_on().result.response == Response::abort);
}

TEST_CASE("smmuv3 stall: R=0 does not hide a stalled access", "[iommu][smmuv3]") {
    StallBench bench;
    bench.memory.store(0x80001000 + 5 * 64, 0x0012F205C0003510 & ~(1ULL << 45));
    CHECK(bench.step(StallBench::access(0x6000)).kind == StepKind::stalled);
    CHECK(bench.event());
}

TEST_CASE("smmuv3 stall: the record waits for room and is not lost", "[iommu][smmuv3][vector]") {
    StallBench bench;
    for (unsigned i = 0; i < 33; ++i) bench.step(Bench::read_of(0x1000, StreamId{0x11}));
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000020);
    CHECK(bench.step(StallBench::access(0x6000)).kind == StepKind::stalled);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000020);
    bench.write(reg::EVENTQ_CONS, 0x80000004);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000021);
    CHECK((bench.memory.load(Bench::kEvtq) & 0xFF) == 0x10);
}

TEST_CASE("smmuv3 stall: beyond STALL_MAX accesses wait without a record until a tag is free", "[iommu][smmuv3]") {
    Features features = Bench::features_44();
    features.stall_max = 1;
    StallBench bench(features);
    const std::uint16_t tag = bench.step(StallBench::access(0x6000, 1)).result.stall_tag;
    CHECK(bench.event());
    Translation second;
    second.start(bench.smmu, StallBench::access(0x7000, 2));
    const auto step = [&] {
        return run([&](const Reply& reply) -> const Step& { return second.step(bench.smmu, reply); }, bench.memory)
            .kind;
    };
    CHECK(step() == StepKind::stalled);
    bench.settle();
    CHECK_FALSE(bench.event());
    bench.command(command::resume(kStream, tag, command::Resume::abort));
    CHECK(bench.smmu.take_resumed() == std::uint64_t{1});
    CHECK(bench.go_on().kind == StepKind::fault);
    CHECK(bench.smmu.take_resumed() == std::uint64_t{2});
    CHECK(step() == StepKind::stalled);
    bench.settle();
    CHECK(bench.event());
}

TEST_CASE("smmuv3 stall: configuration errors, aborted walks and speculative accesses never stall", "[iommu][smmuv3]") {
    StallBench bench;
    SECTION("an aborted walk") {
        bench.memory.abort_from = 0x83000030;
        bench.memory.abort_to = 0x83000038;
        CHECK(bench.step(StallBench::access(0x6000)).kind == StepKind::fault);
        CHECK(((*bench.event())[1] & (1ULL << 31)) == 0);
    }
    SECTION("a speculative access, which records nothing either") {
        Request request = StallBench::access(0x6000);
        request.prefetch = true;
        CHECK(bench.step(request).kind == StepKind::fault);
        CHECK_FALSE(bench.event());
    }
}

TEST_CASE("smmuv3 stall: each stage follows its own setting", "[iommu][smmuv3]") {
    Bench bench;
    // Stage 2 only with S2S.
    bench.ste(kStream, {0xD, 0, 0x044A355800000007 | (1ULL << 57), 0x81000000});
    CHECK(bench.step(Bench::read_of(0x6000, kStream)).kind == StepKind::stalled);
    const auto words = bench.event();
    REQUIRE(words);
    CHECK((*words)[0] == 0x0000002000000010);
    CHECK(((*words)[1] & ~0xFFFFULL) == 0x0000028880000000);
    CHECK((*words)[3] == 0x6000);
}
