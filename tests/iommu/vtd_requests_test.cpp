// What comes to a VT-d unit besides DMA: ATS, page requests, interrupts: expected values are the specification's
// (docs/spec/iommu-hardware.md sections 3, 13, 17).
#include <catch2/catch.hpp>

#include "tests/iommu/vtd_world.hpp"

namespace xlate::iommu::vtd {
namespace {

constexpr std::uint32_t kDevice = 0xF8;  // 00:1f.0

}  // namespace

TEST_CASE("vt-d: ATS", "[iommu][vtd]") {
    World world(world_params("server"));
    world.on(false);
    const std::uint64_t table = world.page();
    world.context(kDevice, table, 4, 5, context::DEVICE_TLB);
    world.map_second(table, 4, 0x1000, 0x30000000, 1, 1);
    Request asks = World::request(kDevice, 0x1000);
    asks.ats = AtsType::translation_request;
    Step step = world.translate(asks);
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.entry.pa == 0x30000000);
    CHECK(world.slot->outcome().readable);
    CHECK_FALSE(world.slot->outcome().writable);
    asks.address = 0x2000;
    step = world.translate(asks);
    CHECK(step.kind == StepKind::done);
    CHECK(world.slot->outcome().no_access);
    CHECK(world.read(reg::FSTS) == 0);
    Request translated = World::request(kDevice, 0x30000000);
    translated.ats = AtsType::translated;
    CHECK(world.translate(translated).result.pa.value == 0x30000000);
    world.context(kDevice, table, 4, 5);
    world.flush_context(qi::GLOBAL);
    CHECK(world.refusal(world.translate(translated)) == Reason::request_blocked);
}

TEST_CASE("vt-d: page requests go to their queue, answers to endpoints", "[iommu][vtd]") {
    World world;
    world.on(true);
    world.pasid_first(kDevice, 3, world.page(), 4, 9, 0, scalable_context::PASIDE.of(1) | scalable_context::PRE.of(1));
    world.write(reg::PQA, 0x800000, 8);
    world.write(reg::PEADDR, 0xFEE00000);
    world.write(reg::PECTL, 0);
    PageRequest asks;
    asks.sid = StreamId{kDevice};
    asks.ssid = SubstreamId{3};
    asks.address = 0x7000;
    asks.read = asks.last = true;
    asks.prg_index = 0x12;
    world.unit.page_request(asks);
    world.settle();
    CHECK(world.read(reg::PQT, 8) == 0x20);
    CHECK(world.read(reg::PRS) == 1);
    CHECK(world.pulses == std::vector<unsigned>{2});
    CHECK(world.word(0x800000) == 0x0000000300F80101);
    CHECK(world.word(0x800008) == (0x7000 | 1 | 4 | 0x12 << 3));
    world.queue({qi::TYPE.of(9) | qi::PP.of(1) | qi::RC.of(1) | qi::RID.of(kDevice) | qi::PASID.of(3),
                 qi::LPIG.of(1) | qi::PRGI.of(0x12), 0, 0});
    REQUIRE(world.answers.size() == 1);
    CHECK(world.answers.front().code == 1);
    CHECK(world.answers.front().prg_index == 0x12);
    SECTION("a device that may not") {
        asks.sid = StreamId{0x10};
        world.pasid_first(0x10, 3, world.page(), 4, 9);
        world.unit.page_request(asks);
        world.settle();
        CHECK(Bench::reason(world.record()) == Reason::sm_no_page_requests);
        REQUIRE(world.answers.size() == 2);
        CHECK(world.answers.back().code == 1);
    }
    SECTION("a full queue: the endpoint is to try again") {
        world.write(reg::PRS, 1);
        world.write(reg::PQH, 0x40, 8);
        world.unit.page_request(asks);
        world.settle();
        CHECK(world.read(reg::PRS) == 2);
        REQUIRE(world.answers.size() == 2);
        CHECK(world.answers.back().code == 0);
    }
}

