// AMD-Vi: layout, registers, commands, logs, interrupts, ATS, caches. Expected values are the specification's
// (docs/spec/iommu-hardware.md sections 4, 14, 17); what corpus/vectors covers (amd_vector_test.cpp) is not repeated.
#include <catch2/catch.hpp>

#include "iommu/families.hpp"
#include "iommu/tables/layout_amd.hpp"
#include "tests/iommu/amd_bench.hpp"

namespace xlate::iommu::amd {
namespace {

namespace v1 = amd_table::v1;

constexpr std::uint64_t kBase = 0x80000000, kRoot = 0x81000000, kTable2 = 0x81001000, kTable1 = 0x81002000;
constexpr std::uint64_t kFlags = v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | v1::FC.of(1);

/// Device 0x10 has three levels with a page at 0x1000, domain 9.
struct Simple : Bench {
    explicit Simple(bool caches = true, const char* like = "full", std::uint64_t more_control = 0)
        : Bench(bench_params(ext_feat_by_name(like), caches)) {
        start(kBase, more_control);
        memory.store(kRoot, kFlags | v1::NEXT_LEVEL.of(2) | kTable2);
        memory.store(kTable2, kFlags | v1::NEXT_LEVEL.of(1) | kTable1);
        memory.store(kTable1 + 8, kFlags | 0x90001000);
        dte(0x10, {dte_word(), 9, 0, 0});
    }
    static std::uint64_t dte_word() {
        return dte::V.of(1) | dte::TV.of(1) | dte::IR.of(1) | dte::IW.of(1) | dte::MODE.of(3) | kRoot;
    }
    bool passes(std::uint64_t address, bool write = false, std::uint32_t device = 0x10) {
        return translate(device, address, write).kind == StepKind::done;
    }
    void wait() { command(op(Opcode::completion_wait)); }
};

Request ats(std::uint64_t address, AtsType type = AtsType::translation_request) {
    Request request;
    request.sid = StreamId{0x10};
    request.address = address;
    request.length = 4;
    request.ats = type;
    return request;
}

}  // namespace

TEST_CASE("amd: words are those of the specification's examples", "[iommu][amd]") {
    // Section 17.
    const DteWords v2{0x65C0000000000003, 0x01234000ACF10009, 0, 0};
    CHECK(dte::GV.test(v2[0]));
    CHECK(dte::GIOV.test(v2[0]));
    CHECK(dte::GLX.get(v2[0]) == 1);
    CHECK(dte::gcr3_root(v2) == 0x123456789000);
    CHECK((dte::gcr3_word0(0x123456789000) | dte::V.of(1) | dte::TV.of(1) | dte::GIOV.of(1) | dte::GV.of(1) |
           dte::GLX.of(1) | dte::IR.of(1) | dte::IW.of(1)) == v2[0]);
    CHECK((dte::gcr3_word1(0x123456789000) | 9) == v2[1]);
    CHECK((dte::V.of(1) | dte::TV.of(1)) == 0x3);
    CHECK((dte::V.of(1) | dte::TV.of(1) | dte::IR.of(1) | dte::IW.of(1)) == 0x6000000000000003);
    CHECK(page_range_word(0x10000000, 0x1000FFFF) == 0x10007001);
    CHECK(page_range(0x10007001).first == 0x10000000);
    CHECK(page_range(0x10007001).last == 0x1000FFFF);
    CHECK(page_range_word(0x10000000, 0x10000FFF) == 0x10000000);
    CHECK((Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9)) == 0x3000000900000000);
    CHECK((Bench::op(Opcode::invalidate_iotlb_pages) | cmd::DEVICE.of(0xF8) | cmd::QDEP.of(16) | cmd::QUEUE.of(0xF8)) ==
          0x400000F8100000F8);
    CHECK(page_range(0x7FFFFFFFFFFFF001).all());
    CHECK(page_range_word(0, ~std::uint64_t{0}) == 0x7FFFFFFFFFFFF001);
    CHECK(dte::INT_TAB_LEN.get(0x2000000094000013) == 9);
    CHECK((0x2000000094000013 & dte::INT_ROOT.mask()) == 0x94000000);
    CHECK(dte::INT_CTL.get(0x2000000094000013) == dte::INT_REMAP);
    CHECK(irte::VECTOR8.get(0x00310501) == 0x31);
    CHECK(irte::DEST8.get(0x00310501) == 5);
    CHECK(v1::sized_log2(v1::sized_address(0x456780000, 16)) == 16);
    CHECK(v1::sized_address(0x456780000, 16) == 0x456787000);
}

