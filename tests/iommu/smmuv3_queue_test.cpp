// The command queue with its error protocol, the event queue with its overflow, GERROR, interrupts and MSIs.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

long count(const Bench& bench, Interrupt which) {
    return std::count(bench.interrupts.begin(), bench.interrupts.end(), which);
}
void slot(Bench& bench, unsigned index, std::uint64_t dw0, std::uint64_t dw1 = 0) {
    bench.memory.store(Bench::kCmdq + 16 * index, dw0);
    bench.memory.store(Bench::kCmdq + 16 * index + 8, dw1);
}
void fault(Bench& bench) { bench.step(Bench::read_of(0x1000)); }  // SID 0x10 has V=0: C_BAD_STE

}  // namespace

TEST_CASE("smmuv3 commands: an unknown opcode stops the queue until software mends it", "[iommu][smmuv3][vector]") {
    Bench bench;
    const CommandWords all = command::cfgi_all();
    for (unsigned i = 0; i < 6; ++i) slot(bench, i, all[0], all[1]);
    slot(bench, 3, 0x7F);
    bench.write(reg::CMDQ_PROD, 6);
    CHECK(bench.read(reg::CMDQ_CONS) == 0x01000003);
    CHECK(bench.read(reg::GERROR) == 1);
    CHECK(count(bench, Interrupt::gerror) == 1);
    // CMDQEN does not clear the error.
    bench.write(reg::CR0, bench.read(reg::CR0) & ~cr0::CMDQEN.mask());
    bench.write(reg::CR0, bench.read(reg::CR0) | cr0::CMDQEN.mask());
    CHECK(bench.read(reg::CMDQ_CONS) == 0x01000003);

    slot(bench, 3, 0x000000000FC02046);
    bench.settle();
    CHECK((bench.read(reg::CMDQ_CONS) & 0x1FF) == 3);
    bench.write(reg::GERRORN, 1);
    CHECK((bench.read(reg::CMDQ_CONS) & 0x1FF) == 6);

    slot(bench, 6, 0x7F);
    bench.write(reg::CMDQ_PROD, 7);
    CHECK(bench.read(reg::GERROR) == 0);  // active, since GERRORN is 1
    CHECK(count(bench, Interrupt::gerror) == 2);
}

TEST_CASE("smmuv3 commands: an aborted fetch is CERROR_ABT", "[iommu][smmuv3]") {
    Bench bench;
    bench.memory.abort_from = Bench::kCmdq;
    bench.memory.abort_to = Bench::kCmdq + 16;
    bench.write(reg::CMDQ_PROD, 1);
    CHECK(bench.read(reg::CMDQ_CONS) == 0x02000000);
    CHECK(bench.read(reg::GERROR) == 1);
    bench.memory.abort_to = 0;
    slot(bench, 0, 0x46);
    bench.write(reg::GERRORN, 1);
    CHECK((bench.read(reg::CMDQ_CONS) & 0x1FF) == 1);
}

TEST_CASE("smmuv3 commands: SYNC with an MSI into its own slot", "[iommu][smmuv3][vector]") {
    Bench bench;
    const CommandWords all = command::cfgi_all();
    slot(bench, 0, all[0], all[1]);
    slot(bench, 1, 0x000000000FC01046, 0x80040010);
    bench.write(reg::CMDQ_PROD, 2);
    CHECK(bench.read(reg::CMDQ_CONS) == 2);
    CHECK(bench.memory.load(0x80040010, 4) == 0);
    CHECK(bench.memory.load(0x80040014, 4) == 0);
    CHECK(count(bench, Interrupt::cmdq_sync) == 1);
}

TEST_CASE("smmuv3 commands: SYNC is signalled after CONS has passed it", "[iommu][smmuv3]") {
    Bench bench;
    slot(bench, 0, 0x000000000FC01046, 0x80050000);
    bench.smmu.write_register(reg::CMDQ_PROD, 4, 1);
    Reply reply;
    const Step* step = &bench.smmu.step_commands(reply);
    REQUIRE(step->kind == StepKind::access);
    CHECK(step->access.address.value == Bench::kCmdq);
    serve(step->access, bench.memory, reply);
    step = &bench.smmu.step_commands(reply);
    REQUIRE(step->kind == StepKind::sync);
    CHECK(bench.read(reg::CMDQ_CONS) == 0);
    reply.abort = false;
    step = &bench.smmu.step_commands(reply);
    REQUIRE(step->kind == StepKind::access);
    CHECK(step->access.purpose == Purpose::msi);
    CHECK(bench.read(reg::CMDQ_CONS) == 1);
}

