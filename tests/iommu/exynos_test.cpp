// The Exynos SysMMU against docs/spec/iommu-hardware.md sections 16.2 and 17: registers by version, blocking, flushes,
// faults.
#include "tests/iommu/exynos_world.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::StepKind;

namespace {

struct Shape {
    unsigned major, minor;
    bool vm;
};
constexpr Shape kShapes[] = {{1, 0, false}, {2, 0, false}, {3, 1, false}, {3, 2, false}, {3, 3, false},
                             {5, 0, false}, {5, 2, false}, {7, 4, false}, {7, 4, true}};

/// Version 3: tables at 0x83000000 and 0x80004400 (17, "Exynos v3").
void map_v3(ExynosWorld& world, std::uint32_t page_word) {
    world.memory.store(0x83000000 + 0x123 * 4, 0x80004401, 4);
    world.memory.store(0x80004400 + 0x45 * 4, page_word, 4);
}
/// Version 5: root 0x880000000, table 0x880004400 (17, "Exynos v5").
void map_v5(ExynosWorld& world, std::uint32_t page_word) {
    world.memory.store(0x880000000 + 0x123 * 4, 0x88000441, 4);
    world.memory.store(0x880004400 + 0x45 * 4, page_word, 4);
}

/// Of any version: IOVA 0x12345678 in a page of 0x45678000 (a version's words), with or without rights.
struct Mapped : ExynosWorld {
    explicit Mapped(const Shape& shape) : ExynosWorld(exynos_of(shape.major, shape.minor, shape.vm)) {
        if (shape.major < 5) {
            map_v3(*this, 0x45678012);
            base = 0x83000000;
        } else {
            map_v5(*this, 0x0456780E);
            base = 0x00880000;
        }
        enable(base);
    }
    void set_page(std::uint32_t v3, std::uint32_t v5) {
        if (parameters.version.major() < 5) {
            map_v3(*this, v3);
        } else {
            map_v5(*this, v5);
        }
    }
    std::uint32_t base = 0;
};
std::string text_of(const Shape& shape) {
    return std::to_string(shape.major) + "." + std::to_string(shape.minor) + (shape.vm ? " vm" : "");
}

}  // namespace

TEST_CASE("exynos: VERSION and the capabilities say what it is", "[iommu][exynos]") {
    CHECK(ExynosWorld(exynos_of(3, 3)).read(0x34) == 0x30600000);
    CHECK(ExynosWorld(exynos_of(5, 2)).read(0x34) == 0x50400000);
    ExynosWorld plain(exynos_of(7, 4)), vm(exynos_of(7, 4, true));
    CHECK(plain.read(0x34) == 0x70800000);
    CHECK((plain.read(0x870) >> 11 & 1) == 0);
    CHECK((vm.read(0x870) >> 11 & 1) == 1);
    CHECK((vm.read(0x874) >> 14 & 1) == 1);
    CHECK(ex::version_of(0x80000001).raw == ex::make_version(1, 0).raw);
}

TEST_CASE("exynos: words of version 3 as the vectors have them", "[iommu][exynos]") {
    ExynosWorld world(exynos_of(3, 3));
    world.handler = [&] { world.answer(); };
    map_v3(world, 0x45678012);
    world.memory.store(0x83000000 + 0x456 * 4, 0x45600402, 4);
    world.memory.store(0x83000000 + 0x457 * 4, 0x45608402, 4);  // read only
    world.memory.store(0x80004400 + 0x46 * 4, 0x45678212, 4);   // read only
    for (unsigned i = 0; i < 16; ++i) world.memory.store(0x80004400 + (0x50 + i) * 4, 0x45670011, 4);
    world.enable(0x83000000);
    CHECK(world.pa(0x12345678, true) == 0x45678678);
    CHECK(world.pa(0x45612345, true) == 0x45612345);
    CHECK(world.pa(0x45712345) == 0x45612345);
    CHECK(world.pa(0x45712345, true) == 0);
    CHECK(world.pa(0x12346678) == 0x45678678);
    CHECK(world.pa(0x12346678, true) == 0);
    CHECK(world.pa(0x1235C987, true) == 0x4567C987);
}

