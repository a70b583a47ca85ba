// Apple's DART against docs/spec/iommu-hardware.md sections 5, 13 and 17: registers, words, faults, invalidation.
#include <catch2/catch.hpp>

#include "iommu/dart/purpose.hpp"
#include "tests/iommu/dart_world.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::dart;
namespace table = xlate::iommu::dart_table;

namespace {

constexpr std::uint64_t kL1 = 0x834000000, kL2 = 0x834004000, kPage = 0x456788000, kIova = 0x0ABCD234;

/// Stream 3 translates kIova by tables of 16 KiB pages; `leaf` is the last word.
World translated(const DartParams& params, std::uint64_t leaf) {
    World world(params);
    const bool dart1 = params.words == table::Words::dart1;
    world.memory.words[kL1 + 5 * 8] = (dart1 ? kL2 : kL2 >> 4) | 1;
    world.memory.words[kL2 + 0x2F3 * 8] = leaf;
    world.set_ttbr(3, 0, kL1);
    world.set_tcr(3, params.generation == Generation::t8020 ? 0x80 : 0x1);
    return world;
}

}  // namespace

TEST_CASE("dart words: the vectors of section 13 decode and encode", "[iommu][dart]") {
    CHECK(table::address(0x000FFF0456788003, table::Words::dart1) == kPage);
    CHECK(table::address(0x000FFF0345678801, table::Words::dart2) == 0x3456788000);
    CHECK((table::address_field(0x834000000, table::Words::dart2) | 1) == 0x0000000083400001);
    CHECK(table::shift(14, 1) == 25);
    CHECK(table::shift(14, 2) == 36);
    CHECK(table::shift(12, 1) == 21);
    CHECK(table::shift(12, 2) == 30);
}

// Memory of t6000 machines begins at 0x10000000000 (Linux, t600x-j314-j316.dtsi): bit 28 of the page number is the
// table's.
TEST_CASE("dart walk: tables lie above 40 bits on t6000", "[iommu][dart]") {
    constexpr std::uint64_t kFirst = 0x10000004000, kSecond = 0x30000008000, kHigh = 0x3456788000;
    World world(t6000_dart());
    world.memory.words[kFirst + 5 * 8] = kSecond >> 4 | 1;
    world.memory.words[kSecond + 0x2F3 * 8] = 0x000FFF0345678801;
    world.set_ttbr(3, 0, kFirst);
    world.set_tcr(3, 0x80);
    const Step step = world.access(3, kIova);
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == kHigh + (kIova & 0x3FFF));
}

TEST_CASE("dart registers: every row keeps to its access, others read as zero", "[iommu][dart]") {
    const DartParams params = GENERATE(t8103_dart(), t6000_dart(), t8110_dart());
    World world(params);
    for (std::uint32_t offset = 0; offset < kRegisterBytes; offset += 4) {
        const RegRow* row = find_row(params.generation, offset);
        if (row == nullptr) {
            world.write(offset, 0xFFFFFFFF);
            CHECK(world.read(offset) == 0);
            continue;
        }
        INFO(row->first.name << " " << offset);
        const std::uint32_t before = world.read(offset);
        if (row->first.access == Access::ro) {
            world.write(offset, ~before);
            CHECK(world.read(offset) == before);
        }
        if (row->first.name == "TCR" || row->first.name == "TTBR") {
            world.write(offset, 0xA5A5A5A5);
            CHECK(world.read(offset) == 0xA5A5A5A5);
            world.write(offset, 0);
        }
    }
    CHECK(params1::PAGE_SHIFT.get(world.read(PARAMS1)) == params.page_log2);
    CHECK(params2::BYPASS_SUPPORT.test(world.read(PARAMS2)));
    CHECK(world.owner.read_register(kRegisterBytes, 4) == 0);
}

TEST_CASE("dart: a locked one ignores writes of TCR and TTBR", "[iommu][dart]") {
    DartParams params = GENERATE(t8103_dart(), t8110_dart());
    params.locked = true;
    World world(params);
    world.set_tcr(3, 0x80);
    world.set_ttbr(3, 0, kL1);
    CHECK(world.dart.registers.tcr(3) == 0);
    CHECK(world.dart.registers.ttbr(3, 0) == 0);
}

TEST_CASE("dart: TCR blocks, bypasses or translates, stream by stream", "[iommu][dart]") {
    World world = translated(t8103_dart(), 0x000FFF0456788003);
    CHECK(world.fault(2, kIova) == FaultCode::blocked);
    CHECK(world.read(t8020::ERROR) == 0);  // a blocked access leaves no record
    const Step done = world.access(3, kIova);
    REQUIRE(done.kind == StepKind::done);
    CHECK(done.result.pa.value == kPage + (kIova & 0x3FFF));
    world.set_tcr(2, 0x1100);
    const Step bypassed = world.access(2, kIova);
    REQUIRE(bypassed.kind == StepKind::done);
    CHECK(bypassed.result.pa.value == kIova);
    CHECK(bypassed.result.entry.bypass);
    // Without support the bit does nothing.
    DartParams without = t8103_dart();
    without.bypass_support = false;
    World strict(without);
    strict.set_tcr(2, 0x1100);
    CHECK(strict.fault(2, kIova) == FaultCode::blocked);
    // A stream that is off, and one that is not there.
    world.write(t8020::STREAMS_ENABLE, 0xFFFFFFF7);
    CHECK(world.fault(3, kIova) == FaultCode::blocked);
    CHECK(world.fault(16, kIova) == FaultCode::blocked);
}

