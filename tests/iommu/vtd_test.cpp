// A VT-d unit's registers, tables, descriptors, faults, interrupts: expected values are the specification's
// (docs/spec/iommu-hardware.md sections 3, 13, 17).
#include <catch2/catch.hpp>

#include "iommu/families.hpp"
#include "tests/iommu/vtd_world.hpp"

namespace xlate::iommu::vtd {
namespace {

constexpr std::uint32_t kDevice = 0xF8;  // 00:1f.0
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

}  // namespace

TEST_CASE("vt-d: the specification's worked vectors", "[iommu][vtd]") {
    // Section 13.
    CHECK((0x90000000 | context::P.of(1)) == 0x0000000090000001);
    CHECK((context::AW.of(2) | context::DID.of(5)) == 0x502);
    CHECK((std::uint64_t{0x456789000} | vtd_table::second::R.of(1) | vtd_table::second::W.of(1) |
           vtd_table::second::SNP.of(1)) == 0x0000000456789803);
    CHECK((std::uint64_t{0x400000000} | vtd_table::second::R.of(1) | vtd_table::second::W.of(1) |
           vtd_table::second::PS.of(1)) == 0x0000000400000083);
    CHECK((qi::TYPE.of(2) | qi::G.of(qi::PAGE) | qi::DR.of(1) | qi::DW.of(1) | qi::DID.of(5)) == 0x500F2);
    CHECK((qi::TYPE.of(1) | qi::G.of(qi::GLOBAL)) == 0x11);
    CHECK((qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(2)) == 0x0000000200000025);
    // Section 17.
    CHECK((std::uint64_t{0x8A000000} | scalable_context::P.of(1) | scalable_context::PASIDE.of(1)) == 0x8A000009);
    CHECK(scalable_context::entries(0x8A000009) == 128);
    CHECK(pasid_directory::index(0x12345) == 0x48D);
    CHECK(pasid::index(0x12345) == 5);
    CHECK((std::uint64_t{0x90000000} | pasid::P.of(1) | pasid::AW.of(2) | pasid::PGTT.of(pasid::SECOND_LEVEL)) ==
          0x90000089);
    CHECK((pasid::P.of(1) | pasid::PGTT.of(pasid::FIRST_LEVEL)) == 0x41);
    CHECK((pasid::DID.of(9) | pasid::PWSNP.of(1)) == 0x800009);
    CHECK((std::uint64_t{0x91000000} | pasid::SRE.of(1) | pasid::WPE.of(1) | pasid::NXE.of(1)) == 0x91000031);
    CHECK((qi::TYPE.of(4) | qi::IEC_G.of(1) | qi::IM.of(2) | qi::IIDX.of(0x123)) == 0x0000012310000014);
    CHECK((qi::TYPE.of(6) | qi::G.of(qi::PASID_PAGE) | qi::DID.of(9) | qi::PASID.of(0x12345)) == 0x0001234500090036);
    CHECK((qi::TYPE.of(3) | qi::QDEP.of(0x1F) | qi::SID.of(kDevice)) == 0x000000F8001F0003);
    CHECK((irte::P.of(1) | irte::RH.of(1) | irte::V.of(0x31) | irte::XAPIC_DST.of(5)) == 0x0000050000310009);
    CHECK((irte::SID.of(kDevice) | irte::SVT.of(irte::CHECK_SID)) == 0x400F8);
    CHECK(message::handle(0xFEE0247C) == 0x8123);
    CHECK(message::SHV.test(0xFEE0247C));
}

TEST_CASE("vt-d: registers at reset, and what software may change", "[iommu][vtd]") {
    World world;
    CHECK(world.read(reg::VER) == 0x60);
    CHECK(world.read(reg::CAP, 8) == world.unit.params().cap);
    CHECK(world.read(reg::ECAP, 8) == world.unit.params().ecap);
    CHECK(world.read(reg::ECAP) == (world.unit.params().ecap & low_mask(32)));
    CHECK(world.read(reg::ECAP + 4) == world.unit.params().ecap >> 32);
    CHECK(world.read(reg::GSTS) == 0);
    for (const std::uint32_t offset : {reg::FECTL, reg::IECTL, reg::PECTL}) CHECK(world.read(offset) == 0x80000000);
    for (const RegRow& row : register_rows()) {
        INFO(row.spec.name);
        if (row.spec.access != Access::ro) continue;
        const std::uint64_t before = world.read(row.spec.offset, row.spec.size);
        world.write(row.spec.offset, ~std::uint64_t{0}, row.spec.size);
        CHECK(world.read(row.spec.offset, row.spec.size) == before);
    }
    world.write(reg::RTADDR, ~std::uint64_t{0}, 8);
    CHECK(world.read(reg::RTADDR, 8) == ~low_mask(10));
    world.write(reg::IQT, ~std::uint64_t{0}, 8);
    CHECK(world.read(reg::IQT, 8) == 0x7FFF0);
    world.write(reg::IQA + 4, 1, 4);
    CHECK(world.read(reg::IQA, 8) == 0x100000000);
    world.write(reg::FEADDR, 0xFEE00003);
    CHECK(world.read(reg::FEADDR) == 0xFEE00000);
    world.write(0xFFC, 1);
    CHECK(world.read(0xFFC) == 0);
}

TEST_CASE("vt-d: GCMD's bits are answered in GSTS, the root pointer is latched", "[iommu][vtd]") {
    World world;
    world.write(reg::RTADDR, World::kRoot, 8);
    CHECK(world.unit.root_table() == 0);
    world.write(reg::GCMD, gcmd::SRTP.mask());
    CHECK(world.read(reg::GSTS) == gcmd::SRTP.mask());
    CHECK(world.unit.root_table() == World::kRoot);
    world.write(reg::RTADDR, 0x12345000, 8);
    CHECK(world.unit.root_table() == World::kRoot);
    world.write(reg::GCMD, gcmd::QIE.mask());
    CHECK(world.read(reg::GSTS) == (gcmd::SRTP.mask() | gcmd::QIE.mask()));
    world.write(reg::GCMD, gcmd::QIE.mask() | gcmd::TE.mask());
    CHECK(gcmd::TE.test(world.read(reg::GSTS)));
    world.write(reg::GCMD, gcmd::QIE.mask());
    CHECK_FALSE(gcmd::TE.test(world.read(reg::GSTS)));
    world.write(reg::GCMD, 0);
    CHECK(world.read(reg::GSTS) == gcmd::SRTP.mask());
    SECTION("a write does not act before it is let") {
        world.unit.write_register(reg::GCMD, 4, gcmd::TE.mask());
        CHECK(world.unit.settling());
        CHECK_FALSE(gcmd::TE.test(world.read(reg::GSTS)));
        world.settle();
        CHECK(gcmd::TE.test(world.read(reg::GSTS)));
    }
}

TEST_CASE("vt-d: legacy mode, three to five levels, pages of 4 KiB to 1 GiB", "[iommu][vtd]") {
    const bool caches = GENERATE(false, true);
    World world(world_params("scalable", caches));
    world.on(false);
    const unsigned levels = GENERATE(3U, 4U, 5U);
    const unsigned level = GENERATE(1U, 2U, 3U);
    const std::uint64_t table = world.page();
    world.context(kDevice, table, levels, 5);
    const std::uint64_t bytes = std::uint64_t{1} << vtd_table::shift(level);
    const std::uint64_t from = levels == 3 ? 0x4000000000 : std::uint64_t{1} << (vtd_table::input_bits(levels) - 1);
    const std::uint64_t to = 0x140000000;
    world.map_second(table, levels, from, to, level);
    CHECK(world.reach(kDevice, from) == to);
    CHECK(world.reach(kDevice, from + bytes - 4, true) == to + bytes - 4);
    CHECK(world.refusal(kDevice, from + bytes) == Reason::no_read);
    CHECK(world.refusal(kDevice, from + bytes, true) == Reason::no_write);
    if (caches) {
        CHECK(world.reads_of_next(kDevice, from + 8) == 0);
    } else {
        CHECK(world.reads_of_next(kDevice, from + 8) == 2 + levels - (level - 1));
    }
}

TEST_CASE("vt-d: every reason of legacy mode", "[iommu][vtd]") {
    VtdParams params = world_params("qemu", false);
    params.host_bits = 0;
    World world(params);
    world.on(false);
    const std::uint64_t table = world.page();
    const std::uint64_t at = 0x10000000, to = 0x30000000;
    world.context(kDevice, table, 4, 5);
    world.map_second(table, 4, at, to);
    const std::uint64_t leaf = world.entry(table, 4, at, 1, 3), middle = world.entry(table, 4, at, 2, 3);
    const std::uint64_t context_entry = world.context_at(kDevice);
    REQUIRE(world.reach(kDevice, at) == to);
    CHECK(world.refusal(0x1234, at) == Reason::root_not_present);
    CHECK(world.refusal(0x10, at) == Reason::context_not_present);
    CHECK(world.refusal(kDevice, std::uint64_t{1} << 48) == Reason::address_beyond_width);
    const auto with = [&](std::uint64_t where, std::uint64_t value, bool write = false) {
        const std::uint64_t before = world.word(where);
        world.put(where, value);
        const Reason reason = world.refusal(kDevice, at, write);
        world.put(where, before);
        return reason;
    };
    CHECK(with(context_entry + 8, context::AW.of(3)) == Reason::context_invalid);
    CHECK(with(context_entry, table | 1 | context::TT.of(3)) == Reason::context_invalid);
    CHECK(with(context_entry, table | 1 | context::TT.of(context::DEVICE_TLB)) == Reason::context_invalid);
    CHECK(with(context_entry, table | 0x11) == Reason::context_reserved);
    CHECK(with(context_entry, 0x300000001) == Reason::context_invalid);
    CHECK(with(leaf, to | 1, true) == Reason::no_write);
    CHECK(with(leaf, to | 2) == Reason::no_read);
    CHECK(with(leaf, to | 3 | vtd_table::second::SNP.of(1)) == Reason::entry_reserved);
    CHECK(with(leaf, to | 3 | std::uint64_t{1} << 48) == Reason::entry_reserved);
    CHECK(with(middle, 0x300000003) == Reason::entry_access);
    CHECK(with(leaf, kInterruptBase | 3) == Reason::interrupt_address);
    CHECK(with(World::kRoot, 0x300000001) == Reason::context_access);
    CHECK(with(World::kRoot, world.word(World::kRoot) | 2) == Reason::root_reserved);
    CHECK(with(World::kRoot + 8, 1) == Reason::root_reserved);
    world.root(0x300000000);
    CHECK(world.refusal(kDevice, at) == Reason::root_access);
    world.root(World::kRoot);
    // AT and TT.
    Request asks = World::request(kDevice, at);
    asks.ats = AtsType::translation_request;
    CHECK(world.refusal(world.translate(asks)) == Reason::request_blocked);
    world.root(World::kRoot | rtaddr::TTM.of(1));
    CHECK(world.refusal(kDevice, at) == Reason::sm_table_address);
    world.root(World::kRoot);
    CHECK(world.refusal(kDevice, at, false, 1) == Reason::sm_pasid_in_legacy);
}

TEST_CASE("vt-d: a fault record, bit by bit", "[iommu][vtd]") {
    World world;
    world.on(false);
    world.context(kDevice, world.page(), 4, 5);
    world.access(kDevice, 0xDEADB008);
    CHECK(world.record().low == 0x00000000DEADB000);
    CHECK(world.record().high == 0xC0000006000000F8);
    const std::uint32_t at = world.unit.params().fault_offset();
    CHECK(world.read(at, 8) == 0xDEADB000);
    CHECK(world.read(at + 8, 8) == 0xC0000006000000F8);
    world.clear_faults();
    world.access(kDevice, 0xDEADB008, true);
    CHECK(world.record(1).high == 0x80000005000000F8);
    world.clear_faults();
    SECTION("with a PASID") {
        World scalable;
        scalable.on(true);
        scalable.pasid_first(kDevice, 0x12345, scalable.page(), 4, 9, 0, scalable_context::PASIDE.of(1));
        scalable.access(kDevice, 0xDEADB000, true, 0x12345);
        CHECK(scalable.record().low == 0xDEADB000);
        CHECK(scalable.record().high == 0x81234571800000F8);
    }
}

TEST_CASE("vt-d: fault records are used in turn; an overflow is told once", "[iommu][vtd]") {
    VtdParams params = world_params("server");
    World world(params);
    world.on(false);
    world.context(kDevice, world.page(), 4, 5);
    world.write(reg::FEADDR, 0xFEE00000);
    world.write(reg::FECTL, 0);
    REQUIRE(world.unit.outputs.records() == 8);
    for (std::uint64_t i = 0; i < 8; ++i) world.access(kDevice, 0x1000 * (i + 1));
    CHECK(world.read(reg::FSTS) == fsts::PPF.mask());
    CHECK(world.pulses == std::vector<unsigned>{0});
    CHECK(world.record(7).low == 0x8000);
    world.access(kDevice, 0x9000);
    CHECK(world.read(reg::FSTS) == (fsts::PPF.mask() | fsts::PFO.mask()));
    CHECK(world.record(0).low == 0x1000);
    CHECK(world.unit.outputs.lost == 1);
    CHECK(world.pulses.size() == 1);
    world.clear_faults();
    CHECK(world.read(reg::FSTS) == 0);
    world.access(kDevice, 0xA000);
    CHECK(fsts::FRI.get(world.read(reg::FSTS)) == 0);
    world.access(kDevice, 0xB000);
    world.clear_faults();
    world.access(kDevice, 0xC000);
    CHECK(fsts::FRI.get(world.read(reg::FSTS)) == 2);
    CHECK(world.record(2).low == 0xC000);
    SECTION("masked, it waits") {
        world.clear_faults();
        world.pulses.clear();
        world.write(reg::FECTL, 0x80000000);
        world.access(kDevice, 0xD000);
        CHECK(world.read(reg::FECTL) == 0xC0000000);
        CHECK(world.pulses.empty());
        world.write(reg::FECTL, 0);
        CHECK(world.read(reg::FECTL) == 0);
        CHECK(world.pulses == std::vector<unsigned>{0});
    }
    SECTION("cleared before it is unmasked, it goes") {
        world.clear_faults();
        world.write(reg::FECTL, 0x80000000);
        world.access(kDevice, 0xD000);
        world.clear_faults();
        CHECK(world.read(reg::FECTL) == 0x80000000);
    }
    SECTION("to an address outside of the interrupt range it is a write") {
        world.clear_faults();
        world.write(reg::FEADDR, 0x600000);
        world.write(reg::FEDATA, 0x41);
        world.pulses.clear();
        world.access(kDevice, 0xD000);
        CHECK(world.pulses.empty());
        CHECK(world.memory.ram.load(0x600000, 4) == 0x41);
    }
}

TEST_CASE("vt-d: what an invalidation takes, and what IH leaves", "[iommu][vtd]") {
    World world;
    world.on(false);
    const std::uint64_t table = world.page(), other = world.page();
    world.context(kDevice, table, 4, 5);
    world.context(0x10, other, 4, 6);
    const std::uint64_t at = 0x10000000;
    world.map_second(table, 4, at, 0x30000000);
    world.map_second(table, 4, at + 0x1000, 0x30001000);
    world.map_second(other, 4, at, 0x31000000);
    REQUIRE(world.reach(kDevice, at) == 0x30000000);
    REQUIRE(world.reach(0x10, at) == 0x31000000);
    CHECK(world.reads_of_next(kDevice, at) == 0);
    // The page beside it: the leaf alone is read.
    CHECK(world.reads_of_next(kDevice, at + 0x1000) == 1);
    SECTION("a page, leaf only: upper levels stay") {
        world.flush_iotlb(qi::PAGE, 5, at, 0, true);
        CHECK(world.reads_of_next(kDevice, at) == 1);
    }
    SECTION("a page: its upper levels go") {
        world.flush_iotlb(qi::PAGE, 5, at);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("an aligned range of pages") {
        world.flush_iotlb(qi::PAGE, 5, at, 1, true);
        CHECK(world.reads_of_next(kDevice, at) == 1);
        CHECK(world.reads_of_next(kDevice, at + 0x1000) == 1);
    }
    SECTION("a page of another domain takes nothing") {
        world.flush_iotlb(qi::PAGE, 6, at);
        CHECK(world.reads_of_next(kDevice, at) == 0);
        CHECK(world.reads_of_next(0x10, at) == 4);
    }
    SECTION("a domain") {
        world.flush_iotlb(qi::DOMAIN, 5);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("all of them") {
        world.flush_iotlb(qi::GLOBAL);
        CHECK(world.reads_of_next(kDevice, at) == 4);
        CHECK(world.reads_of_next(0x10, at) == 4);
    }
    SECTION("a device's context; what ports keep of it goes too") {
        world.told.clear();
        world.flush_context(qi::DEVICE, 5, kDevice);
        REQUIRE(world.told.size() == 1);
        CHECK(world.told.front().covers_stream(stream_tag(StreamId{kDevice}, std::nullopt)));
        CHECK_FALSE(world.told.front().covers_stream(stream_tag(StreamId{0x10}, std::nullopt)));
        CHECK(world.reads_of_next(kDevice, at) == 2);
        CHECK(world.reads_of_next(0x10, at) == 0);
    }
    SECTION("the contexts of a domain") {
        world.flush_context(qi::DOMAIN, 6);
        world.accesses.clear();
        world.access(0x10, at);
        CHECK(world.accesses.size() == 2 + 4);
        CHECK(world.reads_of_next(kDevice, at) == 0);
    }
    SECTION("registers do the same") {
        World old;
        old.root(World::kRoot);
        old.command(gcmd::TE.mask());
        const std::uint64_t own = old.page();
        old.context(kDevice, own, 4, 5);
        old.map_second(own, 4, at, 0x30000000);
        REQUIRE(old.reach(kDevice, at) == 0x30000000);
        const std::uint32_t iotlb_at = old.unit.params().iotlb_offset();
        old.write(iotlb_at + reg::kIva, at | 1, 8);
        old.write(iotlb_at + reg::kIotlb, iotlb::IVT.of(1) | iotlb::IIRG.of(3) | iotlb::DID.of(5), 8);
        CHECK_FALSE(iotlb::IVT.test(old.read(iotlb_at + reg::kIotlb, 8)));
        CHECK(iotlb::IAIG.get(old.read(iotlb_at + reg::kIotlb, 8)) == 3);
        CHECK(old.reads_of_next(kDevice, at) == 4);
        old.write(reg::CCMD, ccmd::ICC.of(1) | ccmd::CIRG.of(1), 8);
        CHECK_FALSE(ccmd::ICC.test(old.read(reg::CCMD, 8)));
        CHECK(ccmd::CAIG.get(old.read(reg::CCMD, 8)) == 1);
        CHECK(old.reads_of_next(kDevice, at) == 2);
        // While the queue is on they do nothing, and say so.
        old.queue_on();
        old.write(reg::CCMD, ccmd::ICC.of(1) | ccmd::CIRG.of(1), 8);
        CHECK(ccmd::CAIG.get(old.read(reg::CCMD, 8)) == 0);
        CHECK(old.reads_of_next(kDevice, at) == 0);
    }
}

TEST_CASE("vt-d: hardware may ignore IH", "[iommu][vtd]") {
    VtdParams params = world_params();
    params.leaf_hint = false;
    World world(params);
    world.on(false);
    const std::uint64_t table = world.page(), at = 0x10000000;
    world.context(kDevice, table, 4, 5);
    world.map_second(table, 4, at, 0x30000000);
    REQUIRE(world.reach(kDevice, at) == 0x30000000);
    world.flush_iotlb(qi::PAGE, 5, at, 0, true);
    CHECK(world.reads_of_next(kDevice, at) == 4);
}

TEST_CASE("vt-d: wait descriptors, and errors of the queue", "[iommu][vtd]") {
    World world;
    world.on(false);
    world.write(reg::IEADDR, 0xFEE00000);
    world.write(reg::IECTL, 0);
    world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(0x1234), 0x700000, 0, 0});
    CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
    CHECK(world.read(reg::ICS) == 0);
    world.queue({qi::TYPE.of(5) | qi::IF.of(1), 0, 0, 0});
    CHECK(world.read(reg::ICS) == 1);
    CHECK(world.pulses == std::vector<unsigned>{1});
    world.queue({qi::TYPE.of(5) | qi::IF.of(1), 0, 0, 0});
    CHECK(world.pulses.size() == 1);
    world.write(reg::ICS, 1);
    CHECK(world.read(reg::ICS) == 0);
    SECTION("a bad descriptor stops the queue at it") {
        const std::uint64_t head = world.read(reg::IQH, 8);
        world.queue({0xA, 0, 0, 0});
        CHECK(world.read(reg::FSTS) == fsts::IQE.mask());
        CHECK(world.read(reg::IQH, 8) == head);
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(7), 0x700000, 0, 0});
        CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
        world.put(world.unit.queue_address(world.unit.queue_head), 0x11);
        world.write(reg::FSTS, fsts::IQE.mask());
        CHECK(world.read(reg::FSTS) == 0);
        CHECK(world.memory.ram.load(0x700000, 4) == 7);
    }
    SECTION("a tail outside of the queue") {
        world.write(reg::IQT, 0x1000 * 2, 8);
        CHECK(world.read(reg::FSTS) == fsts::IQE.mask());
    }
    SECTION("a device TLB that does not answer: the wait is given up") {
        world.endpoint_silent = true;
        world.queue({qi::TYPE.of(3) | qi::SID.of(kDevice), 0x1000, 0, 0});
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(9), 0x700000, 0, 0});
        CHECK(world.read(reg::FSTS) == fsts::ITE.mask());
        CHECK(world.memory.ram.load(0x700000, 4) == 0x1234);
        CHECK(world.read(reg::IQH, 8) == world.read(reg::IQT, 8));
        world.endpoint_silent = false;
        world.write(reg::FSTS, fsts::ITE.mask());
        world.queue({qi::TYPE.of(5) | qi::SW.of(1) | qi::STATUS.of(9), 0x700000, 0, 0});
        CHECK(world.memory.ram.load(0x700000, 4) == 9);
    }
    SECTION("off, its head is at the beginning again") {
        world.command(0);
        world.write(reg::GCMD, 0);
        CHECK(world.read(reg::IQH, 8) == 0);
    }
}