TEST_CASE("amd: a fault is recorded as the specification's example has it", "[iommu][amd]") {
    Simple bench;
    bench.dte(0xF8, {Simple::dte_word() & ~dte::IW.mask(), 9, 0, 0});
    // A page that may not be written by this device: present, a write, no permission (PE is not in the example).
    bench.memory.store(kTable1 + 8 * 0xB, kFlags | 0x90000000);
    CHECK_FALSE(bench.passes(0xB000, true, 0xF8));
    const auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == Bench::Record{0x000000F8, 0x20700009, 0x0000B000, 0});
    CHECK(bench.passes(0xB000, false, 0xF8));
}

TEST_CASE("amd: every register reads back by its row, and nothing is beside them", "[iommu][amd]") {
    Bench bench(bench_params(ext_feat_by_name("qemu"), true));
    CHECK(bench.read(reg::EXT_FEAT) == 0x29D3);
    unsigned there = 0;
    for (std::uint32_t offset = 0; offset < kRegisterBytes; offset += 4) {
        const RegSpec* row = find_register(register_rows(), offset);
        if (row == nullptr) {
            bench.write(offset, 0xFFFFFFFF, 4);
            CHECK(bench.read(offset, 4) == 0);
            continue;
        }
        ++there;
        if (row->access == Access::ro || row->offset == reg::CONTROL || row->offset == reg::STATUS) continue;
        bench.write(offset, 0xFFFFFFFF, 4);
        const std::uint64_t ones = bench.read(offset, 4);
        bench.write(offset, 0, 4);
        CHECK(bench.read(offset, 4) == 0);
        bench.write(offset, ones, 4);
        CHECK(bench.read(offset, 4) == ones);
        bench.write(offset, 0, 4);
    }
    CHECK(there == 4 + 2 * (register_rows().size() - 4));
    bench.write(reg::EXT_FEAT, ~std::uint64_t{0});
    CHECK(bench.read(reg::EXT_FEAT) == 0x29D3);
    // Head and tail are byte offsets of entries of 16 bytes.
    bench.write(reg::EVT_HEAD, ~std::uint64_t{0});
    CHECK(bench.read(reg::EVT_HEAD) == 0x7FFF0);
}

TEST_CASE("amd: off, everything passes as it is, EN turns the tables on", "[iommu][amd]") {
    Simple bench;
    bench.write(reg::CONTROL, 0);
    CHECK_FALSE(bench.unit.translates());
    CHECK(bench.translate(0x10, 0x5000, true).result.pa.value == 0x5000);
    bench.write(reg::CONTROL, control::EN.mask());
    CHECK(bench.unit.translates());
    CHECK(bench.translate(0x10, 0x1234).result.pa.value == 0x90001234);
}

TEST_CASE("amd: COMPLETION_WAIT stores behind what was before it, and signals", "[iommu][amd]") {
    Simple bench(true, "full", control::COMWAIT.mask());
    bench.command(Bench::op(Opcode::completion_wait) | cmd::STORE.of(1) | 0x82000000, 0x1122334455667788);
    CHECK(bench.waits == std::vector<Bench::Write>{{0x82000000, 0x1122334455667788}});
    CHECK(bench.pulses == 0);
    bench.command(Bench::op(Opcode::completion_wait) | cmd::INT.of(1));
    CHECK(bench.pulses == 1);
    CHECK(status::COMWAIT.test(bench.read(reg::STATUS)));
    // The bit is still set: nothing new to say.
    bench.command(Bench::op(Opcode::completion_wait) | cmd::INT.of(1));
    CHECK(bench.pulses == 1);
    bench.write(reg::STATUS, status::COMWAIT.mask());
    bench.command(Bench::op(Opcode::completion_wait) | cmd::INT.of(1));
    CHECK(bench.pulses == 2);
}

