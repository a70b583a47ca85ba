// Every bound inside the SMMU that the architecture does not know: reaching it holds things up and loses none of them.
#include <catch2/catch.hpp>

#include <deque>
#include <set>
#include <vector>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

/// Queues of 4096 entries, far larger than what the SMMU holds inside.
struct LargeQueues : Bench {
    static constexpr std::uint64_t kEvents = 0x90000000, kPages = 0x91000000, kCommands = 0x92000000;
    explicit LargeQueues(SmmuParams p = params(features_44())) : Bench(p) {
        write(reg::CR0, 0);
        write(reg::EVENTQ_BASE, kEvents | 12, 8);
        write(reg::PRIQ_BASE, kPages | 12, 8);
        write(reg::CMDQ_BASE, kCommands | 12, 8);
        write(reg::CMDQ_PROD, 0);
        write(reg::CMDQ_CONS, 0);
        write(reg::CR0, 0xF);
    }
    /// Into the queue, without letting any run.
    void queue_command(const CommandWords& words) {
        QueueRegisters& q = smmu.registers.cmdq;
        store_words(q.address(q.prod, kCommandBytes), {words[0], words[1]}, 2);
        smmu.write_register(reg::CMDQ_PROD, 4, q.next(q.prod));
    }
    const Step& go(Translation& job) {
        return run([&](const Reply& reply) -> const Step& { return job.step(smmu, reply); }, memory);
    }
};

}  // namespace

TEST_CASE("smmuv3 bounds: faults beyond the records held inside wait, no overflow in a queue that has room",
          "[iommu][smmuv3]") {
    LargeQueues bench;
    constexpr std::uint64_t kFaults = 3 * Events::kCapacity + 7;
    std::deque<Translation> jobs(kFaults);
    std::set<std::uint64_t> waiting;
    for (std::uint64_t i = 0; i < kFaults; ++i) {
        Request request = Bench::read_of(i << 12, StreamId{0x30});  // V is 0: C_BAD_STE
        request.id = i;
        jobs[i].start(bench.smmu, request);
        const Step& step = bench.go(jobs[i]);
        if (step.kind == StepKind::stalled) {
            CHECK(jobs[i].waits_for_record());
            waiting.insert(i);
        } else {
            CHECK(step.kind == StepKind::fault);
            CHECK(step.result.recorded);
        }
    }
    CHECK(waiting.size() == kFaults - Events::kCapacity);
    CHECK(bench.smmu.counters.faults == Events::kCapacity);
    // Records go out; as each leaves, the oldest access that waits is named, in their order.
    std::uint64_t next = Events::kCapacity;
    while (bench.smmu.outputs_pending()) {
        Reply reply;
        const Step& step = bench.smmu.step_outputs(reply);
        if (step.kind == StepKind::access) serve(step.access, bench.memory, reply);
        bench.smmu.step_outputs(reply);
        while (const auto id = bench.smmu.take_resumed()) {
            CHECK(*id == next++);
            CHECK(bench.go(jobs[*id]).kind == StepKind::fault);
        }
    }
    CHECK(next == kFaults);
    CHECK(bench.read(reg::EVENTQ_PROD) == kFaults);
    CHECK(bench.smmu.events.written == kFaults);
    CHECK(bench.smmu.events.lost == 0);
    CHECK(bench.smmu.counters.faults == kFaults);
    CHECK(bench.smmu.stalls.held() == 0);
}

TEST_CASE("smmuv3 bounds: the event queue in memory overflows when it is full, and then nothing waits",
          "[iommu][smmuv3]") {
    Bench bench;  // 32 entries
    std::deque<Translation> jobs(200);
    for (std::uint64_t i = 0; i < jobs.size(); ++i) {
        Request request = Bench::read_of(i << 12, StreamId{0x30});
        request.id = i;
        translate(jobs[i], bench.smmu, bench.memory, request);
        CHECK_FALSE(jobs[i].waits_for_record());
    }
    bench.settle();
    CHECK(bench.read(reg::EVENTQ_PROD) == (0x80000000U | 32));
    CHECK(bench.smmu.events.written == 32);
    CHECK(bench.smmu.events.lost == 200 - 32);
}

TEST_CASE("smmuv3 bounds: an access that waits for its record ends when the queue goes off, or at reset",
          "[iommu][smmuv3]") {
    LargeQueues bench;
    std::deque<Translation> jobs(Events::kCapacity + 1);
    for (std::uint64_t i = 0; i < jobs.size(); ++i) {
        Request request = Bench::read_of(i << 12, StreamId{0x30});
        request.id = i;
        jobs[i].start(bench.smmu, request);
        bench.go(jobs[i]);
    }
    REQUIRE(jobs.back().waits_for_record());
    SECTION("EVENTQEN 1 -> 0") {
        bench.write(reg::CR0, 0);
        SUCCEED("chosen");
    }
    SECTION("reset") {
        bench.smmu.reset();
        SUCCEED("chosen");
    }
    const auto resumed = bench.smmu.take_resumed();
    REQUIRE(resumed);
    CHECK(*resumed == Events::kCapacity);
    CHECK(bench.go(jobs.back()).kind == StepKind::fault);
    CHECK((bench.read(reg::EVENTQ_PROD) & 0x80000000U) == 0);
}