TEST_CASE("exynos: words of version 5 as the vectors have them", "[iommu][exynos]") {
    ExynosWorld world(exynos_of(5, 2));
    world.handler = [&] { world.answer(); };
    map_v5(world, 0x8456780E);
    world.memory.store(0x880000000 + 0x456 * 4, 0x84560032, 4);
    world.memory.store(0x880004400 + 0x46 * 4, 0x84567806, 4);  // read only
    world.memory.store(0x880004400 + 0x47 * 4, 0x8456780A, 4);  // write only
    for (unsigned i = 0; i < 16; ++i) world.memory.store(0x880004400 + (0x50 + i) * 4, 0x8456700D, 4);
    world.enable(0x00880000);
    CHECK(world.pa(0x12345678, true) == 0x845678678);
    CHECK(world.pa(0x45612345) == 0x845612345);
    CHECK(world.pa(0x12346678) == 0x845678678);
    CHECK(world.pa(0x12346678, true) == 0);
    CHECK(world.pa(0x12347678, true) == 0x845678678);
    CHECK(world.pa(0x12347678) == 0);
    CHECK(world.pa(0x1235C987, true) == 0x84567C987);
}

TEST_CASE("exynos: while it is off everything passes, and an address loses what the bus does not have",
          "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        CHECK(world.pa(0x12345678) == 0x45678678);
        CHECK(world.pa(0xFFFFFFFF12345678) == 0x45678678);
        world.ctrl(0);
        CHECK(world.pa(0x12345678) == 0x12345678);
        CHECK_FALSE(world.mmu.translates());
    }
}

TEST_CASE("exynos: a block is acknowledged, holds accesses, and ends with CTRL", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        CHECK(world.read(ex::reg::STATUS) == 0);
        world.ctrl(7);
        CHECK(world.read(ex::reg::STATUS) == 1);
        CHECK(world.access(0x12345678).kind == StepKind::stalled);
        CHECK(world.resumed.empty());
        world.ctrl(5);
        CHECK(world.read(ex::reg::STATUS) == 0);
        REQUIRE(world.resumed.size() == 1);
        CHECK(world.resumed.front().step.result.pa.value == 0x45678678);
        CHECK(world.pulses == 0);
        // Switched off instead: it passes.
        world.ctrl(7);
        CHECK(world.access(0x12345678).kind == StepKind::stalled);
        world.ctrl(0);
        REQUIRE(world.resumed.size() == 2);
        CHECK(world.resumed.back().step.result.pa.value == 0x12345678);
    }
}

TEST_CASE("exynos: BLOCKED comes when the owner has drained, for the last block asked for", "[iommu][exynos]") {
    ex::SysMmu mmu(exynos_of(5, 2));
    const auto step = [&] { return mmu.step_machine(0, {}).kind; };
    const auto blocked = [&] { return mmu.read_register(ex::reg::STATUS, 4) == 1; };
    mmu.write_register(ex::reg::CTRL, 4, 7);
    REQUIRE(mmu.machine_pending(0));
    CHECK(step() == StepKind::sync);
    CHECK_FALSE(blocked());
    CHECK(step() == StepKind::idle);
    CHECK(blocked());
    CHECK_FALSE(mmu.machine_pending(0));
    // Given up before the drain has ended, and asked for again: accesses of between are waited for too.
    mmu.write_register(ex::reg::CTRL, 4, 5);
    mmu.write_register(ex::reg::CTRL, 4, 7);
    CHECK(step() == StepKind::sync);
    mmu.write_register(ex::reg::CTRL, 4, 5);
    mmu.write_register(ex::reg::CTRL, 4, 7);
    CHECK(step() == StepKind::sync);
    CHECK_FALSE(blocked());
    CHECK(step() == StepKind::idle);
    CHECK(blocked());
    // Given up: the drain ends in nothing.
    mmu.write_register(ex::reg::CTRL, 4, 5);
    mmu.write_register(ex::reg::CTRL, 4, 7);
    CHECK(step() == StepKind::sync);
    mmu.write_register(ex::reg::CTRL, 4, 5);
    CHECK(step() == StepKind::idle);
    CHECK_FALSE(blocked());
}

TEST_CASE("exynos: what is cached stays until it is flushed: all, an address, a range", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        const auto moved = [&](bool other) {
            world.set_page(other ? 0x55678012 : 0x45678012, other ? 0x0556780E : 0x0456780E);
        };
        CHECK(world.pa(0x12345678) == 0x45678678);
        moved(true);
        CHECK(world.pa(0x12345678) == 0x45678678);
        world.write(world.map.flush_entry, 0x12346001);  // the next page
        CHECK(world.pa(0x12345678) == 0x45678678);
        world.write(world.map.flush_entry, 0x12345000);  // without bit 0
        CHECK(world.pa(0x12345678) == 0x45678678);
        world.write(world.map.flush_entry, 0x12345001);
        CHECK(world.pa(0x12345678) == 0x55678678);
        moved(false);
        world.write(world.map.flush_all, 1);
        CHECK(world.pa(0x12345678) == 0x45678678);
        if (world.map.flush_range == 0) continue;
        moved(true);
        world.write(world.map.flush_start, 0x12340000);
        world.write(world.map.flush_end, 0x12344000);
        world.write(world.map.flush_range, 1);
        CHECK(world.pa(0x12345678) == 0x45678678);
        world.write(world.map.flush_end, 0x12345000);
        world.write(world.map.flush_range, 1);
        CHECK(world.pa(0x12345678) == 0x55678678);
    }
}