TEST_CASE("amd: an illegal command stops the buffer until software turns it off and on", "[iommu][amd]") {
    Simple bench;
    bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(1) | std::uint64_t{1} << 20);
    auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == Bench::Record{0, 0x50000000, 0x80200000, 0});
    CHECK_FALSE(status::CMDRUN.test(bench.read(reg::STATUS)));
    CHECK(bench.read(reg::CMD_HEAD) == 0);
    bench.command(Bench::op(Opcode::completion_wait) | cmd::STORE.of(1) | 0x82000000, 1);
    CHECK(bench.waits.empty());
    // It begins where its head is: what was wrong has been mended.
    bench.memory.store(0x80200000, Bench::op(Opcode::completion_wait));
    const std::uint64_t on = bench.read(reg::CONTROL);
    bench.write(reg::CONTROL, on & ~control::CMDBUF.mask());
    bench.write(reg::CONTROL, on);
    CHECK(bench.waits.size() == 1);
    CHECK(bench.read(reg::CMD_HEAD) == 0x20);
}

TEST_CASE("amd: a command that cannot be read is COMMAND_HARDWARE_ERROR", "[iommu][amd]") {
    Simple bench;
    bench.memory.abort_from = 0x80200000;
    bench.memory.abort_to = 0x80200010;
    bench.write(reg::CMD_TAIL, 0x10);
    const auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0][1] >> 28 == 6);
    CHECK(events[0][2] == 0x80200000);
    CHECK_FALSE(status::CMDRUN.test(bench.read(reg::STATUS)));
}

TEST_CASE("amd: what is cached stays until its command, and no longer", "[iommu][amd]") {
    Simple bench;
    CHECK(bench.passes(0x1000));
    bench.memory.store(kTable1 + 8, 0);
    CHECK(bench.passes(0x1000));
    SECTION("another domain's pages") {
        bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(8), page_range_word(0, ~0ULL));
        CHECK(bench.passes(0x1000));
    }
    SECTION("another page") {
        bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9), 0x2000);
        CHECK(bench.passes(0x1000));
    }
    SECTION("the page") {
        bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9), 0x1000);
        CHECK_FALSE(bench.passes(0x1000));
    }
    SECTION("everything of the domain") {
        bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9), page_range_word(0, ~0ULL));
        CHECK_FALSE(bench.passes(0x1000));
    }
    SECTION("everything") {
        bench.command(Bench::op(Opcode::invalidate_iommu_all));
        CHECK_FALSE(bench.passes(0x1000));
    }
    SECTION("the device's entry says nothing of pages") {
        bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(0x10));
        CHECK(bench.passes(0x1000));
    }
}

TEST_CASE("amd: tables above the leaves are kept unless PDE is set", "[iommu][amd]") {
    Simple bench;
    CHECK(bench.passes(0x1000));
    bench.memory.store(0x81003000 + 8, kFlags | 0x90005000);
    bench.memory.store(kTable2, kFlags | v1::NEXT_LEVEL.of(1) | 0x81003000);
    bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9), 0x1000);
    CHECK(bench.translate(0x10, 0x1000).result.pa.value == 0x90001000);
    bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(9), 0x1000 | cmd::PDE.of(1));
    CHECK(bench.translate(0x10, 0x1000).result.pa.value == 0x90005000);
}

TEST_CASE("amd: a device's entry is kept until its command", "[iommu][amd]") {
    Simple bench;
    CHECK(bench.passes(0x1000));
    bench.dte(0x10, {dte::V.of(1) | dte::TV.of(1), 9, 0, 0});
    CHECK(bench.passes(0x1000));
    bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(0x11));
    CHECK(bench.passes(0x1000));
    bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(0x10));
    CHECK_FALSE(bench.passes(0x1000));
}

TEST_CASE("amd: rights of one device are not those of another in its domain", "[iommu][amd]") {
    Simple bench;
    bench.dte(0x11, {Simple::dte_word() & ~dte::IW.mask(), 9, 0, 0});
    CHECK(bench.passes(0x1000, true));
    CHECK_FALSE(bench.passes(0x1000, true, 0x11));
    CHECK(bench.passes(0x1000, false, 0x11));
}

