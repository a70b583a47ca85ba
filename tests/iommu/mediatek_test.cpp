// MediaTek's M4U against docs/spec/iommu-hardware.md sections 16.3 and 17.
#include <catch2/catch.hpp>

#include "tests/iommu/mediatek_world.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::mediatek;
using namespace xlate::iommu::mediatek::tests;

namespace {

constexpr std::uint32_t kRoot = 0x80010000;

/// mt8192, larbs 0 and 4, port 3 of larb 0 switched over; tables at 0x80010000.
World wide() {
    World world(parameters_of("mediatek,mt8192-m4u", {0, 4}));
    world.write(reg::PT_BASE, kRoot);
    world.write(reg::INT_CONTROL0, 0x6F);
    world.write(reg::INT_MAIN, 0x3FFF);
    world.write(larb::NONSEC_CON(3), 1, World::larb(0));
    return world;
}

}  // namespace

TEST_CASE("mediatek: words, pointers and addresses are the specification's", "[iommu][mediatek]") {
    // Section 17: M4U page, section, table.
    CHECK((keep(0x45678E52, 31, 12) | high_bits(0x45678E52)) == 0x345678000);
    CHECK((keep(0x456B1212, 31, 20) | high_bits(0x456B1212)) == 0x345600000);
    CHECK(keep(0x80004409, 31, 10) == 0x80004400);
    CHECK(high_bits_word(0x700000000) == 0x230);
    // M4U range flush.
    CHECK(invld_word(0x123456000) == 0x23456001);
    CHECK(invld_word(0x123459FFF) == 0x23459001);
    CHECK(invld_address(0x23459001) == 0x123459000);
    CHECK(l1_index(0x123456000, 34) == 0x1234);
    CHECK(l2_index(0x123456000) == 0x56);
    // M4U enables.
    CHECK((larb::EN.of(1) | larb::bank_bits(1)) == 0x5501);
    CHECK(pt_base(0x380010000) == 0x80010003);
    CHECK(table_base(0x80010003) == 0x380010000);
}

TEST_CASE("mediatek: a port passes until its larb switches it over", "[iommu][mediatek]") {
    struct Row {
        const char* compatible;
        std::uint32_t offset, value;
    };
    const Row row = GENERATE(
        Row{"mediatek,mt8173-m4u", larb::MMU_EN_MT8173, 1U << 3},
        Row{"mediatek,mt6795-m4u", larb::MMU_EN_MT8173, 1U << 3},
        Row{"mediatek,mt8167-m4u", larb::MMU_EN_MT8167, 1U << 3}, Row{"mediatek,mt2712-m4u", larb::NONSEC_CON(3), 1},
        Row{"mediatek,mt8183-m4u", larb::NONSEC_CON(3), 1}, Row{"mediatek,mt8192-m4u", larb::NONSEC_CON(3), 1});
    INFO(row.compatible);
    World world(parameters_of(row.compatible, {0, 1}));
    world.write(reg::PT_BASE, kRoot);
    world.memory.words[kRoot + 0x123 * 4] = 0x80004409;
    world.memory.words[0x80004400 + 0x45 * 4] = 0x45678C42;
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x12345678);
    CHECK_FALSE(world.mmu.translates());
    world.write(row.offset, row.value, World::larb(0));
    CHECK(world.mmu.translates());
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x45678678);
    for (const std::uint32_t other : {2U, 4U, 0x23U}) {
        CHECK(world.fault(other, 0x12345678) == Fault::none);
        CHECK(world.pa == 0x12345678);
    }
    world.write(row.offset, 0, World::larb(0));
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x12345678);
}