TEST_CASE("vt-d: a device TLB's range, as descriptors code it", "[iommu][vtd]") {
    World world;
    world.on(false);
    const auto told = [&](std::uint64_t low, std::uint64_t high) {
        world.told.clear();
        world.queue({low, high, 0, 0});
        REQUIRE(world.told.size() == 1);
        CHECK(world.told.front().is_endpoint());
        return std::pair{world.told.front().first, world.told.front().last};
    };
    const std::uint64_t low = 0x000000F8001F0003;
    CHECK(told(low, 0x10000000) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10000FFF});
    CHECK(told(low, 0x10000001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10001FFF});
    CHECK(told(low, 0x10001001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x10003FFF});
    CHECK(told(low, 0x100FF001) == std::pair<std::uint64_t, std::uint64_t>{0x10000000, 0x101FFFFF});
    CHECK(told(low, ~std::uint64_t{0xFFE}) == std::pair<std::uint64_t, std::uint64_t>{0, ~std::uint64_t{0}});
}

TEST_CASE("vt-d: pass-through, and translation that is off", "[iommu][vtd]") {
    World world(world_params("server"));
    world.queue_on();
    CHECK(world.reach(kDevice, 0x12345678) == 0x12345678);
    world.on(false);
    world.context(kDevice, 0, 4, 7, context::PASS_THROUGH);
    const Step step = world.access(kDevice, 0x12345678);
    CHECK(step.result.pa.value == 0x12345678);
    CHECK(step.result.entry.bypass);
    // A block of what passes never has the interrupt range in it.
    CHECK(world.access(kDevice, 0xFED00000).result.entry.log2_bytes == 21);
    CHECK(world.access(kDevice, 0xFEF00000).result.entry.log2_bytes == 12);
    SECTION("only with the largest width") {
        world.context(kDevice, 0, 3, 7, context::PASS_THROUGH);
        world.flush_context(qi::GLOBAL);
        CHECK(world.refusal(kDevice, 0x1000) == Reason::context_invalid);
    }
    SECTION("protected memory") {
        VtdParams params = world_params("server");
        params.cap |= cap::PLMR.of(1) | cap::PHMR.of(1);
        World shielded(params);
        shielded.write(reg::PLMBASE, 0x30000000);
        shielded.write(reg::PLMLIMIT, 0x301FFFFF);
        shielded.write(reg::PHMBASE, 0x110000000, 8);
        shielded.write(reg::PHMLIMIT, 0x110000000, 8);
        CHECK(shielded.reach(kDevice, 0x30000000) == 0x30000000);
        shielded.write(reg::PMEN, pmen::EPM.mask());
        CHECK(shielded.read(reg::PMEN) == (pmen::EPM.mask() | pmen::PRS.mask()));
        CHECK(shielded.reach(kDevice, 0x30000000) == kNowhere);
        CHECK(shielded.reach(kDevice, 0x301FFFFC) == kNowhere);
        CHECK(shielded.reach(kDevice, 0x30200000) == 0x30200000);
        CHECK(shielded.reach(kDevice, 0x1100FFFFC) == kNowhere);
        CHECK(shielded.reach(kDevice, 0x110100000) == 0x110100000);
        shielded.write(reg::PMEN, 0);
        CHECK(shielded.read(reg::PMEN) == 0);
        CHECK(shielded.reach(kDevice, 0x30000000) == 0x30000000);
    }
}