TEST_CASE("exynos: an entry flush of any page in it drops a section and a large page", "[iommu][exynos]") {
    ExynosWorld world(exynos_of(3, 3));
    map_v3(world, 0x45678012);
    for (unsigned i = 0; i < 16; ++i) world.memory.store(0x80004400 + (0x50 + i) * 4, 0x45670011, 4);
    world.memory.store(0x83000000 + 0x456 * 4, 0x45600402, 4);
    world.enable(0x83000000);
    CHECK(world.pa(0x12351000) == 0x45671000);
    CHECK(world.pa(0x45612345) == 0x45612345);
    for (unsigned i = 0; i < 16; ++i) world.memory.store(0x80004400 + (0x50 + i) * 4, 0x55670011, 4);
    world.memory.store(0x83000000 + 0x456 * 4, 0x55600402, 4);
    world.write(world.map.flush_entry, 0x1235F001);
    CHECK(world.pa(0x12351000) == 0x55671000);
    CHECK(world.pa(0x45612345) == 0x45612345);
    world.write(world.map.flush_entry, 0x456FF001);
    CHECK(world.pa(0x45612345) == 0x55612345);
}

TEST_CASE("exynos: first-level words are cached from 3.2 on, those that lead nowhere from 3.3 on", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        world.handler = [&] { world.answer(); };
        const ex::Version version = world.parameters.version;
        const bool v5 = shape.major >= 5;
        const std::uint64_t root = v5 ? 0x880000000 : 0x83000000, table = v5 ? 0x880004400 : 0x80004400;
        // 0x12390678 has no page; then another table takes the place of the first one, in which it has.
        CHECK(world.pa(0x12390678) == 0);
        world.memory.store(table + 0x400 + 0x90 * 4, v5 ? 0x0456780E : 0x45678012, 4);
        world.memory.store(root + 0x123 * 4, v5 ? 0x88000481 : 0x80004801, 4);
        const bool stale = version.at_least(3, 3);
        CHECK(world.pa(0x12390678) == (stale ? 0 : 0x45678678));
        if (!stale) continue;
        // Linux: entry flush before version 5, a flush of everything from then on.
        world.write(world.map.flush_entry, 0x12390001);
        CHECK(world.pa(0x12390678) == (v5 ? 0 : 0x45678678));
        world.write(world.map.flush_all, 1);
        CHECK(world.pa(0x12390678) == 0x45678678);
    }
    // CFG.FLPDCACHE off: never.
    Mapped world(kShapes[4]);
    world.enable(world.base, 0x784);
    world.handler = [&] { world.answer(); };
    CHECK(world.pa(0x12390678) == 0);
    world.memory.store(0x80004800 + 0x90 * 4, 0x45678012, 4);
    world.memory.store(0x83000000 + 0x123 * 4, 0x80004801, 4);
    CHECK(world.pa(0x12390678) == 0x45678678);
}

TEST_CASE("exynos: a page fault is recorded, blocks, and is tried again when CTRL lets it", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        for (const bool write : {false, true}) {
            INFO(text_of(shape) << (write ? " write" : " read"));
            Mapped world(shape);
            const iommu::Step step = world.access(0x12390678, write);
            CHECK(step.kind == StepKind::stalled);
            CHECK(step.result.fault == static_cast<std::uint16_t>(ex::Fault::page_invalid));
            CHECK(step.result.recorded);
            CHECK(world.pulses == 1);
            CHECK(world.read(ex::reg::STATUS) == 1);
            const bool v5 = shape.major == 5;
            CHECK(world.read(world.map.int_status) == (shape.major < 5 ? 1u : v5 && write ? 0x20000u : 2u));
            if (shape.major < 5) {
                CHECK(world.read(0x24) == 0x12390678);
            } else if (v5) {
                CHECK(world.read(write ? 0x80 : 0x70) == 0x12390678);
            } else {
                CHECK(world.read(shape.vm ? 0x1000 : 0x70) == 0x12390678);
                CHECK(world.read(shape.vm ? 0x1004 : 0x78) == (write ? 0x100000u : 0u));
            }
            // Others wait.
            CHECK(world.access(0x12345678).kind == StepKind::stalled);
            // A page appears; the fault is answered.
            const bool first_shape = shape.major < 5;
            world.memory.store((first_shape ? 0x80004400 : 0x880004400) + 0x90 * 4,
                               first_shape ? 0x45679012 : 0x0456790E, 4);
            world.answer();
            REQUIRE(world.resumed.size() == 2);
            CHECK(world.resumed[0].step.result.pa.value == 0x45679678);
            CHECK(world.resumed[1].step.result.pa.value == 0x45678678);
            CHECK(world.read(world.map.int_status) == 0);
            CHECK(world.pulses == 1);
        }
    }
}