TEST_CASE("mediatek: pages, large pages, sections and supersections, with 35 bits of address", "[iommu][mediatek]") {
    World world = wide();
    world.memory.words[kRoot + 0x123 * 4] = 0x80004409;
    world.memory.words[0x80004400 + 0x45 * 4] = 0x45678E72;  // page, PA[34:32] = 7
    for (unsigned i = 0; i < 16; ++i) world.memory.words[0x80004400 + (0x50 + i) * 4] = 0x99991C41 | 1U << 9;
    world.memory.words[kRoot + 0x124 * 4] = 0x456B1212;
    for (unsigned i = 0; i < 16; ++i) world.memory.words[kRoot + (0x200 + i) * 4] = 0x770F1402;
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x745678678);
    CHECK(world.fault(3, 0x1235A678) == Fault::none);
    CHECK(world.pa == 0x19999A678);
    CHECK(world.fault(3, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x345612345);
    CHECK(world.fault(3, 0x20FEDCBA) == Fault::none);
    CHECK(world.pa == 0x77FEDCBA);
}

TEST_CASE("mediatek: high bits of a table's address count where the part has them", "[iommu][mediatek]") {
    const bool wide_tables = GENERATE(false, true);
    World world(parameters_of(wide_tables ? "mediatek,mt6779-m4u" : "mediatek,mt8183-m4u", {0}));
    world.write(reg::PT_BASE, kRoot);
    world.write(larb::NONSEC_CON(3), 1, World::larb(0));
    world.memory.words[kRoot + 0x123 * 4] = 0x80004619;  // bits 9 and 4
    world.memory.words[(wide_tables ? 0x380004400 : 0x80004400) + 0x45 * 4] = 0x45678C42;
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x45678678);
}

TEST_CASE("mediatek: IOVA[33:32] of a port are its larb's", "[iommu][mediatek]") {
    World world = wide();
    world.write(larb::NONSEC_CON(2), 0x5501, World::larb(1));
    world.memory.words[kRoot + 0x1123 * 4] = 0x80004409;
    world.memory.words[0x80004400 + 0x45 * 4] = 0x45678C42;
    const Step step = world.access(0x82, 0x112345678);
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x45678678);
    CHECK(step.result.cacheable);
    // The master's own bits above 32 are not looked at; a port must not keep that.
    const Step aliased = world.access(0x82, 0x12345678);
    REQUIRE(aliased.kind == StepKind::done);
    CHECK(aliased.result.pa.value == 0x45678678);
    CHECK_FALSE(aliased.result.cacheable);
    CHECK(world.fault(3, 0x112345678) == Fault::l1_invalid);  // bank 0
    CHECK(world.fault(0x82, std::uint64_t{1} << 34) == Fault::out_of_range);
}

TEST_CASE("mediatek: a fault is latched once, named by INT_ID, and cleared by CLR", "[iommu][mediatek]") {
    World world = wide();
    CHECK(world.fault(3, 0x12345678, true) == Fault::l1_invalid);
    CHECK(world.read(reg::FAULT_ST1) == 0x1);
    CHECK(world.read(reg::MMU0_FAULT_VA) == 0x12345002);
    CHECK(world.read(reg::MMU0_INT_ID) == 3U << 2);
    CHECK(world.pulses.size() == 1);
    const Step step = world.access(3, 0x55500000);
    CHECK(step.result.response == Response::read_zero_write_ignored);
    CHECK(world.read(reg::MMU0_FAULT_VA) == 0x12345002);  // the first one stays
    CHECK(world.mmu.counter_values()[4] == 2);
    CHECK(world.mmu.counter_values()[5] == 1);
    world.write(reg::INT_CONTROL0, 0x106F);
    CHECK(world.read(reg::FAULT_ST1) == 0);
    CHECK(world.read(reg::INT_CONTROL0) == 0x6F);
    world.memory.words[kRoot + 0x123 * 4] = 0x80004409;
    CHECK(world.fault(3, 0x12345678) == Fault::l2_invalid);
    CHECK(world.read(reg::MMU0_FAULT_VA) == 0x12345000);
    CHECK(world.pulses.size() == 2);
    world.write(reg::INT_CONTROL0, 0x106F);
    world.memory.refused_from = 0;
    CHECK(world.fault(3, 0x66600000) == Fault::walk_aborted);
    CHECK(world.read(reg::FAULT_ST1) == 0x1);
}