TEST_CASE("vt-d: a large page over the interrupt range is kept in pieces", "[iommu][vtd]") {
    World world;
    world.on(false);
    const std::uint64_t table = world.page();
    world.context(kDevice, table, 4, 5);
    world.map_second(table, 4, 0xC0000000, 0x100000000, 3);
    CHECK(world.access(kDevice, 0xFED00000).result.entry.log2_bytes == 12);
    CHECK(world.reach(kDevice, 0xFEF00000, true) == 0x13EF00000);
    // A write there is an interrupt, whatever the tables say.
    world.access(kDevice, kInterruptBase | 0x5000, true);
    CHECK(world.slot->outcome().interrupt);
}

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

TEST_CASE("vt-d: every fault has a name, every counter and structure a value", "[iommu][vtd]") {
    World world;
    CHECK(world.unit.counter_values().size() == sheet().counters.size());
    for (std::size_t row = 0; row < sheet().structures.size(); ++row) {
        CHECK(world.unit.structure_counters(row).lookups == 0);
    }
    for (const Reason reason : {Reason::root_not_present, Reason::ir_source, Reason::sm_first_update,
                                Reason::sm_interrupt_address, Reason::sm_pasid_invalid}) {
        CHECK(fault_name(static_cast<std::uint16_t>(reason)).rfind("reason", 0) == std::string::npos);
    }
    REQUIRE(find_family("vt-d") != nullptr);
    CHECK(find_family("vt-d")->sheet().arch == "vt-d");
}

}  // namespace xlate::iommu::vtd
