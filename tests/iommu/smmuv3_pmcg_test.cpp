// The performance monitor counter group: section 1.14 of docs/spec/iommu-hardware.md.
#include <catch2/catch.hpp>

#include "iommu/smmuv3/pmcg.hpp"
#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint32_t kAnySid = 0x20000000;  // EVTYPER span bit

void set_up(Pmcg& group, unsigned counter, unsigned event, std::uint32_t filter = 0xFFFFFFFF,
            std::uint32_t type = kAnySid) {
    group.write_register(0, 0x400 + 4 * counter, 4, event | type);
    group.write_register(0, 0xA00 + 4 * counter, 4, filter);
    group.write_register(0, 0xC00, 8, 1ULL << counter);
}
std::uint64_t count_of(const Pmcg& group, unsigned counter) { return group.read_register(1, 8 * counter, 8); }
PmcgParams wide() {
    PmcgParams params;
    params.counters = 8;
    params.counter_bits = 64;
    return params;
}

}  // namespace

TEST_CASE("smmuv3 PMCG: the counters say what the statistics say", "[iommu][smmuv3][pmcg]") {
    Bench bench;
    Pmcg group(wide());
    bench.smmu.add_pmcg(group);
    for (unsigned event = 0; event < 8; ++event) set_up(group, event, event);
    group.write_register(0, 0xE04, 4, 1);
    bench.ste(Bench::kSid, {0x000000008000100B, 1ULL << 28});
    bench.store_words(0x80001000, {0x0012E205C0003510, 0x82000000, 0, 0xFF44}, 8);
    bench.memory.store(0x82000000, 0x82001003);
    bench.memory.store(0x82001000, 0x82002003);
    bench.memory.store(0x82002000, 0x83000003);
    for (unsigned i = 0; i < 512; ++i)
        bench.memory.store(0x83000000 + 8 * i, 0x0060000456000F47 + (std::uint64_t{i} << 12));
    for (unsigned i = 0; i < 100; ++i) {
        Request request = Bench::read_of((i * 7 % 64) << 12);
        if (i % 10 == 3) request.ats = AtsType::translation_request;
        bench.step(request);
    }
    const SmmuCounters& counters = bench.smmu.counters;
    CHECK(count_of(group, 0) == 0);
    CHECK(count_of(group, 1) == 100);
    CHECK(count_of(group, 1) == counters.translations);
    CHECK(count_of(group, 2) == counters.tlb_misses);
    CHECK(counters.tlb_misses == bench.smmu.tlb.counters().lookups - bench.smmu.tlb.counters().hits);
    CHECK(count_of(group, 3) == 1);
    CHECK(count_of(group, 4) == counters.walk_reads);
    CHECK(count_of(group, 5) == counters.config_reads);
    CHECK(count_of(group, 5) == 3);
    CHECK(count_of(group, 6) == 10);
    CHECK(count_of(group, 7) == 0);
    group.count(PmcgEvent::cycles, StreamId{}, 1000);
    CHECK(count_of(group, 0) == 1000);
}

TEST_CASE("smmuv3 PMCG: filters by SID, exactly or by a span", "[iommu][smmuv3][pmcg]") {
    struct Row {
        std::uint32_t filter, type;
        StreamId sid;
        bool counted;
    };
    const Row rows[] = {
        {0x10, 0, StreamId{0x10}, true},
        {0x10, 0, StreamId{0x11}, false},
        {0x10, kAnySid, StreamId{0x11}, true},  // ...0: the lowest bit is ignored
        {0x10, kAnySid, StreamId{0x12}, false},
        {0x13, kAnySid, StreamId{0x17}, true},  // ...011: three bits are ignored
        {0x13, kAnySid, StreamId{0x18}, false},
        {0x7FFFFFFF, kAnySid, StreamId{0x12345}, true},
        {0xFFFFFFFF, kAnySid, StreamId{0x12345}, true},
        {0xFFFFFFFF, 0, StreamId{0x12345}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.filter, row.type, value(row.sid));
        Pmcg group(wide());
        set_up(group, 2, 1, row.filter, row.type);
        group.write_register(0, 0xE04, 4, 1);
        group.count(PmcgEvent::transactions, row.sid);
        CHECK(count_of(group, 2) == (row.counted ? 1 : 0));
    }
    PmcgParams shared = wide();
    shared.shared_filter = true;
    Pmcg group(shared);
    set_up(group, 0, 7, 0x55, 0);
    set_up(group, 1, 1, 0x66, 0);
    group.write_register(0, 0xE04, 4, 1);
    group.count(PmcgEvent::transactions, StreamId{0x55});
    group.count(PmcgEvent::transactions, StreamId{0x66});
    CHECK(count_of(group, 1) == 1);
}