TEST_CASE("mediatek: section 17's fault, by common and sub-common", "[iommu][mediatek]") {
    // INT_ID 0xA9C: common 5, sub 1, port 7: larb 11 of mt8192.
    World world(parameters_of("mediatek,mt8192-m4u", {11}));
    world.write(reg::PT_BASE, kRoot);
    world.write(reg::INT_MAIN, 0x3FFF);
    world.write(larb::NONSEC_CON(7), 0x5501, World::larb(0));
    CHECK(world.fault(11 << 5 | 7, 0x123456000, true) == Fault::l1_invalid);
    CHECK(world.read(reg::FAULT_ST1) == 0x1);
    CHECK(world.read(reg::MMU0_FAULT_VA) == 0x23456202);
    CHECK(world.read(reg::MMU0_INT_ID) == 0xA9C);
    // The SMI common may hand an input to the other MMU, which latches for itself.
    world.write(smi_common::BUS_SEL, 1U << 10, 2);
    CHECK(world.fault(11 << 5 | 7, 0x1ABCDE000) == Fault::l1_invalid);
    CHECK(world.read(reg::FAULT_ST1) == 0x81);
    CHECK(world.read(reg::MMU1_FAULT_VA) == 0xABCDE200);
    CHECK(world.read(reg::MMU1_INT_ID) == 0xA9C);
}

TEST_CASE("mediatek: every larb of every SoC has an INT_ID of its own", "[iommu][mediatek]") {
    for (const Soc& soc : kSocs) {
        INFO(soc.compatible);
        std::map<std::uint32_t, unsigned> seen;
        for (unsigned larb = 0; larb < kLarbs; ++larb) {
            const Soc::Place place = soc.place_of(larb);
            if (place.common >= 8) continue;
            CHECK(soc.larbs[place.common][place.sub] == larb);
            CHECK(seen.emplace(place.common << 3 | place.sub, larb).second);
            if (soc.int_id == IntId::sub_2bits) CHECK(place.sub < 4);
        }
        CHECK((soc.infra || !seen.empty()));
    }
}

TEST_CASE("mediatek: memory outside of VLD_PA_RNG is refused", "[iommu][mediatek]") {
    World world(parameters_of("mediatek,mt2712-m4u", {0}));
    world.write(reg::PT_BASE, kRoot);
    world.write(reg::INT_MAIN, 0x3FFF);
    world.write(reg::VLD_PA_RNG, 0x704);  // 4 GiB to 8 GiB
    world.write(larb::NONSEC_CON(3), 1, World::larb(0));
    world.memory.words[kRoot + 0x123 * 4] = 0x45600002;
    CHECK(world.fault(3, 0x12345678) == Fault::invalid_pa);
    CHECK(world.read(reg::FAULT_ST1) == 0x4);
    CHECK(world.read(reg::MMU0_INVLD_PA) == 0x45645678);
    world.memory.words[kRoot + 0x123 * 4] = 0x45600202;
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    CHECK(world.pa == 0x145645678);
}

TEST_CASE("mediatek: what is cached goes by range, and by everything", "[iommu][mediatek]") {
    World world = wide();
    world.memory.words[kRoot + 0x123 * 4] = 0x80004409;
    world.memory.words[0x80004400 + 0x45 * 4] = 0x45678C42;
    CHECK(world.fault(3, 0x12345678) == Fault::none);
    world.memory.words[0x80004400 + 0x45 * 4] = 0;
    CHECK(world.fault(3, 0x12345678) == Fault::none);  // stale
    SECTION("another page, then this one") {
        world.range(0x12346000, 0x12346FFF, reg::INV_SEL_GEN2);
        CHECK(world.fault(3, 0x12345678) == Fault::none);
        CHECK(world.read(reg::CPE_DONE) == 1);
        world.write(reg::CPE_DONE, 0);
        CHECK(world.read(reg::CPE_DONE) == 0);
        world.range(0x12345000, 0x12345FFF, reg::INV_SEL_GEN2);
        CHECK(world.read(reg::CPE_DONE) == 1);
    }
    SECTION("everything") {
        world.write(reg::INV_SEL_GEN2, 3);
        world.write(reg::INVALIDATE, 2);
        CHECK(world.mmu.counter_values()[6] == 1);
    }
    CHECK(world.fault(3, 0x12345678) == Fault::l2_invalid);
    // First-level words have a cache of their own, which goes with the same flushes.
    world.memory.words[kRoot + 0x123 * 4] = 0;
    CHECK(world.fault(3, 0x12345678) == Fault::l2_invalid);
    world.range(0x12345000, 0x12345FFF, reg::INV_SEL_GEN2);
    CHECK(world.fault(3, 0x12345678) == Fault::l1_invalid);
}