TEST_CASE("amd: the exclusion range passes as it is, for those it is for", "[iommu][amd]") {
    Simple bench;
    bench.dte(0x11, {Simple::dte_word(), 9 | dte::EX.of(1), 0, 0});
    bench.write(reg::EXCL_LIMIT, 0x701000);
    bench.write(reg::EXCL_BASE, 0x700000 | excl::EN.of(1));
    CHECK(bench.translate(0x11, 0x701FFC, true).result.pa.value == 0x701FFC);
    CHECK_FALSE(bench.passes(0x702000, true, 0x11));
    CHECK_FALSE(bench.passes(0x700000));
    bench.write(reg::EXCL_BASE, 0x700000 | excl::EN.of(1) | excl::ALLOW.of(1));
    CHECK(bench.passes(0x700000));
    // A large page around it is kept in pieces.
    bench.memory.store(kTable2 + 8 * 3, kFlags | 0xA0000000);
    CHECK(bench.translate(0x10, 0x6FF000).result.entry.log2_bytes == 12);
    CHECK(bench.translate(0x10, 0x700000).result.pa.value == 0x700000);
}

TEST_CASE("amd: SA suppresses page faults, SE all but the first", "[iommu][amd]") {
    Simple bench;
    bench.dte(0x11, {Simple::dte_word(), 9 | dte::SA.of(1), 0, 0});
    bench.dte(0x12, {Simple::dte_word(), 9 | dte::SE.of(1), 0, 0});
    for (unsigned i = 0; i < 3; ++i) {
        CHECK_FALSE(bench.passes(0x5000, false, 0x11));
        CHECK_FALSE(bench.passes(0x5000, false, 0x12));
    }
    CHECK(bench.take_events().size() == 1);
    bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(0x12));
    CHECK_FALSE(bench.passes(0x5000, false, 0x12));
    CHECK(bench.take_events().size() == 1);
}

TEST_CASE("amd: a full log overflows, says so, and stands still until it is turned off and on", "[iommu][amd]") {
    Simple bench(true, "full", control::EVTINT.mask());
    for (unsigned i = 0; i < 255; ++i) CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.take_events().size() == 255);
    CHECK(bench.read(reg::EVT_TAIL) == 0xFF0);
    CHECK_FALSE(status::EVT_OVF.test(bench.read(reg::STATUS)));
    CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.take_events().empty());
    CHECK(status::EVT_OVF.test(bench.read(reg::STATUS)));
    CHECK_FALSE(status::EVTRUN.test(bench.read(reg::STATUS)));
    CHECK(bench.unit.logs.lost == 1);
    bench.write(reg::EVT_HEAD, 0xFF0);
    CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.take_events().empty());
    const std::uint64_t on = bench.read(reg::CONTROL);
    bench.write(reg::STATUS, status::EVT_OVF.mask() | status::EVTINT.mask());
    bench.write(reg::CONTROL, on & ~control::EVTLOG.mask());
    bench.write(reg::CONTROL, on);
    CHECK(status::EVTRUN.test(bench.read(reg::STATUS)));
    CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.take_events().size() == 1);
    CHECK(bench.read(reg::EVT_TAIL) == 0);
}

TEST_CASE("amd: its interrupts are messages where the capability or x2APIC registers say so", "[iommu][amd]") {
    Simple bench(true, "full", control::EVTINT.mask());
    bench.write(reg::MSI_ADDR_LO, 0xFEE05000, 4);
    bench.write(reg::MSI_DATA, 0x41, 4);
    CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.pulses == 1);
    CHECK(bench.messages.empty());
    bench.write(reg::STATUS, status::EVTINT.mask());
    bench.write(reg::MSI_CAP, msi_cap::ENABLE.mask(), 4);
    CHECK_FALSE(bench.passes(0x5000));
    CHECK(bench.messages == std::vector<Bench::Write>{{0xFEE05000, 0x41}});
    bench.write(reg::STATUS, status::EVTINT.mask());
    bench.write(reg::XT_EVT, xt_int::DEST_LOW.of(0x000105) | xt_int::VECTOR.of(0x52));
    bench.write(reg::CONTROL, bench.read(reg::CONTROL) | control::INTCAPXT.mask());
    CHECK_FALSE(bench.passes(0x5000));
    REQUIRE(bench.messages.size() == 2);
    CHECK(bench.messages[1].address == (0xFEE05000 | std::uint64_t{1} << 40));
    CHECK(bench.messages[1].value == 0x52);
    CHECK(bench.pulses == 1);
}

