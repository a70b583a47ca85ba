// Enhanced command queues: how they are found, switched on and off, consumed, and how they tell of errors.
// Expected values: IHI 0070 sections 3.5.6, 6.2.5, 6.3.49 to 6.3.51, 6.3.107 to 6.3.109.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint32_t kEn = 0x80000000, kErr = 0x00800000;

/// Two control pages of four queues: 0x4000 bytes from one to the next.
Features with_ecmdqs() {
    Features features = Bench::features_44();
    features.ecmdq = 1;
    features.ecmdq_log2nump = 1;
    features.ecmdq_log2numq = 2;
    return features;
}
constexpr std::uint32_t queue(unsigned n) { return 0x20000 + (n / 4) * 0x10000 + (n % 4) * 0x4000; }
constexpr std::uint32_t base(unsigned n) { return queue(n); }
constexpr std::uint32_t prod(unsigned n) { return queue(n) + 8; }
constexpr std::uint32_t cons(unsigned n) { return queue(n) + 12; }
constexpr std::uint64_t memory_of(unsigned n) { return 0x80090000 + 0x1000 * n; }

void slot(Bench& bench, unsigned n, unsigned index, const CommandWords& words) {
    bench.memory.store(memory_of(n) + 16 * index, words[0]);
    bench.memory.store(memory_of(n) + 16 * index + 8, words[1]);
}
/// 16 entries.
void enable(Bench& bench, unsigned n) {
    bench.write(base(n), memory_of(n) | 4, 8);
    bench.write(prod(n), 0);
    bench.write(cons(n), 0);
    bench.write(prod(n), kEn);
}

}  // namespace

TEST_CASE("smmuv3 ecmdq: IDR1, IDR6 and page 0 say where the control pages are and how many queues each has",
          "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    CHECK((bench.read(reg::IDR1) >> 31) == 1);
    CHECK(bench.read(0x190) == 0x01020000);   // LOG2NUMP 1, LOG2NUMQ 2
    CHECK(bench.read(0x4000, 8) == 0x20003);  // at 0x20000, 64 KiB, registers
    CHECK(bench.read(0x4020, 8) == 0x30003);
    CHECK(bench.read(0x4000) == 0x20003);
    CHECK(bench.read(0x4004) == 0);
    for (const std::uint32_t page : {0U, 32U}) {
        CHECK(bench.read(0x4008 + page) == 1);
        CHECK(bench.read(0x400C + page) == 1);
    }
    CHECK(bench.read(0x4040, 8) == 0);
    CHECK(register_bytes(with_ecmdqs()) == 0x40000);
    bench.write(0x4008, 0);
    CHECK(bench.read(0x4008) == 1);
}

TEST_CASE("smmuv3 ecmdq: without the feature all of it reads zero and ignores writes", "[iommu][smmuv3][ecmdq]") {
    Bench bench;
    CHECK((bench.read(reg::IDR1) >> 31) == 0);
    for (const std::uint32_t offset : {0x190U, 0x4000U, 0x4008U, 0x400CU, 0x20000U, 0x20008U, 0x2000CU}) {
        CAPTURE(offset);
        bench.write(offset, 0xFFFFFFFF);
        CHECK(bench.read(offset) == 0);
    }
    CHECK(register_bytes(Bench::features_44()) == 0x20000);
}

TEST_CASE("smmuv3 ecmdq: EN is acknowledged, and what may be written depends on both", "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    bench.write(base(5), memory_of(5) | 4, 8);
    CHECK(bench.read(base(5), 8) == (memory_of(5) | 4));
    CHECK(bench.read(base(5) + 4) == 0);
    bench.write(cons(5), 0x80000003);  // ENACK is not software's
    CHECK(bench.read(cons(5)) == 3);
    bench.write(prod(5), 3);
    bench.smmu.write_register(prod(5), 4, kEn | 3);
    CHECK(bench.smmu.ack_pending());
    CHECK(bench.read(prod(5)) == (kEn | 3));
    CHECK(bench.read(cons(5)) == 3);
    bench.smmu.write_register(prod(5), 4, 4);  // between off and on: read-only
    CHECK(bench.read(prod(5)) == (kEn | 3));
    bench.settle();
    CHECK(bench.read(cons(5)) == (kEn | 3));
    // On: the base and CONS are read-only.
    bench.write(base(5), 0, 8);
    CHECK(bench.read(base(5), 8) == (memory_of(5) | 4));
    bench.write(cons(5), 7);
    CHECK(bench.read(cons(5)) == (kEn | 3));
    bench.write(prod(5), 3);
    CHECK(bench.read(cons(5)) == 3);
    bench.write(base(5), 0, 8);
    CHECK(bench.read(base(5), 8) == 0);
}