TEST_CASE("mediatek: of no MMU selected nothing is flushed", "[iommu][mediatek]") {
    World world = wide();
    world.memory.words[kRoot + 0x124 * 4] = 0x45600002;
    CHECK(world.fault(3, 0x12412345) == Fault::none);
    world.memory.words[kRoot + 0x124 * 4] = 0;
    world.write(reg::INV_SEL_GEN1, 3);  // the other generation's place
    world.write(reg::INVALIDATE, 2);
    CHECK(world.fault(3, 0x12412345) == Fault::none);
    world.write(reg::INV_SEL_GEN2, 3);
    world.write(reg::INVALIDATE, 2);
    CHECK(world.fault(3, 0x12412345) == Fault::l1_invalid);
}

TEST_CASE("mediatek: CPE_DONE comes when older translations are done", "[iommu][mediatek]") {
    M4u mmu(parameters_of("mediatek,mt8192-m4u", {0}));
    mmu.write_register(reg::INV_SEL_GEN2, 4, 3);
    mmu.write_register(reg::INVALIDATE, 4, 1);
    CHECK(mmu.read_register(reg::CPE_DONE, 4) == 0);
    REQUIRE(mmu.machine_pending(0));
    CHECK(mmu.step_machine(0, {}).kind == StepKind::sync);
    CHECK(mmu.step_machine(0, {}).kind == StepKind::idle);
    CHECK(mmu.read_register(reg::CPE_DONE, 4) == 1);
    CHECK_FALSE(mmu.machine_pending(0));
}