TEST_CASE("amd: endpoints ask only with I, and are told rights instead of faults", "[iommu][amd]") {
    Simple bench;
    CHECK(bench.translate(ats(0x1000)).kind == StepKind::fault);
    auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    // 48882, INVALID_DEVICE_REQUEST: type 0 of translation requests (TR) and type 1 of the others are a device without
    // I.
    CHECK(events[0][1] == 0x81000000);
    CHECK(bench.translate(ats(0x90001000, AtsType::translated)).kind == StepKind::fault);
    events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0][1] == 0x82000000);
    bench.dte(0x10, {Simple::dte_word(), 9 | dte::IOTLB.of(1), 0, 0});
    bench.command(Bench::op(Opcode::invalidate_devtab_entry) | cmd::DEVICE.of(0x10));
    const Step& step = bench.translate(ats(0x1000));
    CHECK(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x90001000);
    CHECK_FALSE(step.result.cacheable);
    CHECK(bench.translate(ats(0x5000)).result.entry.permissions.bits == 0);
    CHECK(bench.take_events().empty());
    CHECK(bench.translate(ats(0x90001000, AtsType::translated)).result.pa.value == 0x90001000);
    bench.command(Bench::op(Opcode::invalidate_iotlb_pages) | cmd::DEVICE.of(0x10), page_range_word(0x1000, 0x2FFF));
    REQUIRE(bench.endpoint_invalidations.size() == 1);
    CHECK(bench.endpoint_invalidations[0].first == 0);
    CHECK(bench.endpoint_invalidations[0].last == 0x3FFF);
}

TEST_CASE("amd: page requests are logged and answered by command", "[iommu][amd]") {
    Simple bench(true, "full", control::PPRINT.mask());
    PageRequest request;
    request.sid = StreamId{0x10};
    request.ssid = SubstreamId{0x12345};
    request.address = 0x7000;
    request.read = request.write = request.last = true;
    request.prg_index = 5;
    bench.unit.page_request(request);
    bench.untimed.settle();
    REQUIRE(bench.pages.size() == 1);
    CHECK(bench.pages[0][0] == 0x23450010);
    CHECK((bench.pages[0][1] & 0xF0000000) == 0x10000000);
    CHECK((bench.pages[0][1] & 0x3FFF) == (1U << 10 | 5));
    CHECK(bench.pages[0][2] == 0x7000);
    CHECK(status::PPRINT.test(bench.read(reg::STATUS)));
    CHECK(bench.pulses == 1);
    bench.command(Bench::op(Opcode::complete_ppr_request) | cmd::DEVICE.of(0x10) | cmd::PPR_PASID.of(0x12345),
                  cmd::PPR_GN.of(1) | cmd::PPR_TAG.of(5));
    const auto answer = bench.unit.take_page_response();
    REQUIRE(answer);
    CHECK(value(answer->sid) == 0x10);
    CHECK(value(*answer->ssid) == 0x12345);
    CHECK(answer->prg_index == 5);
    CHECK(answer->code == 0);
    SECTION("a full log answers for software") {
        for (unsigned i = 0; i < 255; ++i) bench.unit.page_request(request);
        bench.untimed.settle();
        CHECK(status::PPR_OVF.test(bench.read(reg::STATUS)));
        const auto refused = bench.unit.take_page_response();
        REQUIRE(refused);
        CHECK(refused->code == 15);
    }
    SECTION("so does one that is off") {
        bench.write(reg::CONTROL, bench.read(reg::CONTROL) & ~control::PPRLOG.mask());
        bench.unit.page_request(request);
        bench.untimed.settle();
        const auto refused = bench.unit.take_page_response();
        REQUIRE(refused);
        CHECK(refused->code == 15);
    }
}