TEST_CASE("smmuv3 PMCG: nothing counts unless enabled, one by one and together", "[iommu][smmuv3][pmcg]") {
    Pmcg group(wide());
    set_up(group, 0, 1);
    group.count(PmcgEvent::transactions, StreamId{1});
    CHECK(count_of(group, 0) == 0);
    group.write_register(0, 0xE04, 4, 1);
    group.count(PmcgEvent::transactions, StreamId{1});
    CHECK(count_of(group, 0) == 1);
    group.write_register(0, 0xC20, 8, 1);  // CNTENCLR
    group.count(PmcgEvent::transactions, StreamId{1});
    CHECK(count_of(group, 0) == 1);
}

TEST_CASE("smmuv3 PMCG: overflow sets its bit, captures and interrupts", "[iommu][smmuv3][pmcg]") {
    PmcgParams params;
    params.msi = true;
    Pmcg group(params);
    set_up(group, 0, 1, 0xFFFFFFFF, kAnySid | 0x80000000);  // OVFCAP
    set_up(group, 1, 0);
    group.write_register(1, 0, 4, 0xFFFFFFFF);  // EVCNTR0, 4 bytes apart at 32 bits
    group.write_register(1, 4, 4, 77);
    group.write_register(0, 0xC40, 8, 1);  // INTENSET
    group.write_register(0, 0xE58, 8, 0x90000000);
    group.write_register(0, 0xE60, 4, 0x77);
    group.write_register(0, 0xE50, 4, 1);
    group.write_register(0, 0xE60, 4, 0x99);  // closed now
    group.write_register(0, 0xE04, 4, 1);
    group.count(PmcgEvent::transactions, StreamId{1});
    CHECK(group.read_register(1, 0, 4) == 0);
    CHECK(group.read_register(1, 0xCC0, 8) == 1);
    CHECK(group.read_register(1, 0x604, 4) == 77);  // SVR1
    CHECK(group.take_interrupt());
    CHECK_FALSE(group.take_interrupt());
    const auto message = group.take_message();
    REQUIRE(message);
    CHECK(message->address == 0x90000000);
    CHECK(message->data == 0x77);
    group.message_aborted();
    CHECK(group.read_register(0, 0xE68, 4) == 1);
    group.write_register(1, 0xC80, 8, 1);  // OVSCLR
    CHECK(group.read_register(1, 0xC80, 8) == 0);
}

TEST_CASE("smmuv3 PMCG: configuration, capture and relocation", "[iommu][smmuv3][pmcg]") {
    Pmcg group(wide());
    CHECK(group.read_register(0, 0xE00, 4) == (7U | 63U << 8 | 1U << 20 | 1U << 22));
    CHECK(group.read_register(0, 0xE20, 8) == 0xFF);
    group.write_register(1, 8, 8, 0x123456789ABCDEF0);
    CHECK(group.read_register(1, 8, 8) == 0x123456789ABCDEF0);
    CHECK(group.read_register(1, 12, 4) == 0x12345678);
    CHECK(group.read_register(0, 8, 8) == 0);  // moved to page 1
    CHECK(group.read_register(1, 0x608, 8) == 0);
    group.write_register(1, 0xD88, 4, 1);  // CAPR
    CHECK(group.read_register(1, 0x608, 8) == 0x123456789ABCDEF0);
    group.write_register(1, 64, 8, 1);  // no ninth counter
    CHECK(group.read_register(1, 64, 8) == 0);
    PmcgParams flat = wide();
    flat.relocated = false;
    Pmcg other(flat);
    other.write_register(0, 8, 8, 5);
    CHECK(other.read_register(0, 8, 8) == 5);
}