TEST_CASE("smmuv3 ecmdq: CR1's queue attributes are read-only while one is on", "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    bench.write(reg::CR0, 0);
    enable(bench, 7);
    bench.write(reg::CR1, 0);
    CHECK(bench.read(reg::CR1) == (0xD75 & 0x3F));
    bench.write(prod(7), 0);
    bench.write(reg::CR1, 0);
    CHECK(bench.read(reg::CR1) == 0);
}

TEST_CASE("smmuv3 ecmdq: commands are consumed, whatever the other queues do", "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    bench.ste(Bench::kSid, {0x1 | (4 << 1), std::uint64_t{1} << 44});  // bypass
    REQUIRE(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    bench.ste(Bench::kSid, {0x1});  // abort; the old entry is cached
    REQUIRE(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    enable(bench, 0);
    enable(bench, 6);
    // The SMMU's own queue has stopped on an error, and so has queue 0.
    bench.command({0x7F, 0});
    slot(bench, 0, 0, {0x7F, 0});
    bench.write(prod(0), kEn | 1);
    slot(bench, 6, 0, command::cfgi_ste(Bench::kSid, true));
    slot(bench, 6, 1, {0x000000000FC01046, 0x800B0000});  // SYNC with a message
    bench.memory.store(0x800B0000, ~std::uint64_t{0});
    bench.write(prod(6), kEn | 2);
    CHECK(bench.read(cons(6)) == (kEn | 2));
    CHECK(bench.memory.load(0x800B0000, 4) == 0);
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::fault);
    // Around the end: index 15, wrap bit.
    for (unsigned i = 0; i < 16; ++i) slot(bench, 6, i, command::sync(0));
    bench.write(prod(6), kEn | 0x11);
    CHECK(bench.read(cons(6)) == (kEn | 0x11));
}

TEST_CASE("smmuv3 ecmdq: an error toggles ERR, raises CMDQP_ERR once, and ERRACK lets the queue go on",
          "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    enable(bench, 1);
    enable(bench, 2);
    for (unsigned i = 0; i < 4; ++i) slot(bench, 1, i, command::cfgi_all());
    slot(bench, 1, 2, {0x7F, 0});
    bench.write(prod(1), kEn | 4);
    CHECK(bench.read(cons(1)) == (kEn | 0x01000000 | kErr | 2));  // CERROR_ILL at index 2
    CHECK(bench.read(reg::GERROR) == 0x200);
    CHECK(std::count(bench.interrupts.begin(), bench.interrupts.end(), Interrupt::gerror) == 1);
    // A second queue's error while CMDQP_ERR is active is told by its own register alone.
    bench.memory.abort_from = memory_of(2);
    bench.memory.abort_to = memory_of(2) + 16;
    bench.write(prod(2), kEn | 1);
    CHECK(bench.read(cons(2)) == (kEn | 0x02000000 | kErr));  // CERROR_ABT
    CHECK(bench.read(reg::GERROR) == 0x200);
    CHECK(std::count(bench.interrupts.begin(), bench.interrupts.end(), Interrupt::gerror) == 1);
    // GERRORN has no effect on the queues, ERRACK has none on GERROR.
    bench.write(reg::GERRORN, 0x200);
    CHECK((bench.read(cons(1)) & 0xF) == 2);
    slot(bench, 1, 2, command::sync(0));
    bench.write(prod(1), kEn | kErr | 4);
    CHECK((bench.read(cons(1)) & ~0x07000000U) == (kEn | kErr | 4));
    CHECK(bench.read(reg::GERROR) == 0x200);
    // The next error toggles back.
    slot(bench, 1, 4, {0x7F, 0});
    bench.write(prod(1), kEn | kErr | 5);
    CHECK(bench.read(cons(1)) == (kEn | 0x01000000 | 4));
    CHECK(bench.read(reg::GERROR) == 0);  // active, since GERRORN is 1
    // Off is acknowledged in spite of the error.
    bench.write(prod(1), kErr | 5);
    CHECK((bench.read(cons(1)) & kEn) == 0);
}

TEST_CASE("smmuv3 ecmdq: a queue that goes off ends the command under way first", "[iommu][smmuv3][ecmdq]") {
    Bench bench(with_ecmdqs());
    enable(bench, 3);
    slot(bench, 3, 0, command::cfgi_all());
    slot(bench, 3, 1, command::cfgi_all());
    bench.smmu.write_register(prod(3), 4, kEn | 2);
    Reply reply;
    REQUIRE(bench.smmu.commands_pending(4));
    const Step* step = &bench.smmu.step_commands(reply, 4);
    REQUIRE(step->kind == StepKind::access);
    serve(step->access, bench.memory, reply);
    bench.smmu.write_register(prod(3), 4, 2);
    bench.smmu.apply_acks();
    CHECK(bench.read(cons(3)) == kEn);
    REQUIRE(bench.smmu.step_commands(reply, 4).kind == StepKind::executed);
    CHECK(bench.smmu.step_commands(reply, 4).kind == StepKind::idle);
    bench.smmu.apply_acks();
    CHECK(bench.read(cons(3)) == 1);
}