TEST_CASE("amd: interrupts go through entries of 16 bytes with GA, to x2APIC destinations with XT", "[iommu][amd]") {
    Simple bench(true, "full", control::GA.mask() | control::XT.mask());
    bench.dte(0x10, {Simple::dte_word(), 9, 0x2000000094000013, 0});
    // Section 17: fixed, vector 0x31, destination 5.
    bench.memory.store(0x94000000 + 16 * 7, 0x501);
    bench.memory.store(0x94000000 + 16 * 7 + 8, 0x31);
    CHECK(bench.message(0x10, 0xFEE00000, 7).kind == StepKind::done);
    CHECK(bench.interrupt.outcome().destination == 5);
    CHECK(bench.interrupt.outcome().vector == 0x31);
    bench.memory.store(0x94000000 + 16 * 8, 0x501);
    bench.memory.store(0x94000000 + 16 * 8 + 8, 0x31 | std::uint64_t{0x12} << 56);
    CHECK(bench.message(0x10, 0xFEE00000, 8).kind == StepKind::done);
    CHECK(bench.interrupt.outcome().destination == 0x12000005);
    // Kept until its command.
    bench.memory.store(0x94000000 + 16 * 7 + 8, 0x32);
    bench.message(0x10, 0xFEE00000, 7);
    CHECK(bench.interrupt.outcome().vector == 0x31);
    bench.command(Bench::op(Opcode::invalidate_interrupt_table) | cmd::DEVICE.of(0x10));
    bench.message(0x10, 0xFEE00000, 7);
    CHECK(bench.interrupt.outcome().vector == 0x32);
}

TEST_CASE("amd: a blocked interrupt is a page fault with I, unless its entry is silent", "[iommu][amd]") {
    Simple bench;
    bench.dte(0x10, {Simple::dte_word(), 9, 0x2000000094000013, 0});
    bench.memory.store(0x94000000 + 4 * 3, irte::NOFAULT.of(1), 4);
    CHECK(bench.message(0x10, 0xFEE00000, 2).kind == StepKind::fault);
    const auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == Bench::Record{0x10, 0x20080009, 0xFEE00000, 0});
    CHECK(bench.message(0x10, 0xFEE00000, 3).kind == StepKind::fault);
    CHECK(bench.take_events().empty());
}

TEST_CASE("amd: a prefetch fills the TLB and is no translation", "[iommu][amd]") {
    Simple bench;
    bench.command(Bench::op(Opcode::prefetch_iommu_pages) | cmd::DEVICE.of(0x10), 0x1000);
    CHECK(bench.unit.counters.translations == 0);
    CHECK(bench.unit.tlb.counters().fills == 1);
    CHECK(bench.passes(0x1000));
    CHECK(bench.unit.counters.tlb_hits == 1);
    bench.command(Bench::op(Opcode::prefetch_iommu_pages) | cmd::DEVICE.of(0x10), 0x5000);
    CHECK(bench.take_events().empty());
}

