// ATS requests, translated traffic, page requests, and the address translation registers: sections 1.1 and 1.13.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x0012E205C0003510;
constexpr std::uint64_t kEats1 = 1ULL << 28, kEats2 = 2ULL << 28;

struct AtsBench : Bench {
    explicit AtsBench(std::uint64_t eats, bool check = true) {
        write(reg::CR0, bench_cr0() | (check ? cr0::ATSCHK.mask() : 0));
        ste(kSid, {0x000000008000100B, eats});
        store_words(0x80001000, {kCd, 0x82000000, 0, 0xFF44}, 8);
        memory.store(0x82000000, 0x82001003);
        memory.store(0x82001000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
        memory.store(0x83000028, 0x0060000456789F47);
        memory.store(0x83000030, 0x0060000456789FC7);  // read-only
    }
    std::uint64_t bench_cr0() const { return read(reg::CR0); }
    static Request ats(std::uint64_t address, AtsType type = AtsType::translation_request) {
        Request request = read_of(address);
        request.ats = type;
        return request;
    }
};

}  // namespace

TEST_CASE("smmuv3 ATS: a request is answered with the page and its rights", "[iommu][smmuv3]") {
    AtsBench bench(kEats1);
    const Step& step = bench.step(AtsBench::ats(0x5000));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789000);
    CHECK((step.result.entry.permissions.bits & (Permissions::kUserRead | Permissions::kUserWrite)) == 3);
    // Permission: success with what is granted.
    const Step& readonly = bench.step(AtsBench::ats(0x6000));
    REQUIRE(readonly.kind == StepKind::done);
    CHECK((readonly.result.entry.permissions.bits & (Permissions::kUserRead | Permissions::kUserWrite)) == 1);
    // Not mapped: success with nothing.
    const Step& unmapped = bench.step(AtsBench::ats(0x7000));
    REQUIRE(unmapped.kind == StepKind::done);
    CHECK(unmapped.result.entry.permissions.bits == 0);
    CHECK_FALSE(bench.event());
}

TEST_CASE("smmuv3 ATS: a refused request is F_BAD_ATS_TREQ", "[iommu][smmuv3]") {
    SECTION("EATS 0") {
        AtsBench bench(0);
        CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
        CHECK(((*bench.event())[0] & 0xFF) == 5);
    }
    SECTION("EATS 2 without ATSCHK acts as 0") {
        AtsBench bench(0, false);
        bench.ste(Bench::kSid, {0x000000008000100F, kEats2, 0x044A355800000007, 0x81000000});
        CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
        CHECK(((*bench.event())[0] & 0xFF) == 5);
    }
    SECTION("Config bypass") {
        AtsBench bench(0);
        bench.ste(Bench::kSid, {0x9, kEats1});
        CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
        CHECK(((*bench.event())[0] & 0xFF) == 5);
    }
    SECTION("translation is off") {
        AtsBench bench(kEats1);
        bench.write(reg::CR0, cr0::EVENTQEN.mask());
        CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
        CHECK(((*bench.event())[0] & 0xFF) == 5);
    }
}

TEST_CASE("smmuv3 ATS: configuration errors of a request are not recorded, unless REC_CFG_ATS", "[iommu][smmuv3]") {
    AtsBench bench(kEats1);
    bench.ste(Bench::kSid, {0});
    CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
    CHECK_FALSE(bench.event());
    bench.write(reg::CR0, 0);
    bench.write(reg::CR2, cr2::RECINVSID.mask() | cr2::REC_CFG_ATS.mask());
    bench.write(reg::CR0, 0xD | cr0::ATSCHK.mask());
    CHECK(bench.step(AtsBench::ats(0x5000)).kind == StepKind::fault);
    CHECK(((*bench.event())[0] & 0xFF) == 4);
}

TEST_CASE("smmuv3 ATS: translated traffic", "[iommu][smmuv3][vector]") {
    SECTION("is taken at its word without ATSCHK") {
        AtsBench bench(0, false);
        const Step& step = bench.step(AtsBench::ats(0x456789010, AtsType::translated));
        CHECK(step.kind == StepKind::done);
        CHECK(step.result.pa.value == 0x456789010);
        CHECK(bench.accesses.empty());
    }
    SECTION("is forbidden with EATS 0") {
        AtsBench bench(0);
        CHECK(bench.step(AtsBench::ats(0x1000, AtsType::translated)).kind == StepKind::fault);
        CHECK(bench.event() == EventWords{0x0000001000000007, 0x0000000800000000, 0x1000, 0});
    }
    SECTION("passes with EATS 1, and no CD is read") {
        AtsBench bench(kEats1);
        CHECK(bench.step(AtsBench::ats(0x456789010, AtsType::translated)).kind == StepKind::done);
        CHECK_FALSE(bench.touched(0x80001000));
        // What it learned does not stand for untranslated traffic.
        CHECK(bench.step(Bench::read_of(0x5000)).result.pa.value == 0x456789000);
    }
    SECTION("is forbidden while translation is off") {
        AtsBench bench(kEats1);
        bench.write(reg::CR0, cr0::EVENTQEN.mask());
        CHECK(bench.step(AtsBench::ats(0x1000, AtsType::translated)).kind == StepKind::fault);
        CHECK(((*bench.event())[0] & 0xFF) == 7);
    }
    SECTION("of a bad STE aborts silently") {
        AtsBench bench(kEats1);
        bench.ste(Bench::kSid, {0});
        CHECK(bench.step(AtsBench::ats(0x1000, AtsType::translated)).kind == StepKind::fault);
        CHECK_FALSE(bench.event());
    }
}