TEST_CASE("dart: four table bases divide 4 GiB in pages of 4 KiB", "[iommu][dart]") {
    DartParams params = t8103_dart();
    params.page_log2 = 12;
    World world(params);
    const std::uint64_t l1 = 0x48041000, l2 = 0x480A7000;
    for (unsigned i = 0; i < 4; ++i) {
        world.set_ttbr(0, i, l1 + i * 0x10000);
        world.memory.words[l1 + i * 0x10000 + 511 * 8] = (l2 + i * 0x10000) | 1;
        world.memory.words[l2 + i * 0x10000 + 504 * 8] = 0x000FFF0043571003 + i * 0x1000;
    }
    world.set_tcr(0, 0x80);
    for (unsigned i = 0; i < 4; ++i) {
        const Step step = world.access(0, (std::uint64_t{i} << 30) + 0x3FFF8123);
        REQUIRE(step.kind == StepKind::done);
        CHECK(step.result.pa.value == 0x43571123 + i * 0x1000);
    }
    CHECK(world.fault(0, std::uint64_t{1} << 32) == FaultCode::no_ttbr);
}

TEST_CASE("dart: each fault is named, latched first come, and cleared by software", "[iommu][dart]") {
    World world = translated(t8103_dart(), 0x000FFF0456788083);  // read only
    CHECK(world.fault(3, kIova) == FaultCode::none);
    CHECK(world.fault(3, kIova, true) == FaultCode::write);
    CHECK(world.read(t8020::ERROR) == 0x83000008);
    CHECK(world.read(t8020::ERROR_ADDR_LO) == kIova);
    CHECK(world.fault(3, kIova + 0x4000) == FaultCode::no_pte);
    CHECK(world.read(t8020::ERROR) == 0x83000008);  // the first stays
    CHECK(world.dart.counters.errors_lost == 1);
    world.write(t8020::ERROR, 0x83000008);
    CHECK(world.read(t8020::ERROR) == 0);
    CHECK(world.fault(3, kIova + 0x4000) == FaultCode::no_pte);
    CHECK(world.read(t8020::ERROR) == 0x83000004);  // section 17
    world.write(t8020::ERROR, 0x80000000);
    CHECK(world.fault(3, kIova + 0x2000000) == FaultCode::no_pmd);
    CHECK(world.read(t8020::ERROR) == 0x83000002);
    world.write(t8020::ERROR, 0x80000000);
    CHECK(world.fault(3, (std::uint64_t{1} << 36) + kIova) == FaultCode::no_ttbr);
    CHECK(world.read(t8020::ERROR) == 0x83000001);
    CHECK(world.read(t8020::ERROR_ADDR_HI) == 0x10);
}

TEST_CASE("dart t8110: faults, masks, streams with errors", "[iommu][dart]") {
    World world(t8110_dart());
    unsigned pulses = 0;
    world.owner.on_wire = [&](const WireSpec&) { ++pulses; };
    const unsigned stream = 0x12;
    world.set_tcr(stream, 0x1);
    CHECK(world.fault(stream, kIova) == FaultCode::no_ttbr);
    CHECK(world.read(t8110::ERROR) == 0x81200001);
    CHECK(pulses == 1);
    CHECK(world.read(t8110::ERROR_STREAMS) == 1U << stream);
    world.write(t8110::ERROR, world.read(t8110::ERROR));
    world.write(t8110::ERROR_STREAMS, 1U << stream);
    CHECK(world.read(t8110::ERROR_STREAMS) == 0);
    world.set_ttbr(stream, 0, kL1);
    CHECK(world.read(t8110::ttbr_offset(stream)) == 0x00834001);
    world.memory.words[kL1 + 5 * 8] = kL2 >> 4 | 1;
    world.memory.words[kL2 + 0x2F3 * 8] = (kPage >> 4) | 0x000FFF0000000001 | 8;  // no read
    world.write(t8110::ERROR_MASK, t8110::error::READ);
    CHECK(world.fault(stream, kIova) == FaultCode::read);
    CHECK(world.read(t8110::ERROR) == 0x81200020);  // section 17
    CHECK(pulses == 1);
    world.write(t8110::ERROR_MASK, 0);
    CHECK(pulses == 2);
    CHECK(world.access(stream, kIova, true).kind == StepKind::done);
}