TEST_CASE("smmuv3 commands: an aborted SYNC message is MSI_CMDQ_ABT", "[iommu][smmuv3]") {
    Bench bench;
    bench.memory.abort_from = 0x80050000;
    bench.memory.abort_to = 0x80050004;
    slot(bench, 0, 0x000000000FC01046, 0x80050000);
    bench.write(reg::CMDQ_PROD, 1);
    CHECK(bench.read(reg::CMDQ_CONS) == 1);
    CHECK(bench.read(reg::GERROR) == gerror::MSI_CMDQ_ABT.mask());
}

TEST_CASE("smmuv3 commands: an ATC invalidation that times out is an error of the SYNC", "[iommu][smmuv3]") {
    Bench bench;
    slot(bench, 0, 0x46);
    bench.smmu.write_register(reg::CMDQ_PROD, 4, 1);
    Reply reply;
    serve(bench.smmu.step_commands(reply).access, bench.memory, reply);
    REQUIRE(bench.smmu.step_commands(reply).kind == StepKind::sync);
    reply.abort = true;
    CHECK(bench.smmu.step_commands(reply).kind == StepKind::idle);
    CHECK(bench.read(reg::CMDQ_CONS) == 0x03000000);
}

TEST_CASE("smmuv3 commands: legality by feature", "[iommu][smmuv3]") {
    struct Row {
        const char* name;
        std::uint64_t dw0, dw1;
        std::uint8_t Features::*needs;  ///< illegal when this feature is 0
        bool legal_in_full;
    };
    const Row rows[] = {
        {"PREFETCH_CONFIG", 0x01, 0, nullptr, true},
        {"PREFETCH_ADDR", 0x02, 0, nullptr, true},
        {"CFGI_STE", 0x03, 0, nullptr, true},
        {"CFGI_STE_RANGE", 0x04, 0, nullptr, true},
        {"CFGI_CD", 0x05, 0, &Features::s1p, true},
        {"CFGI_CD_ALL", 0x06, 0, &Features::s1p, true},
        {"CFGI_VMS_PIDM", 0x07, 0, nullptr, false},
        {"TLBI_NH_ALL", 0x10, 0, &Features::s1p, true},
        {"TLBI_NH_ASID", 0x11, 0, &Features::s1p, true},
        {"TLBI_NH_VA", 0x12, 0, &Features::s1p, true},
        {"TLBI_NH_VAA", 0x13, 0, &Features::s1p, true},
        {"TLBI_EL3_ALL", 0x18, 0, nullptr, false},
        {"TLBI_EL3_VA", 0x1A, 0, nullptr, false},
        {"TLBI_EL2_ALL", 0x20, 0, &Features::hyp, true},
        {"TLBI_EL2_ASID", 0x21, 0, &Features::hyp, true},
        {"TLBI_EL2_VA", 0x22, 0, &Features::hyp, true},
        {"TLBI_EL2_VAA", 0x23, 0, &Features::hyp, true},
        {"TLBI_S12_VMALL", 0x28, 0, &Features::s2p, true},
        {"TLBI_S2_IPA", 0x2A, 0, &Features::s2p, true},
        {"TLBI_NSNH_ALL", 0x30, 0, nullptr, true},
        {"ATC_INV", 0x40, 0x34, &Features::ats, true},
        {"PRI_RESP", 0x41, 0x2000, &Features::pri, true},
        {"PRI_RESP with RESP 3", 0x41, 0x3000, nullptr, false},
        {"RESUME", 0x1044, 0, nullptr, true},
        {"STALL_TERM", 0x45, 0, nullptr, true},
        {"SYNC", 0x46, 0, nullptr, true},
        {"SYNC with CS 3", 0x3046, 0, nullptr, false},
        {"TLBI_S_EL2_ALL", 0x50, 0, nullptr, false},
        {"TLBI_S_EL2_ASID", 0x51, 0, nullptr, false},
        {"TLBI_S_EL2_VA", 0x52, 0, nullptr, false},
        {"TLBI_S_EL2_VAA", 0x53, 0, nullptr, false},
        {"TLBI_S_S12_VMALL", 0x58, 0, nullptr, false},
        {"TLBI_S_S2_IPA", 0x5A, 0, nullptr, false},
        {"TLBI_SNH_ALL", 0x60, 0, nullptr, false},
        {"DPTI_ALL", 0x70, 0, nullptr, false},
        {"DPTI_PA", 0x73, 0, nullptr, false},
        {"an SSec command on the non-secure queue", 0x403, 0, nullptr, false},
        {"a range of nothing (TG 1, NUM SCALE TTL 0)", 0x0012000000000012, 0x0000000010000400, nullptr, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Features features = full_features();
        CHECK(illegal_command({row.dw0, row.dw1}, features) == !row.legal_in_full);
        if (row.needs != nullptr) {
            features.*row.needs = 0;
            CHECK(illegal_command({row.dw0, row.dw1}, features));
        }
    }
    Features no_stall = full_features();
    no_stall.stall_model = 1;
    CHECK(illegal_command({0x1044, 0}, no_stall));
    CHECK(illegal_command({0x45, 0}, no_stall));
    // TG 2 (16K) with TTL 1 and NUM = SCALE = 0: without DS there is no such block, so TTL counts as 0.
    const CommandWords block_of_16k{0x0012000000000012, 0x0000000010000900};
    Features no_ds = full_features();
    no_ds.ds = 0;
    CHECK(illegal_command(block_of_16k, no_ds));
    CHECK_FALSE(illegal_command(block_of_16k, full_features()));
    CHECK_FALSE(illegal_command({0x0012000000001012, 0x0000000010000900}, no_ds));  // NUM 1
    CHECK_FALSE(illegal_command({0x0012000000000012, 0x0000000010000A00}, no_ds));  // TTL 2
    CHECK_FALSE(illegal_command({0x0012000000000012, 0x0000000010000500}, no_ds));  // 4K: TTL 1 is a level
    Features no_range = full_features();
    no_range.ril = 0;
    CHECK_FALSE(illegal_command({0x0012000000000012, 0x0000000010000400}, no_range));
}

TEST_CASE("smmuv3 commands: every opcode that is not a command is CERROR_ILL", "[iommu][smmuv3]") {
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        CAPTURE(opcode);
        if (std::string(name(static_cast<Opcode>(opcode))) == "reserved") {
            CHECK(illegal_command({opcode, 0}, full_features()));
        }
    }
}