TEST_CASE("exynos: an access that faults again reads zero and writes nothing", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        world.handler = [&] { world.answer(); };
        const iommu::Step step = world.access(0x12390678);
        CHECK(step.kind == StepKind::fault);
        CHECK(step.result.response == iommu::Response::read_zero_write_ignored);
        CHECK(world.pulses == 1);
        CHECK(world.mmu.counter_values()[5] == 1);  // given_up
        CHECK(world.pa(0x12345678) == 0x45678678);
    }
}

TEST_CASE("exynos: rights are looked at if CFG.EAP says so", "[iommu][exynos]") {
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Mapped world(shape);
        world.set_page(0x45678212, 0x04567806);  // read only
        world.handler = [&] { world.answer(); };
        std::uint32_t causes = 0;
        world.handler = [&] {
            causes = world.read(world.map.int_status);
            world.answer();
        };
        CHECK(world.pa(0x12345678) == 0x45678678);
        CHECK(world.access(0x12345678, true).kind == StepKind::fault);
        // AW access protection: bit 7 before version 5, 16 + 3 with it, 2 from version 7 on.
        CHECK(causes == (shape.major < 5 ? 0x80u : shape.major < 7 ? 0x80000u : 4u));
        if (shape.major < 5) CHECK(world.read(0x28) == 0x12345678);
        world.set_page(0x45678002, 0x0456780A);  // nothing; write only
        world.write(world.map.flush_all, 1);
        CHECK(world.access(0x12345678).kind == StepKind::fault);
        CHECK(causes == (shape.major < 5 ? 0x20u : shape.major < 7 ? 8u : 4u));
        if (shape.major < 5) CHECK(world.read(0x2C) == 0x12345678);
        // Without EAP.
        world.enable(world.base, 0x01100780);
        CHECK(world.pa(0x12345678) == 0x45678678);
        CHECK(world.pa(0x12345678, true) == 0x45678678);
    }
}

TEST_CASE("exynos: a table that memory refuses", "[iommu][exynos]") {
    class Refusing : public iommu::MemoryPort {
    public:
        bool read(PhysAddr, std::uint8_t*, std::uint32_t) override { return false; }
        bool write(PhysAddr, const std::uint8_t*, std::uint32_t) override { return false; }
    };
    for (const Shape& shape : kShapes) {
        INFO(text_of(shape));
        Refusing memory;
        ex::SysMmu mmu(exynos_of(shape.major, shape.minor, shape.vm));
        iommu::Untimed owner(mmu, memory);
        if (shape.vm) owner.write_register(0x8000, 4, 9);
        owner.write_register(0, 4, 5);
        iommu::Request request;
        request.address = 0x12345678;
        request.write = true;
        CHECK(owner.translate(request).result.fault == static_cast<std::uint16_t>(ex::Fault::walk_aborted));
        const auto& map = ex::registers_of(ex::make_version(shape.major, shape.minor), shape.vm);
        CHECK(owner.read_register(map.int_status, 4) == (shape.major < 5 ? 8u : shape.major < 7 ? 0x10000u : 1u));
        if (shape.major < 5) CHECK(owner.read_register(0x30, 4) == 0x12345678);
    }
}