TEST_CASE("smmuv3 ATS: split-stage answers IPAs and sends translated traffic through stage 2", "[iommu][smmuv3]") {
    AtsBench bench(0);
    bench.ste(Bench::kSid, {0x000000008000100F, kEats2, 0x044A355800000007, 0x81000000});
    for (std::uint64_t i = 0; i < 18; ++i) bench.memory.store(0x81000000 + 8 * i, (i << 30) | 0x7FD);  // one to one
    bench.memory.store(0x81000088, 0x540000000 | 0x7FD);  // but 0x440000000 goes elsewhere
    const Step& answer = bench.step(AtsBench::ats(0x5000));
    REQUIRE(answer.kind == StepKind::done);
    CHECK(answer.result.pa.value == 0x456789000);
    CHECK_FALSE(answer.result.cacheable);
    CHECK(bench.step(AtsBench::ats(0x456789000, AtsType::translated)).result.pa.value == 0x556789000);
    CHECK(bench.step(Bench::read_of(0x5000)).result.pa.value == 0x556789000);
}

TEST_CASE("smmuv3 PRI: a page request becomes a record, and PRI_RESP its answer", "[iommu][smmuv3][vector]") {
    Bench bench;
    PageRequest request;
    request.sid = Bench::kSid;
    request.ssid = SubstreamId{3};
    request.address = 0x10000000;
    request.read = request.write = request.last = true;
    request.prg_index = 5;
    CHECK(bench.smmu.page_request(request));
    bench.settle();
    CHECK(bench.memory.load(Bench::kPriq) == 0xF000000300000010);
    CHECK(bench.memory.load(Bench::kPriq + 8) == 0x10000005);
    CHECK(bench.read(reg::PRIQ_PROD) == 1);
    CHECK(bench.interrupts == std::vector<Interrupt>{Interrupt::priq});
    bench.command({0x0000001000003841, 0x2005});
    const auto answer = bench.smmu.take_page_response();
    REQUIRE(answer);
    CHECK(answer->sid == Bench::kSid);
    CHECK(answer->ssid == SubstreamId{3});
    CHECK(answer->prg_index == 5);
    CHECK(answer->code == 0);
}

TEST_CASE("smmuv3 PRI: an overflowed request with LAST is answered, others vanish, until acknowledged",
          "[iommu][smmuv3]") {
    Bench bench;
    PageRequest request;
    request.sid = Bench::kSid;
    request.ssid = SubstreamId{3};
    for (unsigned i = 0; i < 8; ++i) {
        CHECK(bench.smmu.page_request(request));
        bench.settle();
    }
    CHECK_FALSE(bench.smmu.page_request(request));
    CHECK_FALSE(bench.smmu.take_page_response());
    CHECK(bench.read(reg::PRIQ_PROD) == 0x80000008);
    request.last = true;
    CHECK_FALSE(bench.smmu.page_request(request));
    auto answer = bench.smmu.take_page_response();
    REQUIRE(answer);
    CHECK(answer->code == 0);
    CHECK(answer->ssid == SubstreamId{3});  // IDR3.PPS
    // Room alone is not enough.
    bench.write(reg::PRIQ_CONS, 4);
    CHECK_FALSE(bench.smmu.page_request(request));
    bench.smmu.take_page_response();
    bench.write(reg::PRIQ_CONS, 0x80000004);
    CHECK(bench.smmu.page_request(request));
}

TEST_CASE("smmuv3 PRI: a request while the queue is off, or aborted, fails without PASID", "[iommu][smmuv3]") {
    Bench bench;
    PageRequest request;
    request.sid = Bench::kSid;
    request.ssid = SubstreamId{3};
    SECTION("off") {
        bench.write(reg::CR0, bench.read(reg::CR0) & ~cr0::PRIQEN.mask());
        CHECK_FALSE(bench.smmu.page_request(request));
    }
    SECTION("aborted, and from then on until acknowledged") {
        bench.memory.abort_from = Bench::kPriq;
        bench.memory.abort_to = Bench::kPriq + 16;
        CHECK(bench.smmu.page_request(request));
        bench.settle();
        CHECK(bench.read(reg::GERROR) == gerror::PRIQ_ABT.mask());
        CHECK(bench.read(reg::PRIQ_PROD) == 0);
        CHECK(bench.smmu.take_page_response()->code == 0xF);
        CHECK_FALSE(bench.smmu.page_request(request));
    }
    const auto answer = bench.smmu.take_page_response();
    REQUIRE(answer);
    CHECK(answer->code == 0xF);
    CHECK_FALSE(answer->ssid);
}