TEST_CASE("smmuv3 bounds: page requests are bounded by the queue in memory alone", "[iommu][smmuv3]") {
    LargeQueues bench;
    PageRequest request;
    request.sid = Bench::kSid;
    request.last = true;
    for (unsigned i = 0; i < 4096; ++i) {
        request.prg_index = static_cast<std::uint16_t>(i % 512);
        REQUIRE(bench.smmu.page_request(request));  // none is written meanwhile
    }
    CHECK_FALSE(bench.smmu.page_request(request));  // one more than the queue takes
    CHECK(bench.smmu.take_page_response());
    bench.settle();
    CHECK(bench.read(reg::PRIQ_PROD) == (0x80000000U | 4096));
    CHECK(bench.smmu.events.requests == 4096);
}

TEST_CASE("smmuv3 bounds: PRI_RESP waits while its answers are not taken, automatic answers are all kept",
          "[iommu][smmuv3]") {
    LargeQueues bench;
    constexpr unsigned kAnswers = Events::kResponses + 100;
    SECTION("PRI_RESP") {
        for (unsigned i = 0; i < kAnswers; ++i) bench.queue_command({0x1000000041, 0x2000 | (i % 512)});
        bench.settle();
        CHECK(bench.read(reg::CMDQ_CONS) == Events::kResponses);
        CHECK_FALSE(bench.smmu.commands_pending());
        unsigned taken = 0;
        while (const auto answer = bench.smmu.take_page_response()) {
            CHECK(answer->prg_index == taken++ % 512);
            CHECK(bench.smmu.commands_pending() == (taken + Events::kResponses <= kAnswers));
            bench.settle();
        }
        CHECK(taken == kAnswers);
        CHECK(bench.read(reg::CMDQ_CONS) == kAnswers);
    }
    SECTION("automatic") {
        bench.write(reg::CR0, bench.read(reg::CR0) & ~cr0::PRIQEN.mask());
        PageRequest request;
        request.sid = Bench::kSid;
        for (unsigned i = 0; i < kAnswers; ++i) {
            request.prg_index = static_cast<std::uint16_t>(i % 512);
            bench.smmu.page_request(request);
        }
        for (unsigned i = 0; i < kAnswers; ++i) CHECK(bench.smmu.take_page_response()->prg_index == i % 512);
    }
}

TEST_CASE("smmuv3 bounds: a PREFETCH without a place waits at the head of its queue", "[iommu][smmuv3]") {
    SmmuParams params = Bench::params(Bench::features_44());
    params.prefetch_commands = true;
    LargeQueues bench(params);
    constexpr std::uint32_t kCommands = Smmu::kPrefetches + 9;
    for (std::uint32_t i = 0; i < kCommands; ++i) bench.queue_command(command::prefetch_config(StreamId{i}));
    bench.queue_command(command::sync(0));
    bench.settle();
    CHECK(bench.read(reg::CMDQ_CONS) == Smmu::kPrefetches);
    CHECK_FALSE(bench.smmu.commands_pending());
    SECTION("until one has been taken") {
        for (std::uint32_t i = 0; i < kCommands; ++i) {
            const auto prefetch = bench.smmu.take_prefetch();
            REQUIRE(prefetch);
            CHECK(value(prefetch->sid) == i);
            bench.settle();
        }
        CHECK_FALSE(bench.smmu.take_prefetch());
        CHECK(bench.read(reg::CMDQ_CONS) == kCommands + 1);
    }
    SECTION("or translation goes off, when it means nothing") {
        bench.write(reg::CR0, bench.read(reg::CR0) & ~cr0::SMMUEN.mask());
        CHECK(bench.read(reg::CMDQ_CONS) == kCommands + 1);
    }
}

TEST_CASE("smmuv3 bounds: accesses beyond IDR5.STALL_MAX wait for a tag", "[iommu][smmuv3]") {
    Features features = Bench::features_44();
    features.stall_max = 4;
    Bench bench(features);
    bench.ste(StreamId{0x20}, {0x280000008000100B, 0xD6});
    bench.store_words(0x80001000 + 5 * 64, {0x0012F205C0003510, 0x82000000, 0, 0xFF44}, 8);  // S=1
    std::deque<Translation> jobs(12);
    for (std::uint64_t i = 0; i < jobs.size(); ++i) {
        Request request = Bench::read_of(0x6000 + (i << 12), StreamId{0x20});
        request.ssid = SubstreamId{5};
        request.id = i;
        jobs[i].start(bench.smmu, request);
        run([&](const Reply& reply) -> const Step& { return jobs[i].step(bench.smmu, reply); }, bench.memory);
        CHECK(jobs[i].last_step().kind == StepKind::stalled);
        bench.settle();
    }
    CHECK(bench.smmu.stalls.held() == 4);
    CHECK(bench.read(reg::EVENTQ_PROD) == 4);
    std::set<std::uint64_t> ended;
    for (unsigned round = 0; round < 100 && ended.size() < jobs.size(); ++round) {
        bench.command(command::resume(StreamId{0x20}, static_cast<std::uint16_t>(round % 4), command::Resume::abort));
        while (const auto id = bench.smmu.take_resumed()) {
            const Step& step =
                run([&](const Reply& reply) -> const Step& { return jobs[*id].step(bench.smmu, reply); }, bench.memory);
            if (step.kind == StepKind::fault) ended.insert(*id);
            bench.settle();
        }
    }
    CHECK(ended.size() == jobs.size());
    CHECK(bench.read(reg::EVENTQ_PROD) == 12);
}
