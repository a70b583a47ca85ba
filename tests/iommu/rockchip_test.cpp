// Registers, commands, faults and stalls of the Rockchip IOMMU, each by the specification (iommu-hardware.md 16.1).
#include "tests/iommu/rockchip_bench.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::StepKind;
using rk::Command;
namespace reg = rk::reg;

namespace {

constexpr std::uint64_t kRoot = 0x70000000;
constexpr std::uint32_t kPaging = 1u << 0, kFaultActive = 1u << 1, kStall = 1u << 2, kIdle = 1u << 3,
                        kReplayEmpty = 1u << 4, kFaultIsWrite = 1u << 5, kNoStall = 1u << 31;

std::uint16_t code(rk::Fault fault) { return static_cast<std::uint16_t>(fault); }

}  // namespace

TEST_CASE("rockchip: words of both versions hold their addresses as the specification's layout says",
          "[iommu][rockchip]") {
    CHECK(rk::address(0x45110007, rk::Version::v1) == 0x45110000);
    CHECK(rk::address_field(0x45110000, rk::Version::v1) == 0x45110000);
    // PA[31:12] in place, PA[35:32] at [11:8], PA[39:36] at [7:4].
    CHECK(rk::address_field(0xBA'12345000, rk::Version::v2) == 0x12345AB0);
    CHECK(rk::address(0x12345AB7, rk::Version::v2) == 0xBA'12345000);
    CHECK(static_cast<std::uint32_t>(rk::address(0xCAFEBABE, rk::Version::v1)) == 0xCAFEB000);
    CHECK(static_cast<std::uint32_t>(rk::address(0xCAFEBABE, rk::Version::v2)) == 0xCAFEB000);
    CHECK(rk::directory_index(0xFFFF8000) == 0x3FF);
    CHECK(rk::table_index(0xFFFF8000) == 0x3F8);
}

TEST_CASE("rockchip: after power-on nothing is translated and STATUS says idle", "[iommu][rockchip]") {
    RockchipBench bench;
    CHECK(bench.read(reg::STATUS) == (kIdle | kReplayEmpty | kNoStall));
    for (const std::uint32_t offset :
         {reg::DTE_ADDR, reg::COMMAND, reg::PAGE_FAULT_ADDR, reg::ZAP_ONE_LINE, reg::INT_RAWSTAT, reg::INT_CLEAR,
          reg::INT_MASK, reg::INT_STATUS, reg::AUTO_GATING}) {
        CAPTURE(offset);
        CHECK(bench.read(offset) == 0);
    }
    CHECK_FALSE(bench.mmu.translates());
    const iommu::Step step = bench.translate(0x12345678);
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x12345678);
    CHECK_FALSE(step.result.cacheable);
}

TEST_CASE("rockchip: DTE_ADDR keeps address bits only, AUTO_GATING is storage, INT_MASK has two bits",
          "[iommu][rockchip]") {
    RockchipBench v1;
    v1.write(reg::DTE_ADDR, 0xCAFEBABE);
    CHECK(v1.read(reg::DTE_ADDR) == 0xCAFEB000);
    rk::Parameters parameters;
    parameters.version = rk::Version::v2;
    RockchipBench v2(parameters);
    v2.write(reg::DTE_ADDR, 0xCAFEBABF);
    CHECK(v2.read(reg::DTE_ADDR) == 0xCAFEBAB0);
    v1.write(reg::AUTO_GATING, 0x80000001);
    CHECK(v1.read(reg::AUTO_GATING) == 0x80000001);
    v1.write(reg::INT_MASK, 0xFFFFFFFF);
    CHECK(v1.read(reg::INT_MASK) == 3);
    // Read-only ones, and accesses of another size.
    v1.write(reg::STATUS, 0xFF);
    v1.write(reg::INT_STATUS, 3);
    v1.write(reg::INT_RAWSTAT, 3);
    CHECK(v1.read(reg::INT_RAWSTAT) == 0);
    v1.untimed.write_register(reg::DTE_ADDR, 8, 0x1000);
    CHECK(v1.read(reg::DTE_ADDR) == 0xCAFEB000);
    CHECK(v1.untimed.read_register(reg::DTE_ADDR, 8) == 0);
}

TEST_CASE("rockchip: paging, stall and reset take effect when they are let, zaps at once", "[iommu][rockchip]") {
    rk::Rockchip mmu{rk::Parameters{}};
    mmu.write_register(reg::COMMAND, 4, 0, 0);
    CHECK(mmu.settling());
    CHECK((mmu.read_register(reg::STATUS, 4, 0) & kPaging) == 0);
    mmu.settle();
    CHECK_FALSE(mmu.settling());
    CHECK((mmu.read_register(reg::STATUS, 4, 0) & kPaging) != 0);
    CHECK(mmu.translates());
    const std::uint32_t before = mmu.epoch();
    mmu.write_register(reg::ZAP_ONE_LINE, 4, 0x1000, 0);
    CHECK(mmu.epoch() != before);
    CHECK_FALSE(mmu.settling());
    mmu.write_register(reg::COMMAND, 4, 7, 0);  // no command
    CHECK_FALSE(mmu.settling());
}

TEST_CASE("rockchip: FORCE_RESET clears DTE_ADDR and everything that software has set up", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.enable(kRoot);
    bench.write(reg::DTE_ADDR, 0xCAFEBABE);
    bench.command(Command::force_reset);
    CHECK(bench.read(reg::DTE_ADDR) == 0);
    CHECK(bench.read(reg::INT_MASK) == 0);
    CHECK(bench.read(reg::STATUS) == (kIdle | kReplayEmpty | kNoStall));
    CHECK_FALSE(bench.mmu.translates());
}

TEST_CASE("rockchip: two levels of 1024 words translate pages, with their rights", "[iommu][rockchip]") {
    const auto version = GENERATE(rk::Version::v1, rk::Version::v2);
    rk::Parameters parameters;
    parameters.version = version;
    RockchipBench bench(parameters);
    bench.handler = [&] { bench.answer(); };
    const std::uint64_t high = version == rk::Version::v2 ? 0xAB'00000000 : 0;
    bench.map(kRoot, 0xFFFF8000, high | 0x45110000);
    bench.map(kRoot, 0x00001000, high | 0x45111000, 2);
    bench.map(kRoot, 0x00002000, high | 0x45112000, 4);
    bench.enable(kRoot);
    CHECK(bench.translate(0xFFFF8123, true).result.pa.value == (high | 0x45110123));
    CHECK(bench.translate(0x1FFF).result.pa.value == (high | 0x45111FFF));
    CHECK(bench.translate(0x1000, true).result.fault == code(rk::Fault::write_denied));
    CHECK(bench.translate(0x2000, true).kind == StepKind::done);
    CHECK(bench.translate(0x2000).result.fault == code(rk::Fault::read_denied));
    CHECK(bench.translate(0x3000).result.fault == code(rk::Fault::page_invalid));
    CHECK(bench.translate(0x40000000).result.fault == code(rk::Fault::directory_invalid));
    CHECK(bench.translate(0x1'00001000).result.fault == code(rk::Fault::out_of_range));
}

TEST_CASE("rockchip: a page fault holds the access, says where and why, and is tried again when it is done",
          "[iommu][rockchip]") {
    RockchipBench bench;
    bench.map(kRoot, 0x5000, 0x45110000, 2);
    bench.enable(kRoot);
    const iommu::Step first = bench.translate(0x4567, true);
    CHECK(first.kind == StepKind::stalled);
    CHECK(first.result.recorded);
    CHECK(bench.read(reg::STATUS) == (kPaging | kFaultActive | kFaultIsWrite | kNoStall));
    CHECK(bench.read(reg::PAGE_FAULT_ADDR) == 0x4567);
    CHECK(bench.read(reg::INT_RAWSTAT) == 1);
    CHECK(bench.read(reg::INT_STATUS) == 1);
    CHECK(bench.pulses == std::vector<unsigned>{0});
    // Whoever comes meanwhile waits, and tells nobody.
    CHECK(bench.translate(0x5000).kind == StepKind::stalled);
    CHECK(bench.pulses.size() == 1);
    CHECK(bench.untimed.stalled() == 2);
    // Software provides the page.
    bench.map(kRoot, 0x4000, 0x45120000);
    bench.command(Command::zap_cache);
    bench.command(Command::page_fault_done);
    REQUIRE(bench.resumed.size() == 2);
    CHECK(bench.resumed[0].id == 1);
    CHECK(bench.resumed[0].step.result.pa.value == 0x45120567);
    CHECK(bench.resumed[1].step.result.pa.value == 0x45110000);
    CHECK(bench.read(reg::STATUS) == (kPaging | kFaultIsWrite | kIdle | kReplayEmpty | kNoStall));
    bench.write(reg::INT_CLEAR, 1);
    CHECK(bench.read(reg::INT_STATUS) == 0);
}

TEST_CASE("rockchip: an access that faults again after its retry is aborted", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.enable(kRoot);
    CHECK(bench.translate(0x9000).kind == StepKind::stalled);
    bench.answer();
    REQUIRE(bench.resumed.size() == 1);
    CHECK(bench.resumed[0].step.kind == StepKind::fault);
    CHECK(bench.resumed[0].step.result.response == iommu::Response::abort);
    CHECK(bench.mmu.counter_values()[2] == 1);  // page_faults
    CHECK(bench.mmu.counter_values()[4] == 1);  // given_up
}

TEST_CASE("rockchip: a fault between PAGE_FAULT_DONE and INT_CLEAR is cleared with the one before (F27)",
          "[iommu][rockchip]") {
    RockchipBench bench;
    bench.enable(kRoot);
    CHECK(bench.translate(0x9000).kind == StepKind::stalled);
    CHECK(bench.translate(0xA000).kind == StepKind::stalled);
    CHECK(bench.pulses.size() == 1);
    bench.answer();  // the first is aborted at once, so that the second one's fault comes before the handler's end
    CHECK(bench.resumed.size() == 1);
    CHECK((bench.read(reg::STATUS) & kFaultActive) != 0);
    CHECK(bench.read(reg::PAGE_FAULT_ADDR) == 0xA000);
    CHECK(bench.read(reg::INT_RAWSTAT) == 0);  // nothing will tell software
    CHECK(bench.untimed.stalled() == 1);
    // The other order: clear, then done.
    bench.command(Command::zap_cache);
    bench.command(Command::page_fault_done);
    CHECK(bench.untimed.stalled() == 0);
    CHECK(bench.translate(0x9000).kind == StepKind::stalled);
    CHECK(bench.translate(0xA000).kind == StepKind::stalled);
    bench.write(reg::INT_CLEAR, 1);
    bench.command(Command::page_fault_done);
    CHECK(bench.read(reg::INT_STATUS) == 1);
}

TEST_CASE("rockchip: a table that memory refuses is a bus error, and aborts the access", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.memory.abort_from = 0x80000000;
    bench.memory.abort_to = 0x80001000;
    bench.enable(kRoot);
    const iommu::Step step = bench.translate(0x1008, true);
    CHECK(step.kind == StepKind::fault);
    CHECK(step.result.fault == code(rk::Fault::bus_error));
    CHECK(bench.read(reg::INT_STATUS) == 2);
    CHECK(bench.read(reg::PAGE_FAULT_ADDR) == 0x1008);
    CHECK((bench.read(reg::STATUS) & kFaultActive) == 0);
    bench.write(reg::INT_CLEAR, 2);
    bench.memory.abort_from = kRoot;
    bench.memory.abort_to = kRoot + 4;
    bench.command(Command::zap_cache);
    CHECK(bench.translate(0x1008).result.fault == code(rk::Fault::bus_error));
}

TEST_CASE("rockchip: a masked interrupt is raw status only, and pulses when it is unmasked", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.enable(kRoot);
    bench.write(reg::INT_MASK, 2);
    CHECK(bench.translate(0x9000).kind == StepKind::stalled);
    CHECK(bench.read(reg::INT_RAWSTAT) == 1);
    CHECK(bench.read(reg::INT_STATUS) == 0);
    CHECK(bench.pulses.empty());
    bench.write(reg::INT_MASK, 3);
    CHECK(bench.pulses.size() == 1);
}

TEST_CASE("rockchip: a stall holds everything until it ends, and there is none while paging is off",
          "[iommu][rockchip]") {
    RockchipBench bench;
    bench.command(Command::enable_stall);
    CHECK((bench.read(reg::STATUS) & kStall) == 0);
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.enable(kRoot);
    CHECK(bench.translate(0x1000).kind == StepKind::done);
    bench.command(Command::enable_stall);
    CHECK(bench.read(reg::STATUS) == (kPaging | kStall | kIdle | kReplayEmpty));
    CHECK(bench.translate(0x1004).kind == StepKind::stalled);
    CHECK((bench.read(reg::STATUS) & (kIdle | kReplayEmpty)) == 0);
    bench.command(Command::disable_stall);
    REQUIRE(bench.resumed.size() == 1);
    CHECK(bench.resumed[0].step.result.pa.value == 0x45110004);
    bench.command(Command::enable_stall);
    bench.command(Command::disable_paging);
    CHECK(bench.read(reg::STATUS) == (kIdle | kReplayEmpty | kNoStall));
    CHECK(bench.translate(0x1004).result.pa.value == 0x1004);
}

TEST_CASE("rockchip: a stale translation stays until its line, or everything, is zapped", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.map(kRoot, 0x2000, 0x45111000);
    bench.enable(kRoot);
    bench.translate(0x1000);
    bench.translate(0x2000);
    bench.map(kRoot, 0x1000, 0x46000000);
    bench.map(kRoot, 0x2000, 0x46001000);
    CHECK(bench.translate(0x1000).result.pa.value == 0x45110000);
    bench.write(reg::ZAP_ONE_LINE, 0x1ABC);  // any address in the page
    CHECK(bench.translate(0x1000).result.pa.value == 0x46000000);
    CHECK(bench.translate(0x2000).result.pa.value == 0x45111000);
    bench.command(Command::zap_cache);
    CHECK(bench.translate(0x2000).result.pa.value == 0x46001000);
    // Another directory does nothing by itself.
    bench.write(reg::DTE_ADDR, 0x60000000);
    CHECK(bench.translate(0x1000).result.pa.value == 0x46000000);
}

TEST_CASE("rockchip: MMUs of one instance have registers, TLBs and interrupts of their own", "[iommu][rockchip]") {
    rk::Parameters parameters;
    parameters.banks = 2;
    parameters.wires = 2;
    RockchipBench bench(parameters);
    constexpr std::uint64_t kOther = 0x71000000;
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.enable(kRoot);
    bench.write(reg::DTE_ADDR, kOther, 1);
    CHECK(bench.read(reg::DTE_ADDR, 0) == kRoot);
    CHECK(bench.read(reg::DTE_ADDR, 1) == kOther);
    CHECK(bench.translate(0x1000).result.pa.value == 0x45110000);  // reads: the first
    CHECK(bench.translate(0x1000, true).kind == StepKind::stalled);
    CHECK(bench.pulses == std::vector<unsigned>{1});
    CHECK(bench.read(reg::INT_STATUS, 0) == 0);
    CHECK(bench.read(reg::INT_STATUS, 1) == 1);
    // The other one goes on meanwhile, and a zap of one does not reach the other.
    bench.map(kRoot, 0x1000, 0x46000000);
    bench.write(reg::ZAP_ONE_LINE, 0x1000, 1);
    CHECK(bench.translate(0x1000).result.pa.value == 0x45110000);
    bench.write(reg::ZAP_ONE_LINE, 0x1000, 0);
    CHECK(bench.translate(0x1000).result.pa.value == 0x46000000);
    CHECK(bench.read(reg::DTE_ADDR, 2) == 0);  // no such bank
    SECTION("one wire for both, if firmware lists one interrupt") {
        parameters.wires = 1;
        RockchipBench shared(parameters);
        shared.enable(kRoot);
        shared.translate(0x9000, true);
        CHECK(shared.pulses == std::vector<unsigned>{0});
        CHECK(shared.mmu.wires() == 1);
    }
}

TEST_CASE("rockchip: sinks hear each zap as a match of its MMU and page", "[iommu][rockchip]") {
    struct Sink final : iommu::InvalidationSink {
        void invalidate(const iommu::Invalidation& invalidation) override { all.push_back(invalidation); }
        std::vector<iommu::Invalidation> all;
    } sink;
    rk::Parameters parameters;
    parameters.banks = 2;
    RockchipBench bench(parameters);
    bench.enable(kRoot);
    bench.mmu.add_sink(sink);
    bench.write(reg::ZAP_ONE_LINE, 0xFFFF8000, 1);
    bench.command(Command::zap_cache, 0);
    REQUIRE(sink.all.size() == 2);
    CHECK(rk::kSpec.describe(sink.all[0]) == "ZAP_ONE_LINE 0xffff8000 of MMU 1");
    CHECK(rk::kSpec.describe(sink.all[1]) == "ZAP_CACHE of MMU 0");
    iommu::CachedTranslation entry;
    entry.va = 0xFFFF8000;
    entry.space = 1;
    CHECK(sink.all[0].covers(entry));
    CHECK_FALSE(sink.all[1].covers(entry));
    entry.space = 0;
    CHECK_FALSE(sink.all[0].covers(entry));
    CHECK(sink.all[1].covers(entry));
}

TEST_CASE("rockchip: a translation that was walked while a zap came is not kept", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.enable(kRoot);
    bench.untimed.on_access = [&](const iommu::MemoryAccess& access) {
        if (access.address.value >= 0x80000000) bench.mmu.write_register(reg::ZAP_ONE_LINE, 4, 0x1000, 0);
    };
    CHECK_FALSE(bench.translate(0x1000).result.cacheable);
    bench.untimed.on_access = nullptr;
    bench.map(kRoot, 0x1000, 0x46000000);
    CHECK(bench.translate(0x1000).result.pa.value == 0x46000000);
}

TEST_CASE("rockchip: a look without consequences changes nothing", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.map(kRoot, 0x1000, 0x45110000);
    bench.enable(kRoot);
    iommu::Request request;
    request.address = 0x9000;
    request.debug = true;
    CHECK(bench.untimed.translate(request).kind == StepKind::fault);
    request.address = 0x1010;
    CHECK(bench.untimed.translate(request).result.pa.value == 0x45110010);
    CHECK(bench.read(reg::INT_RAWSTAT) == 0);
    CHECK(bench.mmu.structure_counters(0).fills == 0);
    CHECK(bench.pulses.empty());
}

TEST_CASE("rockchip: every fault code has a name, and ATS is refused", "[iommu][rockchip]") {
    RockchipBench bench;
    bench.enable(kRoot);
    for (unsigned fault = 0; fault <= code(rk::Fault::unsupported); ++fault) {
        CHECK_FALSE(rk::kSpec.fault_name(static_cast<std::uint16_t>(fault)).empty());
    }
    iommu::Request request;
    request.ats = iommu::AtsType::translation_request;
    CHECK(bench.untimed.translate(request).result.fault == code(rk::Fault::unsupported));
}