TEST_CASE("mediatek: the infrastructure's banks have tables, faults and interrupts of their own", "[iommu][mediatek]") {
    Parameters parameters;
    parameters.soc = *find_soc("mediatek,mt8195-iommu-infra");
    parameters.satellites.push_back({Satellite::Kind::pericfg, 0, 0x1000});
    parameters.wires = 5;
    World world(parameters);
    const std::uint32_t four = 4 * kBankBytes;
    world.write(reg::PT_BASE, kRoot);
    world.write(four + reg::PT_BASE, kRoot + 0x4000);
    world.write(reg::INT_MAIN, 0x3FFF);
    world.write(four + reg::INT_MAIN, 0x3FFF);
    world.memory.words[kRoot + 0x124 * 4] = 0x45600002;
    world.memory.words[kRoot + 0x4000 + 0x124 * 4] = 0x78900002;
    CHECK(world.fault(16, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x12412345);
    world.write(pericfg::IOMMU_1, 0x00130000, 1);  // section 17: PCIe ports 16, 17; and 20
    CHECK(world.fault(16, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x45612345);
    CHECK(world.fault(20, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x78912345);
    CHECK(world.fault(21, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x12412345);
    CHECK(world.fault(20, 0x22212345) == Fault::l1_invalid);
    CHECK(world.read(reg::FAULT_ST1) == 0);
    CHECK(world.read(four + reg::FAULT_ST1) == 1);
    CHECK(world.read(four + reg::MMU0_INT_ID) == 20U << 2);
    CHECK(world.pulses == std::vector<unsigned>{4});
    // A bank's range is its own; everything is all banks'.
    world.memory.words.clear();
    world.range(0, 0xFFFFFFFF, reg::INV_SEL_GEN2);
    CHECK(world.fault(20, 0x12412345) == Fault::none);
    CHECK(world.fault(16, 0x12412345) == Fault::l1_invalid);
    world.write(reg::INV_SEL_GEN2, 3);
    world.write(reg::INVALIDATE, 2);
    CHECK(world.fault(20, 0x12412345) == Fault::l1_invalid);
    // Banks that are not there are storage of nothing.
    world.write(2 * kBankBytes + reg::PT_BASE, kRoot);
    CHECK(world.read(2 * kBankBytes + reg::PT_BASE) == 0);
}

TEST_CASE("mediatek: where firmware has the enables, a table switches it on", "[iommu][mediatek]") {
    Parameters parameters;
    parameters.soc = *find_soc("mediatek,mt8188-iommu-infra");
    World world(parameters);
    CHECK_FALSE(world.mmu.translates());
    CHECK(world.fault(7, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x12412345);
    world.memory.words[kRoot + 0x124 * 4] = 0x45600002;
    world.write(reg::PT_BASE, kRoot);
    CHECK(world.mmu.translates());
    CHECK(world.fault(7, 0x12412345) == Fault::none);
    CHECK(world.pa == 0x45612345);
}

TEST_CASE("mediatek: what is no access of this kind is refused, a debugger's leaves no trace", "[iommu][mediatek]") {
    World world = wide();
    Request request;
    request.sid = StreamId{3};
    request.address = 0x12345000;
    request.ats = AtsType::translation_request;
    CHECK(world.owner.translate(request).result.response == Response::abort);
    request.ats = AtsType::untranslated;
    request.debug = true;
    CHECK(world.owner.translate(request).kind == StepKind::fault);
    CHECK(world.read(reg::FAULT_ST1) == 0);
    CHECK(world.pulses.empty());
    CHECK(world.mmu.counter_values()[0] == 0);
}

TEST_CASE("mediatek: a larb that is asked to sleep says that it may", "[iommu][mediatek]") {
    World world = wide();
    world.write(larb::SLP_CON, 1, World::larb(0));
    CHECK(world.read(larb::SLP_CON, World::larb(0)) == 0x10001);
    world.write(larb::SLP_CON, 0, World::larb(0));
    CHECK(world.read(larb::SLP_CON, World::larb(0)) == 0);
}

TEST_CASE("mediatek: accesses that are no registers read zero and change nothing", "[iommu][mediatek]") {
    World world = wide();
    const std::uint64_t before = world.read(reg::PT_BASE);
    world.owner.write_register(reg::PT_BASE, 8, 0);
    world.owner.write_register(reg::PT_BASE + 2, 4, 0);
    world.owner.write_register(0x1000, 4, 7);
    world.owner.write_register(0, 4, 7, 9);
    CHECK(world.read(reg::PT_BASE) == before);
    CHECK(world.owner.read_register(0x1000, 4) == 0);
    CHECK(world.owner.read_register(0, 4, 9) == 0);
    CHECK(world.owner.read_register(reg::PT_BASE, 8) == 0);
    world.write(reg::FAULT_ST1, 0x3FFF);  // read only
    CHECK(world.read(reg::FAULT_ST1) == 0);
}

TEST_CASE("mediatek: words say to a sanitizer what they are", "[iommu][mediatek]") {
    const M4u mmu(parameters_of("mediatek,mt6779-m4u", {0}));
    TableWord word;
    REQUIRE(mmu.decode(AccessPurpose{0}, 0x80004619, word));
    CHECK((word.present && !word.leaf && word.target == 0x380004400));
    REQUIRE(mmu.decode(AccessPurpose{0}, 0x456B1212, word));
    CHECK((word.present && word.leaf && word.target == 0x345600000));
    REQUIRE(mmu.decode(AccessPurpose{1}, 0x45678E52, word));
    CHECK((word.present && word.leaf && word.target == 0x345678000));
    REQUIRE(mmu.decode(AccessPurpose{1}, 0, word));
    CHECK_FALSE(word.present);
    CHECK_FALSE(mmu.decode(AccessPurpose{2}, 0, word));
}