TEST_CASE("vt-d: interrupts", "[iommu][vtd]") {
    World world(world_params("server"));
    const std::uint64_t table = 0x700000;
    world.queue_on();
    const auto deliver = [&](std::uint32_t sid, std::uint64_t address, std::uint32_t data) {
        const Step step = world.message(sid, address, data);
        return step.kind == StepKind::done ? std::pair{world.slot->outcome().address, world.slot->outcome().data}
                                           : std::pair{std::uint64_t{0}, std::uint32_t{0}};
    };
    const auto reason = [&](std::uint32_t sid, std::uint64_t address, std::uint32_t data) {
        return world.refusal(world.message(sid, address, data));
    };
    CHECK(deliver(kDevice, 0xFEE01000, 0x41) == std::pair{std::uint64_t{0xFEE01000}, std::uint32_t{0x41}});
    world.write(reg::IRTA, table | 0xF, 8);
    world.command(gcmd::SIRTP.mask());
    world.queue({4, 0, 0, 0});
    world.command(gcmd::IRE.mask());
    CHECK(reason(kDevice, 0xFEE01000, 0x41) == Reason::ir_compatibility);
    world.command(gcmd::CFI.mask());
    CHECK(deliver(kDevice, 0xFEE01000, 0x41).first == 0xFEE01000);
    world.write(reg::GCMD, (world.read(reg::GSTS) & gcmd::kKept) & ~gcmd::CFI.mask());
    // The worked vector: index 0x8123, vector 0x31 to APIC 5, from 00:1f.0 alone.
    world.put(table + 0x8123 * 16, 0x0000050000310009);
    world.put(table + 0x8123 * 16 + 8, 0x400F8);
    CHECK(deliver(kDevice, 0xFEE0247C, 0) == std::pair{std::uint64_t{0xFEE05008}, std::uint32_t{0x4031}});
    CHECK(reason(0x10, 0xFEE0247C, 0) == Reason::ir_source);
    world.message(kDevice, 0xFEE02470, 0);  // index 0x123: nothing is there
    CHECK(world.record(2).low == 0x0123000000000000);
    CHECK(world.record(2).high == 0x80000022000000F8);
    world.clear_faults();
    // A handle and a sub-handle are added.
    world.put(table + 0x8125 * 16, 0x0000060000320001);
    CHECK(deliver(kDevice, 0xFEE0247C, 2).second == 0x4032);
    // Rewritten, it is as before until the cache is told.
    world.put(table + 0x8125 * 16, 0x0000060000330001);
    CHECK(deliver(kDevice, 0xFEE0247C, 2).second == 0x4032);
    world.queue({0x0000812500000014, 0, 0, 0});
    CHECK(deliver(kDevice, 0xFEE0247C, 2).second == 0x4033);
    SECTION("buses") {
        world.put(table, 0x0000060000340001);
        world.put(table + 8, irte::SVT.of(irte::CHECK_BUS) | 0x0205);
        CHECK(deliver(0x0300, 0xFEE00010, 0).second == 0x4034);
        CHECK(reason(0x0600, 0xFEE00010, 0) == Reason::ir_source);
        CHECK(reason(0x0100, 0xFEE00010, 0) == Reason::ir_source);
    }
    SECTION("reserved bits") {
        world.put(table, 0x0000060000340001 | irte::IM.of(1));
        CHECK(reason(kDevice, 0xFEE00010, 0) == Reason::ir_reserved);
        world.put(table, 0x0000060000340001);
        world.put(table + 8, irte::SVT.of(3));
        CHECK(reason(kDevice, 0xFEE00010, 0) == Reason::ir_reserved);
        CHECK(reason(kDevice, 0xFEE00018, 0x10000) == Reason::ir_request_reserved);
    }
    SECTION("beyond the table, and a table that is not there") {
        world.write(reg::IRTA, table, 8);
        world.command(gcmd::SIRTP.mask());
        CHECK(reason(kDevice, 0xFEE00050, 0) == Reason::ir_index);
        world.write(reg::IRTA, 0x300000000 | 0xF, 8);
        world.command(gcmd::SIRTP.mask());
        world.queue({4, 0, 0, 0});
        CHECK(reason(kDevice, 0xFEE00010, 0) == Reason::ir_access);
    }
}

}  // namespace xlate::iommu::vtd
