// A VT-d unit's registers, legacy mode's tables, fault records: expected values are the specification's
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

TEST_CASE("vt-d: fault records are used in turn, an overflow is told once", "[iommu][vtd]") {
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
