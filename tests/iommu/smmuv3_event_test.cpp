// Every event code: its record word by word, and, where hardware state can bring it about, the whole way there.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "iommu/smmuv3/event_record.hpp"
#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

struct Row {
    EventCode code;
    void (*change)(Fault& fault, Request& request);
    EventWords expected;
};

/// A read at 0x1000 of SID 0x10 without substream, unless the row changes it.
const Row kRows[] = {
    {EventCode::F_UUT, [](Fault&, Request&) {}, {0x0000001000000001, 0x0000000800000000, 0x1000, 0}},
    {EventCode::C_BAD_STREAMID, [](Fault&, Request& r) { r.sid = StreamId{0x110}; }, {0x0000011000000002, 0, 0, 0}},
    {EventCode::F_STE_FETCH,
     [](Fault& f, Request&) { f.fetch_address = 0x80100400; },
     {0x0000001000000003, 0, 0, 0x80100400}},
    {EventCode::C_BAD_STE, [](Fault&, Request&) {}, {0x0000001000000004, 0, 0, 0}},
    {EventCode::F_BAD_ATS_TREQ,
     [](Fault&, Request& r) {
         r.ats = AtsType::translation_request;
         r.no_write = true;
     },
     {0x0000001000000005, 0x0000000800000000, 0x1000, 0}},
    {EventCode::F_STREAM_DISABLED, [](Fault&, Request& r) { r.ssid = SubstreamId{0}; }, {0x0000001000000006, 0, 0, 0}},
    {EventCode::F_TRANSL_FORBIDDEN, [](Fault&, Request&) {}, {0x0000001000000007, 0x0000000800000000, 0x1000, 0}},
    {EventCode::C_BAD_SUBSTREAMID,
     [](Fault&, Request& r) { r.ssid = SubstreamId{0x20}; },
     {0x0000001000020008, 0, 0, 0}},
    {EventCode::F_CD_FETCH,
     [](Fault& f, Request& r) {
         f.fetch_address = 0x800010C0;
         r.ssid = SubstreamId{3};
     },
     {0x0000001000003809, 0, 0, 0x800010C0}},
    {EventCode::C_BAD_CD, [](Fault&, Request&) {}, {0x000000100000000A, 0, 0, 0}},
    {EventCode::F_WALK_EABT,
     [](Fault& f, Request& r) {
         f.cls = event::CLASS_TT;
         f.fetch_address = 0x83000028;
         r.address = 0x5000;
     },
     {0x000000100000000B, 0x0000010800000000, 0x5000, 0x83000028}},
    {EventCode::F_TRANSLATION,
     [](Fault&, Request& r) {
         r.ssid = SubstreamId{3};
         r.address = 0xDEADB000;
     },
     {0x0000001000003810, 0x0000020800000000, 0xDEADB000, 0}},
    {EventCode::F_ADDR_SIZE,
     [](Fault&, Request& r) { r.address = 0x100000000000; },
     {0x0000001000000011, 0x0000020800000000, 0x100000000000, 0}},
    {EventCode::F_ACCESS,
     [](Fault&, Request& r) {
         r.privileged = r.instruction = true;
         r.address = 0x7123;
     },
     {0x0000001000000012, 0x0000020E00000000, 0x7123, 0}},
    {EventCode::F_PERMISSION,
     [](Fault& f, Request& r) {
         f.s2 = true;
         f.ipa = 0x40001000;
         r.write = true;
     },
     {0x0000001000000013, 0x0000028000000000, 0x1000, 0x40001000}},
    {EventCode::F_TLB_CONFLICT, [](Fault&, Request&) {}, {0x0000001000000020, 0x0000000800000000, 0x1000, 0}},
    {EventCode::F_CFG_CONFLICT, [](Fault&, Request&) {}, {0x0000001000000021, 0, 0, 0}},
    {EventCode::E_PAGE_REQUEST, [](Fault&, Request&) {}, {0x0000001000000024, 0x0000000800000000, 0x1000, 0}},
    {EventCode::F_VMS_FETCH,
     [](Fault& f, Request&) { f.fetch_address = 0x80500000; },
     {0x0000001000000025, 0, 0, 0x80500000}},
};

}  // namespace

TEST_CASE("smmuv3 events: the record of each code", "[iommu][smmuv3][vector]") {
    std::set<unsigned> covered;
    for (const Row& row : kRows) {
        CAPTURE(std::string(name(row.code)));
        Fault fault;
        fault.code = row.code;
        Request request = Bench::read_of(0x1000);
        row.change(fault, request);
        CHECK(encode_event(fault, request, request) == row.expected);
        covered.insert(static_cast<unsigned>(row.code));
    }
    for (unsigned code = 0; code < 256; ++code) {
        CAPTURE(code);
        CHECK((std::string(name(static_cast<EventCode>(code))) != "reserved") == (covered.count(code) == 1));
    }
}

TEST_CASE("smmuv3 events: F_UUT for an access of a kind that is not supported", "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x9});
    Request request = Bench::read_of(0x1000);
    request.unsupported = true;
    CHECK(bench.step(request).result.response == Response::abort);
    CHECK(bench.event() == EventWords{0x0000001000000001, 0x0000000800000000, 0x1000, 0});
}

TEST_CASE("smmuv3 events: PnU and InD are those after the STE's overrides", "[iommu][smmuv3]") {
    Bench bench;
    // PRIVCFG 3 (privileged), INSTCFG 3 (instruction).
    bench.ste(Bench::kSid, {0x000000008000100B, (3ULL << 48) | (3ULL << 50)});
    bench.store_words(0x80001000, {0x0012E205C0003510, 0x82000000, 0, 0xFF44}, 8);
    bench.step(Bench::read_of(0x1000));
    CHECK((*bench.event())[1] == 0x0000020E00000000);
    bench.step(Bench::write_of(0x1000));
    CHECK((*bench.event())[1] == 0x0000020200000000);
}

TEST_CASE("smmuv3 events: a bypassed address above the output size is F_ADDR_SIZE, always recorded",
          "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x9});
    const Step& step = bench.step(Bench::read_of(0x100000000000));
    CHECK(step.result.response == Response::abort);
    CHECK(bench.event() == EventWords{0x0000001000000011, 0x0000020800000000, 0x100000000000, 0});
    // With translation off: an abort, but no event.
    bench.write(reg::CR0, cr0::EVENTQEN.mask());
    CHECK(bench.step(Bench::read_of(0x100000000000)).result.response == Response::abort);
    CHECK_FALSE(bench.event());
}

TEST_CASE("smmuv3 bypass: attributes come from the STE, or with translation off from GBPA", "[iommu][smmuv3]") {
    Bench bench;
    Request request = Bench::read_of(0x12345678);
    request.incoming = {0x44, 2};
    // Use incoming.
    bench.ste(Bench::kSid, {0x9, 0x0000100000000000});
    CHECK(bench.step(request).result.attributes == MemoryAttributes{0x44, 2});
    CHECK(bench.translation.step(bench.smmu, {}).result.pa.value == 0x12345678);
    // Override: MTCFG, MemAttr write-back, inner shareable.
    bench.ste(Bench::kSid, {0x9, 0x0000301F00000000});
    bench.command(command::cfgi_ste(Bench::kSid, true));
    CHECK(bench.step(request).result.attributes == MemoryAttributes{0xFF, 3});
    bench.write(reg::GBPA, 0x80000000 | 0x10 | 0x1);  // MTCFG, Device nGnRE, non-shareable
    bench.write(reg::CR0, 0);
    CHECK(bench.step(request).result.attributes == MemoryAttributes{0x04, 0});
}