TEST_CASE("smmuv3 events: overflow is flagged once and loses what finds no room", "[iommu][smmuv3][vector]") {
    Bench bench;
    for (unsigned i = 0; i < 32; ++i) fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x20);
    CHECK(count(bench, Interrupt::eventq) == 1);  // empty to non-empty only
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000020);
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000020);
    // An overflow that is not acknowledged does not keep out records for which there is room.
    bench.write(reg::EVENTQ_CONS, 0x00000010);
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x80000021);
    bench.write(reg::EVENTQ_CONS, 0x80000021);
    for (unsigned i = 0; i < 33; ++i) fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0x00000001);  // 0x21 + 32 wraps to 1, and OVFLG toggles back
}

TEST_CASE("smmuv3 events: a disabled queue drops records silently", "[iommu][smmuv3]") {
    Bench bench;
    bench.write(reg::CR0, bench.read(reg::CR0) & ~cr0::EVENTQEN.mask());
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0);
    bench.write(reg::CR0, bench.read(reg::CR0) | cr0::EVENTQEN.mask());
    CHECK(bench.read(reg::EVENTQ_PROD) == 0);
}

TEST_CASE("smmuv3 events: an aborted record is EVENTQ_ABT and closes the queue until acknowledged", "[iommu][smmuv3]") {
    Bench bench;
    bench.memory.abort_from = Bench::kEvtq;
    bench.memory.abort_to = Bench::kEvtq + 32;
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0);
    CHECK(bench.read(reg::GERROR) == gerror::EVENTQ_ABT.mask());
    bench.memory.abort_to = 0;
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 0);
    bench.write(reg::GERRORN, gerror::EVENTQ_ABT.mask());
    fault(bench);
    CHECK(bench.read(reg::EVENTQ_PROD) == 1);
}

