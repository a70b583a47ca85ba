// OMAP's IOMMU against docs/spec/iommu-hardware.md sections 6, 14 and 17.
#include <catch2/catch.hpp>

#include "tests/iommu/omap_bench.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::tests;
namespace reg = xlate::iommu::omap::reg;

namespace {

om::Fault fault_of(const Step& step) { return static_cast<om::Fault>(step.result.fault); }

}  // namespace

TEST_CASE("omap: off passes untranslated", "[iommu][omap]") {
    OmapBench bench;
    CHECK(bench.pa(0x12345678) == 0x12345678);
    bench.enable();
    bench.write(reg::CNTL, 0);
    CHECK(bench.pa(0x12345678) == 0x12345678);
    CHECK(bench.reads == 0);
}

TEST_CASE("omap: the walker finds sections, supersections, large and small pages", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    // Section 17's words.
    bench.word(0x80000000 + 4 * 0x123, 0x80004001);
    bench.word(0x80004000 + 4 * 0xAB, 0x9ABCD002);
    CHECK(bench.pa(0x123ABCDE) == 0x9ABCDCDE);
    CHECK(bench.reads == 2);
    CHECK(bench.pa(0x123AB000) == 0x9ABCD000);
    CHECK(bench.reads == 2);  // from the TLB
    CHECK(bench.cam(0) == 0x123AB006);
    bench.word(0x80000000 + 4 * 0x200, 0x80100002);
    CHECK(bench.pa(0x200FFFFC) == 0x801FFFFC);
    for (unsigned i = 0; i < 16; ++i) bench.word(0x80000000 + 4 * (0x300 + i), 0x81040002);
    CHECK(bench.pa(0x30ABCDE0) == 0x81ABCDE0);
    for (unsigned i = 0; i < 16; ++i) bench.word(0x80004000 + 4 * (0x10 + i), 0x9AB50001);
    CHECK(bench.pa(0x1231F004) == 0x9AB5F004);
    // Bit 1 makes a small page whatever bit 0 is.
    bench.word(0x80004000 + 4 * 0x30, 0x9AB61003);
    CHECK(bench.pa(0x12330008) == 0x9AB61008);
    CHECK(bench.mmu.counter_values()[2] == 5);
}

TEST_CASE("omap: attributes of words go to the entry", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.word(0x80000000 + 4 * 1, 0x80000002 | 1 << 15 | 2 << 10 | 1 << 17);
    bench.pa(0x00100000);
    bench.lock(0, 0);
    CHECK(bench.read(reg::READ_RAM) == (0x80000000 | 1 << 9 | 2 << 7 | 1 << 6));
    CHECK(bench.read(reg::READ_CAM) == (0x00100000 | 1 << 2 | 0));
}

TEST_CASE("omap: software loads, locks and reads entries", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.lock(0, 0);
    bench.load(0x00ABC00E, 0x9ABCD000);  // section 17, preserved
    bench.write(reg::LOCK, 0x00000420);  // section 17: base 1, victim 2
    CHECK(bench.read(reg::LOCK) == 0x00000420);
    bench.load(0x00DEF006, 0x9ABCE000);
    CHECK(bench.read(reg::READ_CAM) == 0x00DEF006);  // loading leaves the victim
    CHECK(bench.read(reg::LOCK) == 0x00000420);
    CHECK(bench.pa(0x00ABC123) == 0x9ABCD123);
    CHECK(bench.pa(0x00DEF456) == 0x9ABCE456);
    CHECK(bench.reads == 0);
    CHECK(bench.cam(0) == 0x00ABC00E);
    // GFLUSH keeps what is preserved; FLUSH_ENTRY does not.
    bench.write(reg::GFLUSH, 1);
    CHECK(bench.cam(0) == 0x00ABC00E);
    CHECK(bench.cam(2) == 0);
    bench.write(reg::CAM, 0x00ABC006);
    bench.write(reg::FLUSH_ENTRY, 1);
    CHECK(bench.cam(0) == 0);
}

