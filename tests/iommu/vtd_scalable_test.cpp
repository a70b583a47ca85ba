// A VT-d unit in scalable mode: first and second level, nested, what its tables can have wrong: expected values are the
// specification's (docs/spec/iommu-hardware.md sections 3, 13, 17).
#include <catch2/catch.hpp>

#include "tests/iommu/vtd_world.hpp"

namespace xlate::iommu::vtd {
namespace {

constexpr std::uint32_t kDevice = 0xF8;  // 00:1f.0

}  // namespace

TEST_CASE("vt-d: scalable mode: first level, second level, nested, pass-through", "[iommu][vtd]") {
    const bool caches = GENERATE(false, true);
    World world(world_params("scalable", caches));
    world.on(true);
    const std::uint64_t at = 0x123456789000, to = 0x150000000;
    SECTION("second level") {
        const std::uint64_t table = world.page();
        world.pasid_second(kDevice, 0, table, 4, 9);
        world.map_second(table, 4, at, to);
        CHECK(world.reach(kDevice, at + 0x10) == to + 0x10);
        CHECK(world.refusal(kDevice, at + 0x1000) == Reason::sm_second_not_present);
        world.map_second(table, 4, at + 0x2000, to, 1, 1);
        CHECK(world.refusal(kDevice, at + 0x2000, true) == Reason::sm_no_write);
        world.map_second(table, 4, at + 0x3000, to, 1, 2);
        CHECK(world.refusal(kDevice, at + 0x3000) == Reason::sm_no_read);
        CHECK(world.refusal(kDevice, std::uint64_t{1} << 48) == Reason::sm_beyond_width);
    }
    SECTION("accessed and dirty flags of the second level") {
        const std::uint64_t table = world.page();
        world.pasid_second(kDevice, 0, table, 4, 9, pasid::SLADE.of(1));
        world.map_second(table, 4, at, to);
        const std::uint64_t leaf = world.entry(table, 4, at, 1, 3);
        CHECK(world.reach(kDevice, at) == to);
        CHECK(world.word(leaf) == (to | 3 | vtd_table::second::A.of(1)));
        CHECK(world.reach(kDevice, at, true) == to);
        CHECK(world.word(leaf) == (to | 3 | vtd_table::second::A.of(1) | vtd_table::second::D.of(1)));
    }
    SECTION("first level, four and five levels, both halves") {
        const unsigned levels = GENERATE(4U, 5U);
        const std::uint64_t table = world.page();
        world.pasid_first(kDevice, 0, table, levels, 9);
        const std::uint64_t high = ~low_mask(vtd_table::input_bits(levels) - 1) | 0x456000;
        world.map_first(table, levels, at & low_mask(46), to);
        world.map_first(table, levels, high, to + 0x1000);
        CHECK(world.reach(kDevice, at & low_mask(46)) == to);
        CHECK(world.reach(kDevice, high + 8, true) == to + 0x1008);
        CHECK(world.refusal(kDevice, std::uint64_t{1} << 62) == Reason::sm_not_canonical);
        // A in every entry, D in the leaf of a write.
        CHECK(world.word(world.entry(table, levels, high, 1, 7)) == (to + 0x1000 + 0x67));
        CHECK((world.word(world.entry(table, levels, high, 2, 7)) & 0xFFF) == 0x27);
        CHECK(world.word(world.entry(table, levels, at & low_mask(46), 1, 7)) == (to | 0x27));
    }
    SECTION("first level by PASID: rights") {
        const std::uint64_t table = world.page();
        world.pasid_first(kDevice, 3, table, 4, 9, pasid::NXE.of(1), scalable_context::PASIDE.of(1));
        world.map_first(table, 4, 0x1000, to, 1, 5);
        world.map_first(table, 4, 0x2000, to, 1, 3);
        CHECK(world.reach(kDevice, 0x1000, false, 3) == to);
        CHECK(world.refusal(kDevice, 0x1000, true, 3) == Reason::sm_no_write);
        CHECK(world.refusal(kDevice, 0x2000, false, 3) == Reason::sm_supervisor_page);
        Request runs = World::request(kDevice, 0x1000, false, 3);
        runs.instruction = true;
        CHECK(world.refusal(world.translate(runs)) == Reason::sm_no_execute_requests);
        Request commands = World::request(kDevice, 0x1000, false, 3);
        commands.privileged = true;
        CHECK(world.refusal(world.translate(commands)) == Reason::sm_no_supervisor);
        // A PASID entry that changes is told.
        world.pasid_first(kDevice, 3, table, 4, 9, pasid::NXE.of(1) | pasid::ERE.of(1) | pasid::SRE.of(1));
        world.queue({qi::TYPE.of(7) | qi::G.of(qi::PC_PASID) | qi::DID.of(9) | qi::PASID.of(3), 0, 0, 0});
        world.queue({qi::TYPE.of(6) | qi::G.of(qi::PASID_ALL) | qi::DID.of(9) | qi::PASID.of(3), 0, 0, 0});
        CHECK(world.translate(runs).kind == StepKind::done);
        CHECK(world.translate(commands).kind == StepKind::done);
        commands.address = 0x2000;
        commands.write = true;
        CHECK(world.translate(commands).kind == StepKind::done);
        world.put(world.entry(table, 4, 0x1000, 1, 7), to | 5 | vtd_table::first::XD.of(1));
        world.queue({qi::TYPE.of(6) | qi::G.of(qi::PASID_PAGE) | qi::DID.of(9) | qi::PASID.of(3), 0x1000, 0, 0});
        CHECK(world.refusal(world.translate(runs)) == Reason::sm_no_execute);
        CHECK(world.refusal(kDevice, kInterruptBase, false, 3) == Reason::sm_interrupt_address);
    }
    SECTION("a supervisor writes what is read-only unless WPE is set") {
        const std::uint64_t table = world.page();
        world.pasid_first(kDevice, 3, table, 4, 9, pasid::SRE.of(1), scalable_context::PASIDE.of(1));
        world.pasid_first(kDevice, 4, table, 4, 10, pasid::SRE.of(1) | pasid::WPE.of(1));
        world.map_first(table, 4, 0x1000, to, 1, 1);
        Request writes = World::request(kDevice, 0x1000, true, 3);
        writes.privileged = true;
        CHECK(world.translate(writes).kind == StepKind::done);
        writes.ssid = SubstreamId{4};
        CHECK(world.refusal(world.translate(writes)) == Reason::sm_no_write);
    }
    SECTION("nested") {
        const std::uint64_t second = world.page();
        // The guest's tables stand in its pages 0x100000 and up, which the second level puts elsewhere.
        const std::uint64_t base = 0x160000000;
        for (std::uint64_t page = 0; page < 64; ++page) {
            world.map_second(second, 4, 0x100000 + page * 0x1000, base + page * 0x1000);
        }
        world.map_second(second, 4, 0x40000000, 0x170000000, 2);
        world.pasid(kDevice, 0, second | pasid::AW.of(2) | pasid::PGTT.of(pasid::NESTED), 9, 0x100000);
        std::uint64_t table = 0;
        for (unsigned level = 4; level > 1; --level) {
            world.put(base + table + vtd_table::index(at, level) * 8, (0x100000 + table + 0x1000) | 7);
            table += 0x1000;
        }
        world.put(base + table + vtd_table::index(at, 1) * 8, std::uint64_t{0x40005000} | 7);
        CHECK(world.reach(kDevice, at + 4, true) == 0x170005004);
        CHECK(world.word(base + table + vtd_table::index(at, 1) * 8) == (0x40005000 | 0x67));
        // The page is the smaller one of both.
        CHECK(world.access(kDevice, at).result.entry.log2_bytes == 12);
        // A change of the second level needs one invalidation of the domain's pages, which takes nested ones too.
        world.map_second(second, 4, 0x40000000, 0x178000000, 2);
        world.flush_iotlb(qi::PAGE, 9, 0x40000000, 9);
        CHECK(world.reach(kDevice, at) == 0x178005000);
        world.put(world.entry(second, 4, 0x40000000, 2, 3), 0);
        world.flush_iotlb(qi::DOMAIN, 9);
        CHECK(world.refusal(kDevice, at) == Reason::sm_second_not_present);
        world.put(world.entry(second, 4, 0x101000, 1, 3), 0);
        world.flush_iotlb(qi::DOMAIN, 9);
        CHECK(world.refusal(kDevice, at) == Reason::sm_nested_entry);
        world.put(world.entry(second, 4, 0x100000, 1, 3), 0);
        world.flush_iotlb(qi::DOMAIN, 9);
        CHECK(world.refusal(kDevice, at) == Reason::sm_nested_root);
    }
    SECTION("pass-through") {
        world.pasid(kDevice, 0, pasid::AW.of(2) | pasid::PGTT.of(pasid::PASS_THROUGH), 9, 0);
        CHECK(world.reach(kDevice, 0x12345000) == 0x12345000);
    }
}

TEST_CASE("vt-d: what scalable mode's tables can have wrong", "[iommu][vtd]") {
    World world(world_params("scalable", false));
    world.on(true);
    const std::uint64_t table = world.page();
    world.pasid_first(kDevice, 0, table, 4, 9);
    world.map_first(table, 4, 0x1000, 0x150000000);
    REQUIRE(world.reach(kDevice, 0x1000) == 0x150000000);
    const std::uint64_t context_entry = world.scalable_context_at(kDevice), entry = world.pasid_at(kDevice, 0);
    const std::uint64_t directory = scalable_context::directory(world.word(context_entry));
    const std::uint64_t root_word = World::kRoot + 8;
    const auto with = [&](std::uint64_t where, std::uint64_t value) {
        const std::uint64_t before = world.word(where);
        world.put(where, value);
        const Reason reason = world.refusal(kDevice, 0x1000);
        world.put(where, before);
        return reason;
    };
    CHECK(with(root_word, 0) == Reason::sm_root_not_present);
    CHECK(with(root_word, world.word(root_word) | 4) == Reason::sm_root_reserved);
    CHECK(with(root_word, 0x300000001) == Reason::sm_context_access);
    CHECK(with(context_entry, 0) == Reason::sm_context_not_present);
    CHECK(with(context_entry, world.word(context_entry) | 0x20) == Reason::sm_context_reserved);
    CHECK(with(context_entry, 0x300000001) == Reason::sm_directory_access);
    CHECK(with(context_entry + 8, 0x2000) == Reason::sm_directory_not_present);
    CHECK(with(directory, 0) == Reason::sm_directory_not_present);
    CHECK(with(directory, world.word(directory) | 4) == Reason::sm_directory_reserved);
    CHECK(with(directory, 0x300000001) == Reason::sm_pasid_access);
    CHECK(with(entry, 0) == Reason::sm_pasid_not_present);
    CHECK(with(entry, world.word(entry) | 0x400) == Reason::sm_pasid_reserved);
    CHECK(with(entry, 1) == Reason::sm_pasid_invalid);
    CHECK(with(entry + 16, 0x300000000) == Reason::sm_first_root);
    CHECK(with(world.entry(table, 4, 0x1000, 2, 7), 0x300000007) == Reason::sm_first_access);
    CHECK(with(world.entry(table, 4, 0x1000, 1, 7), 0x150000007 | std::uint64_t{1} << 50) == Reason::sm_first_reserved);
    CHECK(with(world.entry(table, 4, 0x1000, 1, 7), std::uint64_t{0x150000007} | vtd_table::first::XD.of(1)) ==
          Reason::sm_first_reserved);
    CHECK(world.refusal(kDevice, 0x1000, false, 1) == Reason::sm_no_pasid);
    Request asks = World::request(kDevice, 0x1000);
    asks.ats = AtsType::translation_request;
    CHECK(world.refusal(world.translate(asks)) == Reason::sm_no_device_tlb);
    world.put(context_entry,
              (world.word(context_entry) & ~scalable_context::PDTS.mask()) | scalable_context::PASIDE.of(1));
    CHECK(world.refusal(kDevice, 0x1000, false, 0x2000) == Reason::sm_pasid_too_large);
    CHECK(with(context_entry + 8, 0x2000) == Reason::sm_rid_pasid_too_large);
    SECTION("FPD silences what comes behind it") {
        world.put(entry, world.word(entry) | pasid::FPD.of(1));
        const Step step = world.access(kDevice, 0x5000);
        CHECK(step.kind == StepKind::fault);
        CHECK_FALSE(step.result.recorded);
        CHECK(world.read(reg::FSTS) == 0);
    }
}

}  // namespace xlate::iommu::vtd