TEST_CASE("amd: v2 tables set A and D, and know users from supervisors", "[iommu][amd]") {
    Simple bench(true, "full", control::GT.mask());
    constexpr std::uint64_t kGcr3 = 0x83000000, kV2 = 0x83001000;
    bench.dte(0x20, {dte::V.of(1) | dte::TV.of(1) | dte::IR.of(1) | dte::IW.of(1) | dte::GV.of(1) | dte::GIOV.of(1) |
                         dte::gcr3_word0(kGcr3),
                     dte::gcr3_word1(kGcr3) | 4, 0, 0});
    bench.memory.store(kGcr3, 1 | kV2);
    for (unsigned i = 0; i < 3; ++i) bench.memory.store(kV2 + 0x1000 * i, 7 | (kV2 + 0x1000 * (i + 1)));
    bench.memory.store(kV2 + 0x3000 + 8, 7 | 0x90001000);
    bench.memory.store(kV2 + 0x3000 + 16, 3 | 0x90002000);
    CHECK(bench.translate(0x20, 0x1008).result.pa.value == 0x90001008);
    CHECK(bench.updates.size() == 4);
    CHECK(bench.memory.load(kV2 + 0x3000 + 8) == (0x27 | 0x90001000));
    bench.command(Bench::op(Opcode::invalidate_iommu_pages) | cmd::DOMAIN_ID.of(4), 0x1000 | cmd::GN.of(1));
    CHECK(bench.translate(0x20, 0x1008, true).kind == StepKind::done);
    CHECK(bench.memory.load(kV2 + 0x3000 + 8) == (0x67 | 0x90001000));
    CHECK_FALSE(bench.passes(0x2000, false, 0x20));
    Request privileged;
    privileged.sid = StreamId{0x20};
    privileged.address = 0x2000;
    privileged.length = 4;
    privileged.privileged = true;
    CHECK(bench.translate(privileged).kind == StepKind::done);
    // A process that the table does not have.
    privileged.ssid = SubstreamId{3};
    CHECK(bench.translate(privileged).kind == StepKind::fault);
    const auto events = bench.take_events();
    CHECK(events.back()[1] == 0x20010003);
}

TEST_CASE("amd: a hardware error names what could not be read", "[iommu][amd]") {
    Simple bench;
    bench.memory.abort_from = kTable2;
    bench.memory.abort_to = kTable2 + 8;
    CHECK_FALSE(bench.passes(0x1000));
    auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == Bench::Record{0x10, 0x42000009, static_cast<std::uint32_t>(kTable2), 0});
    bench.memory.abort_from = kBase + 0x20 * kDteBytes;
    bench.memory.abort_to = bench.memory.abort_from + 8;
    CHECK_FALSE(bench.passes(0x1000, false, 0x20));
    events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0][1] == 0x32000000);
    CHECK(events[0][2] == kBase + 0x20 * kDteBytes);
}

TEST_CASE("amd: an endpoint that does not answer is told of, and the wait ends", "[iommu][amd]") {
    Simple bench;
    bench.memory.store(0x80200000, Bench::op(Opcode::invalidate_iotlb_pages) | cmd::DEVICE.of(0x10));
    bench.memory.store(0x80200010, Bench::op(Opcode::completion_wait) | cmd::STORE.of(1) | 0x82000000);
    bench.memory.store(0x80200018, 3);
    bench.unit.write_register(reg::CMD_TAIL, 8, 0x20);
    Reply reply;
    while (bench.unit.machine_pending(0)) {
        const Step& step = bench.unit.step_machine(0, reply);
        reply = {};
        reply.abort = step.kind == StepKind::sync;
        if (step.kind == StepKind::access) serve(step.access, bench.memory, reply);
        if (step.kind == StepKind::idle) break;
    }
    bench.untimed.settle();
    const auto events = bench.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == Bench::Record{0x10, 0x70000000, 0x80200010, 0});
    CHECK(bench.memory.load(0x82000000) == 3);
}

TEST_CASE("amd: the family is made of its config, and a debug access changes nothing", "[iommu][amd]") {
    const Family* family = find_family("amd-vi");
    REQUIRE(family != nullptr);
    InstanceParams params;
    params.name = "ivhd";
    CHECK(family->make(params)->read_register(reg::EXT_FEAT, 8) == 0x29D3);
    params.hardware.options["amd_vi.like"] = 2;
    CHECK(family->make(params)->read_register(reg::EXT_FEAT, 8) == (feat::IA.mask() | feat::HATS.of(2)));
    CHECK(family->make(params)->page_requests() == nullptr);
    Simple bench;
    Request request;
    request.sid = StreamId{0x10};
    request.address = 0x1000;
    request.debug = true;
    CHECK(bench.translate(request).result.pa.value == 0x90001000);
    request.address = 0x5000;
    CHECK(bench.translate(request).kind == StepKind::fault);
    CHECK(bench.take_events().empty());
    CHECK(bench.unit.counters.translations == 0);
    CHECK(bench.unit.tlb.counters().fills == 0);
}

}  // namespace xlate::iommu::amd