TEST_CASE("smmuv3 PRI: LO=1 signals each message with LAST", "[iommu][smmuv3]") {
    Bench bench;
    bench.write(reg::IRQ_CTRL, 0);
    bench.write(reg::PRIQ_IRQ_CFG2, 0x80000000);
    bench.write(reg::IRQ_CTRL, 7);
    PageRequest request;
    request.sid = Bench::kSid;
    bench.smmu.page_request(request);
    bench.settle();
    CHECK(bench.interrupts.empty());
    request.last = true;
    bench.smmu.page_request(request);
    bench.settle();
    CHECK(bench.interrupts.size() == 1);
}

namespace {

/// Nested stream with VA 0x200000 as a 2M block at IPA 0x40000000, for GATOS.
struct GatosBench : Bench {
    GatosBench() {
        ste(kSid, {0x000000008000100F, 0, 0x044A355800000007, 0x81000000});
        memory.store(0x81000000 + 2 * 8, 0x80000000 | 0x7FD);  // tables, one to one
        memory.store(0x81000000 + 1 * 8, 0x81001003);
        memory.store(0x81001000, 0x400000000 | 0x7FD);  // IPA 0x40000000, 2M
        store_words(0x80001000, {kCd, 0x82000000, 0, 0xFF}, 8);
        memory.store(0x82000000, 0x82001003);
        memory.store(0x82001000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
        memory.store(0x82002008, 0x0060000040000F41);
        memory.store(0x83000008, 0x0060000040201F43);  // VA 0x1000 -> IPA 0x40201000, not in stage 2
        memory.store(0x83000010, 0x0060000040001F43);  // VA 0x2000 -> IPA 0x40001000
    }
    std::uint64_t par(std::uint64_t address, std::uint64_t type) {
        write(reg::GATOS_SID, value(kSid), 8);
        write(reg::GATOS_ADDR, address | gatos_addr::RnW.mask() | gatos_addr::PnU.mask() | gatos_addr::TYPE.of(type),
              8);
        write(reg::GATOS_CTRL, 1);
        CHECK(read(reg::GATOS_CTRL) == 0);
        return read(reg::GATOS_PAR, 8);
    }
};

}  // namespace

TEST_CASE("smmuv3 GATOS: translations and faults in PAR form", "[iommu][smmuv3][vector]") {
    GatosBench bench;
    CHECK(bench.par(0x200000, 3) == 0xFF00000400100B00);
    CHECK(bench.par(0x201000, 1) == 0xFF00000040100B00);  // stage 1 alone: the IPA block
    CHECK(bench.par(0x40000000, 2) == 0xFF00000400100B00);
    bench.memory.store(0x81001000, 0);
    CHECK(bench.par(0x2000, 3) == 0x0000000040001107);
    CHECK(bench.par(0x3000, 1) == 0x101);  // stage 1 F_TRANSLATION
    CHECK(bench.par(0x3000, 0) == 0xFF1);  // bad request
    // No records, no caches touched.
    CHECK_FALSE(bench.event());
    CHECK(bench.smmu.tlb.counters().fills == 0);
    // A stage that is not configured.
    bench.ste(Bench::kSid, {0x9});
    CHECK(bench.par(0x3000, 1) == 0xFE1);
}

TEST_CASE("smmuv3 GATOS: RUN needs translation to be on, and freezes the operands", "[iommu][smmuv3]") {
    GatosBench bench;
    bench.smmu.write_register(reg::GATOS_SID, 8, 0x10);
    bench.smmu.write_register(reg::GATOS_ADDR, 8, 0x200000 | gatos_addr::RnW.mask() | gatos_addr::TYPE.of(3));
    bench.smmu.write_register(reg::GATOS_CTRL, 4, 1);
    CHECK(bench.read(reg::GATOS_CTRL) == 1);
    bench.smmu.write_register(reg::GATOS_SID, 8, 0x11);
    CHECK(bench.read(reg::GATOS_SID, 8) == 0x10);
    bench.settle();
    CHECK(bench.read(reg::GATOS_CTRL) == 0);
    bench.write(reg::CR0, 0);
    bench.write(reg::GATOS_CTRL, 1);
    CHECK(bench.read(reg::GATOS_CTRL) == 0);
}