TEST_CASE("dart t8110: four levels", "[iommu][dart]") {
    World world(t8110_dart());
    const std::uint64_t iova = 0x1F2ABCD234;  // section 17: 0x1, 0x795, 0x2F3, 0x1234
    const std::uint64_t l0 = 0x800000000, l1 = 0x800004000, l2 = 0x800008000;
    world.set_tcr(0x12, 0x9);
    world.set_ttbr(0x12, 0, l0);
    CHECK(world.fault(0x12, iova) == FaultCode::no_pgd);
    world.memory.words[l0 + 8] = l1 >> 4 | 1;
    CHECK(world.fault(0x12, iova) == FaultCode::no_pmd);
    world.memory.words[l1 + 0x795 * 8] = l2 >> 4 | 1;
    world.memory.words[l2 + 0x2F3 * 8] = 0x000FFF0345678801;
    const Step step = world.access(0x12, iova);
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x3456788000 + 0x1234);
    CHECK(world.fault(0x12, std::uint64_t{1} << 47) == FaultCode::no_ttbr);
}

TEST_CASE("dart: a page may give access to a part of itself", "[iommu][dart]") {
    World world = translated(t8103_dart(), 0x4007FF0456788001);  // section 17: bytes 0x1000 to 0x1FFF
    const std::uint64_t page = kIova & ~std::uint64_t{0x3FFF};
    CHECK(world.fault(3, page + 0x1000) == FaultCode::none);
    CHECK(world.fault(3, page + 0x1FC0) == FaultCode::none);
    CHECK(world.fault(3, page + 0x1FC1) == FaultCode::read);
    CHECK(world.fault(3, page + 0x0FC0) == FaultCode::read);
    CHECK(world.fault(3, page + 0x2000, true) == FaultCode::write);
    // SP_DIS lifts the check.
    World whole = translated(t8103_dart(), 0x4007FF0456788003);
    CHECK(whole.fault(3, page) == FaultCode::none);
}

TEST_CASE("dart: what is cached goes with its stream's invalidation, and only then", "[iommu][dart]") {
    const DartParams params = GENERATE(t8103_dart(), t8110_dart());
    World world = translated(params, params.words == table::Words::dart1 ? 0x000FFF0456788003 : 0x000FFF0045678801);
    const std::uint64_t old = params.words == table::Words::dart1 ? kPage : 0x456788000;
    world.set_ttbr(4, 0, kL1);
    world.set_tcr(4, params.generation == Generation::t8020 ? 0x80 : 0x1);
    for (const unsigned stream : {3U, 4U}) CHECK(world.access(stream, kIova).result.pa.value == old + 0x1234);
    world.memory.words[kL2 + 0x2F3 * 8] = 0;
    CHECK(world.fault(3, kIova) == FaultCode::none);  // stale, as hardware may be
    if (params.generation == Generation::t8020) {
        world.write(t8020::STREAM_SELECT, 1 << 3);
        world.write(t8020::STREAM_COMMAND, 0x100000);
        CHECK(world.read(t8020::STREAM_COMMAND) == 0x100000);  // done: BUSY is down
    } else {
        world.write(t8110::TLB_CMD, 0x103);
        CHECK(world.read(t8110::TLB_CMD) == 0x103);
    }
    CHECK(world.fault(3, kIova) == FaultCode::no_pte);
    CHECK(world.fault(4, kIova) == FaultCode::none);
    CHECK(world.dart.counters.translations == world.dart.counters.faults + world.dart.counters.bypassed + 4);
}

TEST_CASE("dart: BUSY stays until older translations are done", "[iommu][dart]") {
    Dart dart(t8103_dart());
    dart.write_register(t8020::STREAM_SELECT, 4, 0xFFFF);
    dart.write_register(t8020::STREAM_COMMAND, 4, 0x100000);
    CHECK(dart.read_register(t8020::STREAM_COMMAND, 4) == 0x100004);
    REQUIRE(dart.machine_pending(0));
    CHECK(dart.step_machine(0, {}).kind == StepKind::sync);
    CHECK(dart.read_register(t8020::STREAM_COMMAND, 4) == 0x100004);
    CHECK(dart.step_machine(0, {}).kind == StepKind::idle);
    CHECK(dart.read_register(t8020::STREAM_COMMAND, 4) == 0x100000);
    CHECK_FALSE(dart.machine_pending(0));
}

TEST_CASE("dart: what its words say, for the sanitizer", "[iommu][dart]") {
    DartParams small = t8103_dart();
    small.page_log2 = 12;
    const Dart v1(small), v2(t6000_dart());
    TableWord says;
    REQUIRE(v1.decode(word_purpose(0), 0x000FFF0043538003, says));
    CHECK(
        (says.present && says.leaf && says.log2_bytes == 12 && says.target == 0x43538000 && says.target_bytes == 4096));
    REQUIRE(v1.decode(word_purpose(1), 0x43538001, says));
    CHECK((says.present && !says.leaf && says.log2_bytes == 21 && says.next == word_purpose(0)));
    CHECK(v1.table_bytes(0) == 4096);
    REQUIRE(v2.decode(word_purpose(2), 0x83400001, says));
    CHECK((says.log2_bytes == 36 && says.target == 0x834000000 && says.target_bytes == 0x4000));
    REQUIRE(v2.decode(word_purpose(0), 0x2, says));
    CHECK_FALSE(says.present);
    CHECK_FALSE(v2.decode(word_purpose(3), 1, says));
    CHECK(v2.space_of_stream(StreamId{5}) == 5U);
}