TEST_CASE("smmuv3 interrupts: MSIs go out beside the wire, and their aborts are errors", "[iommu][smmuv3]") {
    Bench bench;
    bench.write(reg::IRQ_CTRL, 0);
    bench.write(reg::EVENTQ_IRQ_CFG0, 0x90000000, 8);
    bench.write(reg::EVENTQ_IRQ_CFG1, 0x1234);
    bench.write(reg::EVENTQ_IRQ_CFG2, 1);
    bench.write(reg::GERROR_IRQ_CFG0, 0x90000010, 8);
    bench.write(reg::GERROR_IRQ_CFG1, 0x55);
    bench.write(reg::IRQ_CTRL, 7);
    SECTION("the event queue's") {
        fault(bench);
        CHECK(bench.memory.load(0x90000000, 4) == 0x1234);
        CHECK(count(bench, Interrupt::eventq) == 1);
    }
    SECTION("an aborted one sets MSI_EVENTQ_ABT, which itself is signalled") {
        bench.memory.abort_from = 0x90000000;
        bench.memory.abort_to = 0x90000004;
        fault(bench);
        CHECK(bench.read(reg::GERROR) == gerror::MSI_EVENTQ_ABT.mask());
        CHECK(bench.memory.load(0x90000010, 4) == 0x55);
    }
    SECTION("its registers are closed while it is enabled") {
        bench.write(reg::EVENTQ_IRQ_CFG1, 0x9999);
        CHECK(bench.read(reg::EVENTQ_IRQ_CFG1) == 0x1234);
    }
    SECTION("nothing goes out when it is not enabled") {
        bench.write(reg::IRQ_CTRL, 0);
        fault(bench);
        CHECK(bench.memory.load(0x90000000, 4) == 0);
        CHECK(count(bench, Interrupt::eventq) == 0);
    }
}

TEST_CASE("smmuv3 events: MEV lets equal records merge while they wait", "[iommu][smmuv3]") {
    Bench bench;
    Registers& r = bench.smmu.registers;
    Events& events = bench.smmu.events;
    const EventWords first{0x10 | (0x10ULL << 32), 0x0000020800000000, 0x5008, 0};
    EventWords second = first;
    second[2] = 0x5FF0;
    EventWords third = first;
    third[2] = 0x6000;
    CHECK(events.report(first, false, true, 0, r) == Events::Reported::recorded);
    CHECK(events.report(second, false, true, 0, r) == Events::Reported::recorded);
    CHECK(events.report(third, false, true, 0, r) == Events::Reported::recorded);
    bench.settle();
    CHECK(bench.read(reg::EVENTQ_PROD) == 2);
    CHECK(events.merged == 1);
}

TEST_CASE("smmuv3 GBPA: written with UPDATE, applied later, and then decides while translation is off",
          "[iommu][smmuv3][vector]") {
    Bench bench(Bench::params(Bench::features_44()), false);
    bench.smmu.write_register(reg::GBPA, 4, 0x00100000);  // without UPDATE: ignored
    CHECK(bench.read(reg::GBPA) == 0x1000);
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    bench.smmu.write_register(reg::GBPA, 4, 0x80101000);
    CHECK(bench.read(reg::GBPA) == 0x80101000);
    bench.smmu.write_register(reg::GBPA, 4, 0x80001000);  // ignored while UPDATE is 1
    CHECK(bench.read(reg::GBPA) == 0x80101000);
    bench.settle();
    CHECK(bench.read(reg::GBPA) == 0x00101000);
    const Step& step = bench.step(Bench::read_of(0x1000));
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK_FALSE(step.result.recorded);
}