TEST_CASE("exynos: the interrupt is level-sensitive, and CTRL enables it", "[iommu][exynos]") {
    Mapped world(kShapes[4]);
    world.ctrl(1);
    CHECK(world.access(0x12390678).kind == StepKind::stalled);
    CHECK(world.pulses == 0);
    // Unmasked: it is there. Unblocking tries the access again, which is given up.
    world.ctrl(5);
    CHECK(world.pulses == 1);
    CHECK(world.read(world.map.int_status) == 1);
    // Another cause joins: no new pulse, but one when the first is cleared.
    world.set_page(0x45678212, 0);
    world.write(world.map.flush_all, 1);
    CHECK(world.access(0x12345678, true).kind == StepKind::stalled);
    CHECK(world.pulses == 1);
    CHECK(world.read(world.map.int_status) == 0x81);
    world.write(world.map.int_clear, 1);
    CHECK(world.pulses == 2);
    world.write(world.map.int_clear, 0x80);
    CHECK(world.pulses == 2);
}

TEST_CASE("exynos: CTRL_VM enables translation and says whether a fault blocks", "[iommu][exynos]") {
    Mapped world({7, 4, true});
    world.write(0x8000, 0);
    CHECK(world.pa(0x12345678) == 0x12345678);  // ours: as if it were off
    world.write(0x8000, 1);
    CHECK(world.pa(0x12345678) == 0x45678678);
    const iommu::Step step = world.access(0x12390678, true);
    CHECK(step.kind == StepKind::fault);
    CHECK(world.read(ex::reg::STATUS) == 0);
    CHECK(world.pulses == 1);
    CHECK(world.read(0x1000) == 0x12390678);
    // The first one stays until it is cleared.
    world.access(0x12391678);
    CHECK(world.read(0x1000) == 0x12390678);
    CHECK(world.read(0x1004) == 0x100000);
    world.write(0x64, 2);
    world.access(0x12391678);
    CHECK(world.read(0x1000) == 0x12391678);
}

TEST_CASE("exynos: registers that a version does not have read zero and take nothing", "[iommu][exynos]") {
    ExynosWorld v3(exynos_of(3, 3)), v7(exynos_of(7, 4));
    v3.write(0x20, 0x1234);
    CHECK(v3.read(0x20) == 0);
    CHECK(v3.read(0x870) == 0);
    v7.write(0x800C, 0x1234);
    v7.write(0x8000, 9);
    CHECK(v7.read(0x800C) == 0);
    CHECK(v7.read(0x8000) == 0);
    v7.owner.write_register(0x0C, 8, 0x1234);
    CHECK(v7.read(0x0C) == 0);
    v7.write(0x0C, 0x880000);
    v7.mmu.reset();
    CHECK(v7.read(0x0C) == 0);
}

TEST_CASE("exynos: a debug access changes nothing", "[iommu][exynos]") {
    Mapped world(kShapes[4]);
    iommu::Request request;
    request.debug = true;
    request.address = 0x12390678;
    CHECK(world.owner.translate(request).kind == StepKind::fault);
    CHECK(world.read(world.map.int_status) == 0);
    request.address = 0x12345678;
    CHECK(world.owner.translate(request).result.pa.value == 0x45678678);
    for (const std::uint64_t count : world.mmu.counter_values()) CHECK(count <= 1);  // one block, one flush
    CHECK(world.mmu.structure_counters(0).lookups == 0);
    CHECK(world.mmu.structure_counters(1).lookups == 0);
}

TEST_CASE("exynos: what its words say, for the sanitizer", "[iommu][exynos]") {
    ex::SysMmu v3(exynos_of(3, 3)), v5(exynos_of(5, 2));
    iommu::TableWord says;
    REQUIRE(v3.decode(ex::Purpose::section, 0x80004401, says));
    CHECK((says.present && !says.leaf && says.log2_bytes == 20 && says.target == 0x80004400 &&
           says.target_bytes == 1024));
    REQUIRE(v3.decode(ex::Purpose::section, 0x45600402, says));
    CHECK((says.leaf && says.target == 0x45600000 && says.target_bytes == 0x100000));
    REQUIRE(v5.decode(ex::Purpose::page, 0x8456780E, says));
    CHECK((says.leaf && says.log2_bytes == 12 && says.target == 0x845678000));
    REQUIRE(v5.decode(ex::Purpose::page, 0, says));
    CHECK_FALSE(says.present);
}

TEST_CASE("exynos: a walk that a section ends is a walk, too", "[iommu][exynos]") {
    ExynosWorld world(exynos_of(3, 3));
    world.memory.store(0x83000000 + 0x456 * 4, 0x45600402, 4);
    world.enable(0x83000000);
    CHECK(world.pa(0x45612345) == 0x45612345);
    CHECK(world.pa(0x45699000) == 0x45699000);  // of the same entry
    const auto values = world.mmu.counter_values();
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string_view name = world.mmu.spec().counters[i].name;
        if (name == "walks" || name == "walk_reads") CHECK(values[i] == 1);
    }
}