TEST_CASE("omap: the walker goes round the entries that are not locked", "[iommu][omap]") {
    const unsigned entries = GENERATE(8U, 32U);
    om::Parameters parameters;
    parameters.entries = entries;
    OmapBench bench(parameters);
    bench.enable();
    for (unsigned i = 0; i < 64; ++i) bench.word(0x80000000 + 4 * i, i << 20 | 2);
    bench.lock(0, 0);
    bench.load(0xFFFFF00E, 0x9ABCD000);
    bench.lock(0, 1);
    bench.load(0xFFFFE00E, 0x9ABCE000);
    bench.lock(2, 2);
    for (unsigned i = 0; i < entries - 2; ++i) bench.pa(i << 20);
    CHECK(bench.read(reg::LOCK) == (2 << 10 | 2 << 4));  // round once: at the first that is not locked
    bench.pa(60 << 20);
    CHECK(bench.read(reg::LOCK) == (2 << 10 | 3 << 4));
    CHECK(bench.cam(0) == 0xFFFFF00E);
    CHECK(bench.cam(1) == 0xFFFFE00E);
    CHECK(bench.cam(2) == (60U << 20 | 4));
    CHECK(bench.cam(3) == (1U << 20 | 4));
    // Software that has looked at a locked entry leaves the victim there: it is not replaced all the same.
    bench.lock(2, 0);
    bench.pa(61 << 20);
    CHECK(bench.cam(0) == 0xFFFFF00E);
    CHECK(bench.cam(2) == (61U << 20 | 4));
}

TEST_CASE("omap: with every entry locked a walk keeps nothing", "[iommu][omap]") {
    om::Parameters parameters;
    parameters.entries = 8;
    OmapBench bench(parameters);
    bench.enable();
    bench.word(0x80000000, 2);
    bench.lock(8, 8);
    bench.pa(0);
    bench.pa(4);
    CHECK(bench.reads == 2);
    CHECK(bench.read(reg::READ_CAM) == 0);
}

TEST_CASE("omap: a fault is recorded, interrupts and stalls until it is cleared", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.word(0x80000000 + 4 * 0x123, 0x80004001);
    const Step step = bench.translate(0x123ABCDE);
    CHECK(step.kind == StepKind::stalled);
    CHECK(fault_of(step) == om::Fault::translation);
    CHECK(bench.read(reg::IRQSTATUS) == 0x2);  // section 17
    CHECK(bench.read(reg::FAULT_AD) == 0x123ABCDE);
    CHECK(bench.pulses == 1);
    // Another one waits, unrecorded.
    CHECK(bench.translate(0x55500000).kind == StepKind::stalled);
    CHECK(bench.read(reg::FAULT_AD) == 0x123ABCDE);
    CHECK(bench.pulses == 1);
    bench.word(0x80004000 + 4 * 0xAB, 0x9ABCD002);
    bench.write(reg::IRQSTATUS, 0x2);
    REQUIRE(bench.resumed.size() == 1);
    CHECK(bench.resumed[0].id == 1);
    CHECK(bench.resumed[0].step.result.pa.value == 0x9ABCDCDE);
    // The other one's turn: it is the recorded one now.
    CHECK(bench.read(reg::IRQSTATUS) == 0x2);
    CHECK(bench.read(reg::FAULT_AD) == 0x55500000);
    CHECK(bench.pulses == 2);
    bench.write(reg::CNTL, 0);  // off: everything passes
    REQUIRE(bench.resumed.size() == 2);
    CHECK(bench.resumed[1].step.result.pa.value == 0x55500000);
}

TEST_CASE("omap: first-level words of types 0 and 3, and second-level ones of type 0, are no entry", "[iommu][omap]") {
    const std::uint32_t word = GENERATE(0U, 0x80100003U, 0x80004001U);
    OmapBench bench;
    bench.enable();
    bench.word(0x80000000 + 4 * 0x123, word);
    bench.word(0x80004000 + 4 * 0xAB, 0x9ABCD000);
    CHECK(fault_of(bench.translate(0x123ABCDE)) == om::Fault::translation);
    CHECK(bench.read(reg::IRQSTATUS) == 0x2);
}

TEST_CASE("omap: a table that memory refuses is a table walk fault", "[iommu][omap]") {
    const bool second = GENERATE(false, true);
    OmapBench bench;
    bench.enable();
    bench.word(0x80000000 + 4 * 0x123, 0x80004001);
    bench.memory.abort_from = second ? 0x80004000 : 0x80000000;
    bench.memory.abort_to = bench.memory.abort_from + 0x1000;
    CHECK(fault_of(bench.translate(0x123ABCDE)) == om::Fault::walk);
    CHECK(bench.read(reg::IRQSTATUS) == 0x8);
}

TEST_CASE("omap: two entries of one address are a multiple hit", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.lock(0, 0);
    bench.load(0x00100004, 0x80000000);  // a section
    bench.lock(0, 1);
    bench.load(0x00123006, 0x9ABCD000);  // a page of it
    CHECK(bench.pa(0x00124000) == 0x80024000);
    CHECK(fault_of(bench.translate(0x00123000)) == om::Fault::multi_hit);
    CHECK(bench.read(reg::IRQSTATUS) == 0x10);
}

TEST_CASE("omap: without the walker a miss waits for its entry", "[iommu][omap]") {
    OmapBench bench;
    bench.enable(false);
    bench.handler = [&] {
        // The TLB is software's: it loads what the fault asks for, then clears the cause.
        if (bench.read(reg::FAULT_AD) == 0x00ABC123) {
            bench.load(0x00ABC006, 0x9ABCD000);
            bench.write(reg::IRQSTATUS, bench.read(reg::IRQSTATUS));
        }
    };
    CHECK(bench.translate(0x00ABC123).result.pa.value == 0x9ABCD123);
    REQUIRE(bench.resumed.size() == 1);
    CHECK(bench.pulses == 1);
    // Clearing the cause alone does not end the wait; nor does another page's entry.
    CHECK(bench.translate(0x00111000).kind == StepKind::stalled);
    CHECK(bench.read(reg::IRQSTATUS) == 0x1);
    bench.write(reg::IRQSTATUS, 0x1);
    bench.lock(0, 1);
    bench.load(0x00222006, 0x9ABCE000);
    CHECK(bench.resumed.size() == 1);
    bench.load(0x00111006, 0x9ABCF000);
    REQUIRE(bench.resumed.size() == 2);
    CHECK(bench.resumed[1].step.result.pa.value == 0x9ABCF000);
    CHECK(bench.reads == 0);
}

TEST_CASE("omap: with GP_REG's bit faults are bus errors", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.write(reg::GP_REG, 1);
    const Step step = bench.translate(0x123ABCDE);
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.response == Response::abort);
    CHECK(step.result.recorded);
    CHECK(bench.read(reg::IRQSTATUS) == 0x2);
    CHECK_FALSE(bench.translate(0x123BBCDE).result.recorded);
    CHECK(bench.read(reg::FAULT_AD) == 0x123ABCDE);
}

TEST_CASE("omap: an interrupt that is not enabled is not given", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.write(reg::IRQENABLE, 0);
    bench.translate(0x123ABCDE);
    CHECK(bench.read(reg::IRQSTATUS) == 0x2);
    CHECK(bench.pulses == 0);
    bench.write(reg::IRQENABLE, 0x2);
    CHECK(bench.pulses == 1);
}

TEST_CASE("omap: odd programming does nothing by itself", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.write(reg::TTB, 0x80003FFF);  // 16 KiB aligned
    CHECK(bench.read(reg::TTB) == 0x80000000);
    bench.write(reg::LOCK, 0xFFFFFFFF);
    CHECK(bench.read(reg::LOCK) == 0x7DF0);
    bench.write(reg::CNTL, 0xFFFFFFFF);
    CHECK(bench.read(reg::CNTL) == 0xE);
    bench.write(reg::IRQENABLE, 0xFFFFFFFF);
    CHECK(bench.read(reg::IRQENABLE) == 0x1F);
    bench.write(reg::REVISION, 0xFF);
    CHECK(bench.read(reg::REVISION) == 0x20);
    bench.lock(0, 0);
    bench.write(reg::CAM, 0x00ABC006);
    bench.write(reg::LD_TLB, 0);  // bit 0 is the command
    bench.write(reg::GFLUSH, 0);
    CHECK(bench.read(reg::READ_CAM) == 0);
    CHECK(bench.read(0x3C) == 0);
    CHECK(bench.read(0xFC) == 0);
    CHECK(bench.untimed.read_register(reg::TTB, 8) == 0);
    CHECK(bench.translate(std::uint64_t{1} << 32).kind == StepKind::fault);
    CHECK(bench.read(reg::IRQSTATUS) == 0);
}

TEST_CASE("omap: a soft reset clears registers and TLB and lets everything pass", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    bench.lock(0, 0);
    bench.load(0x00ABC00E, 0x9ABCD000);
    bench.translate(0x123ABCDE);
    bench.write(reg::SYSCONFIG, 2);
    CHECK(bench.read(reg::SYSSTATUS) == 1);
    CHECK(bench.read(reg::SYSCONFIG) == 0);
    CHECK(bench.read(reg::CNTL) == 0);
    CHECK(bench.read(reg::IRQSTATUS) == 0);
    CHECK(bench.cam(0) == 0);
    REQUIRE(bench.resumed.size() == 1);
    CHECK(bench.resumed[0].step.result.pa.value == 0x123ABCDE);
}

TEST_CASE("omap: what looks is no access", "[iommu][omap]") {
    OmapBench bench;
    bench.enable();
    Request request;
    request.address = 0x123ABCDE;
    request.debug = true;
    CHECK(bench.untimed.translate(request).kind == StepKind::fault);
    CHECK(bench.read(reg::IRQSTATUS) == 0);
    bench.word(0x80000000 + 4 * 0x123, 0x80100002);
    CHECK(bench.untimed.translate(request).result.pa.value == 0x801ABCDE);
    CHECK(bench.cam(0) == 0);
    CHECK(bench.mmu.counter_values()[0] == 0);
}
