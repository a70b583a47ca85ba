// Walks of both stages against sections 13.1 and 1.10 of docs/spec/iommu-hardware.md.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x0012E205C0003510;    // T0SZ 16, 4K, EPD1, IPS 48, AA64, R, A
constexpr std::uint64_t kMair = 0xFF440C0400FF4400;  // index 1: non-cacheable, 2: write-back
constexpr std::uint64_t kTables = 0x82000000;
constexpr std::uint64_t kPage = 0x0060000000000F47;  // attr 1, EL0 RW, ISH, AF, nG, PXN, UXN

/// Stage 1 of SID 0x10: one CD, tables for the first 2 MiB of VAs down to a level 3 table at 0x83000000.
struct Stage1Bench : Bench {
    explicit Stage1Bench(std::uint64_t cd0 = kCd, Features features = features_44()) : Bench(features) {
        ste(kSid, {0x000000008000100B, 0});
        store_words(0x80001000, {cd0, kTables, 0, kMair}, 8);
        memory.store(kTables, 0x82001003);
        memory.store(0x82001000, 0x82002003);
        memory.store(0x82002000, 0x83000003);
    }
    void page(std::uint64_t va, std::uint64_t descriptor) { memory.store(0x83000000 + (va >> 12) * 8, descriptor); }
};

EventWords event_of(Bench& bench) {
    const auto words = bench.event();
    REQUIRE(words);
    CHECK_FALSE(bench.event());
    return *words;
}

/// Nested: STE 0x8000100F, VMID 7. Stage 2 (T0SZ 24, SL0 1) maps what the test says by pages of level 3 tables.
struct NestedBench : Bench {
    NestedBench() {
        ste(kSid, {0x000000008000100F, 0, 0x044A355800000007, 0x81000000});
        // The CD and stage 1 tables at IPAs 0x80001000 and 0x50000000.., mapped one to one unless a test removes it.
        map2(0x80001000, 0x80001000);
        for (std::uint64_t ipa = 0x50000000; ipa < 0x50004000; ipa += 0x1000) map2(ipa, ipa);
        store_words(0x80001000, {kCd, 0x50000000, 0, kMair}, 8);
        memory.store(0x50000000, 0x50001003);
        memory.store(0x50001000, 0x50003003);
        memory.store(0x50003000, 0x50002003);
    }
    static std::uint64_t leaf_address(std::uint64_t ipa) {
        return 0x84000000 + (ipa >> 21) * 0x1000 + ((ipa >> 12) & 0x1FF) * 8;
    }
    void map2(std::uint64_t ipa, std::uint64_t pa, std::uint64_t attributes = 0x7FF) {
        memory.store(0x81000000 + (ipa >> 30) * 8, 0x81100003 + (ipa >> 30) * 0x1000);
        memory.store(0x81100000 + (ipa >> 30) * 0x1000 + ((ipa >> 21) & 0x1FF) * 8,
                     (leaf_address(ipa) & ~0xFFFULL) | 3);
        memory.store(leaf_address(ipa), pa | attributes);
    }
    void unmap2(std::uint64_t ipa) { memory.store(leaf_address(ipa), 0); }
};

}  // namespace

TEST_CASE("smmuv3 walk: four levels of 4K tables give the page, its attributes and rights", "[iommu][smmuv3]") {
    Stage1Bench bench;
    bench.page(0x5000, 0x0060000456789F47);
    const Step& step = bench.step(Bench::read_of(0x5ABC));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789ABC);
    CHECK(step.result.entry.log2_bytes == 12);
    CHECK(step.result.attributes == MemoryAttributes{0x44, 3});
    CHECK(step.result.entry.permissions.bits == (Permissions::kUserRead | Permissions::kUserWrite |
                                                 Permissions::kPrivilegedRead | Permissions::kPrivilegedWrite));
    CHECK(bench.smmu.counters.walk_reads == 4);
}

TEST_CASE("smmuv3 walk: a second access to the page is a TLB hit that reads nothing", "[iommu][smmuv3]") {
    Stage1Bench bench;
    bench.page(0x5000, 0x0060000456789FC7);  // read-only
    bench.step(Bench::read_of(0x5000));
    const Step& hit = bench.step(Bench::read_of(0x5FF8));
    CHECK(hit.kind == StepKind::done);
    CHECK(hit.result.pa.value == 0x456789FF8);
    CHECK(bench.accesses.empty());
    SECTION("but a write is checked, and faults") {
        CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::fault);
        CHECK(event_of(bench) == EventWords{0x0000001000000013, 0x0000020000000000, 0x5000, 0});
    }
}

TEST_CASE("smmuv3 walk: blocks of 4K tables at levels 1 and 2", "[iommu][smmuv3]") {
    Stage1Bench bench;
    bench.memory.store(0x82002000 + 8, 0x0000000400000F45);
    bench.memory.store(0x82001000 + 8, 0x0000000500000F45 & ~0xFFFFFFFULL);
    bench.memory.store(0x82001000 + 8, 0x540000000 | 0xF45);
    CHECK(bench.step(Bench::read_of(0x234567)).result.pa.value == 0x400034567);
    CHECK(bench.translation.step(bench.smmu, {}).result.entry.log2_bytes == 21);
    CHECK(bench.step(Bench::read_of(0x40000000 + 0x3456789)).result.pa.value == 0x543456789);
    CHECK(bench.translation.step(bench.smmu, {}).result.entry.log2_bytes == 30);
    // A block at level 0 is not one.
    bench.memory.store(kTables + 8, 0xF45);
    CHECK(bench.step(Bench::read_of(0x8000000000)).kind == StepKind::fault);
    CHECK(event_of(bench)[0] == 0x0000001000000010);
}

TEST_CASE("smmuv3 walk: a 16K contiguous group", "[iommu][smmuv3][vector]") {
    // TG0 16K, T0SZ 17: root at level 1.
    Stage1Bench bench((kCd & ~0xFFULL) | 17 | (2 << 6));
    bench.memory.store(kTables, 0x82004003);
    bench.memory.store(0x82004000 + (0x80000000ULL >> 25) * 8, 0x82008003);
    for (unsigned i = 0; i < 128; ++i)
        bench.memory.store(0x82008000 + 8 * i, 0x0070000880000F47 + (std::uint64_t{i} << 14));
    CHECK(bench.memory.load(0x82008000 + 8 * 0x13) == 0x007000088004CF47);
    const Step& step = bench.step(Bench::read_of(0x8004EABC));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x88004EABC);
    CHECK(step.result.entry.va == 0x80000000);
    CHECK(step.result.entry.pa == 0x880000000);
    CHECK(step.result.entry.log2_bytes == 21);
}

TEST_CASE("smmuv3 walk: a 64K contiguous group", "[iommu][smmuv3][vector]") {
    Stage1Bench bench((kCd & ~0xFFULL) | 22 | (1 << 6));
    bench.memory.store(kTables + (0x40000000ULL >> 29) * 8, 0x82010003);
    for (unsigned i = 0; i < 32; ++i)
        bench.memory.store(0x82010000 + 8 * i, 0x00700008C0000F47 + (std::uint64_t{i} << 16));
    const Step& step = bench.step(Bench::read_of(0x40050123));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x8C0050123);
    CHECK(step.result.entry.va == 0x40000000);
    CHECK(step.result.entry.log2_bytes == 21);
}

TEST_CASE("smmuv3 walk: 52-bit output addresses with the 64K granule", "[iommu][smmuv3][vector]") {
    // IPS 52, T0SZ 22, 64K.
    Stage1Bench bench((kCd & ~0xFFULL & ~(7ULL << 32)) | (6ULL << 32) | 22 | (1 << 6), full_features());
    bench.memory.store(kTables, 0x82010003);
    bench.memory.store(0x82010000, 0x000080000001FF47);
    const Step& step = bench.step(Bench::read_of(0x1234));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x000F800000011234);
}

TEST_CASE("smmuv3 walk: TBI ignores the top byte, but bit 55 still chooses the half", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x000000008000100B, 0});
    bench.store_words(0x80001000, {0x0012E245C0003519, kTables, 0, kMair}, 8);
    // T0SZ 25: root at level 1.
    bench.memory.store(kTables + (0x1234567000ULL >> 30) * 8, 0x82002003);
    bench.memory.store(0x82002000 + ((0x1234567000ULL >> 21) & 0x1FF) * 8, 0x83000003);
    bench.memory.store(0x83000000 + ((0x1234567000ULL >> 12) & 0x1FF) * 8, kPage | 0x456789000);
    const Step& step = bench.step(Bench::read_of(0xAB00001234567000));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789000);
    // Another tag: the same entry.
    CHECK(bench.step(Bench::read_of(0xCD00001234567000)).kind == StepKind::done);
    CHECK(bench.accesses.empty());
    bench.step(Bench::read_of(0xAB80001234567000));
    CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000020800000000, 0xAB80001234567000, 0});
}

TEST_CASE("smmuv3 walk: the upper half has its own table", "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x000000008000100B, 0});
    // EPD1 off, T1SZ 25, TG1 4K (code 2).
    const std::uint64_t cd0 = (kCd & ~(std::uint64_t{1} << 30)) | (25ULL << 16) | (2ULL << 22);
    bench.store_words(0x80001000, {cd0, kTables, 0x85000000, kMair}, 8);
    const std::uint64_t va = 0xFFFFFF8000005000;
    bench.memory.store(0x85000000, 0x85001003);
    bench.memory.store(0x85001000, 0x85002003);
    bench.memory.store(0x85002000 + 5 * 8, kPage | 0x123456000);
    CHECK(bench.step(Bench::read_of(va)).result.pa.value == 0x123456000);
    // One bit below the range.
    bench.step(Bench::read_of(va & ~(1ULL << 39)));
    CHECK(event_of(bench)[0] == 0x0000001000000010);
}

TEST_CASE("smmuv3 walk: a privileged instruction read meets AF=0", "[iommu][smmuv3][vector]") {
    Stage1Bench bench;
    bench.page(0x7000, (kPage | 0x456789000) & ~(1ULL << 10));
    Request request = Bench::read_of(0x7123);
    request.privileged = request.instruction = true;
    bench.step(request);
    CHECK(event_of(bench) == EventWords{0x0000001000000012, 0x0000020E00000000, 0x7123, 0});
}

TEST_CASE("smmuv3 walk: external aborts tell the descriptor's address and the stage", "[iommu][smmuv3][vector]") {
    SECTION("stage 1 alone") {
        Stage1Bench bench;
        bench.memory.abort_from = 0x83000028;
        bench.memory.abort_to = 0x83000030;
        bench.step(Bench::read_of(0x5000));
        CHECK(event_of(bench) == EventWords{0x000000100000000B, 0x0000010800000000, 0x5000, 0x83000028});
    }
    SECTION("stage 2, of the final IPA") {
        NestedBench bench;
        bench.memory.store(0x50002028, kPage | 0x40001000);
        // The level 1 descriptor of IPA 0x40001000 is at 0x81000008; 0x81000028 is that of IPA 0x140001000.
        bench.memory.store(0x50002028, kPage | 0x140001000);
        bench.memory.abort_from = 0x81000028;
        bench.memory.abort_to = 0x81000030;
        bench.step(Bench::read_of(0x5000));
        CHECK(event_of(bench) == EventWords{0x000000100000000B, 0x0000028800000000, 0x5000, 0x81000028});
    }
}

TEST_CASE("smmuv3 walk: inside one descriptor the first fault in the order of the architecture wins",
          "[iommu][smmuv3]") {
    Stage1Bench bench;
    // Invalid and too large and not accessed: F_TRANSLATION.
    bench.page(0x5000, 0x0000800000000080);
    bench.step(Bench::write_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000010);
    // Too large (OAS 44), not accessed, read-only: F_ADDR_SIZE.
    bench.page(0x5000, 0x00008000000000C3);
    bench.step(Bench::write_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000011);
    // Not accessed and read-only: F_ACCESS.
    bench.page(0x5000, 0x00000000400000C3);
    bench.step(Bench::write_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000012);
    bench.page(0x5000, 0x00000000400004C3);
    bench.step(Bench::write_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000013);
    // A reserved level 3 descriptor.
    bench.page(0x5000, 0x0000000040000441);
    bench.step(Bench::write_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000010);
}

TEST_CASE("smmuv3 walk: rights by AP, privilege, execution and table limits", "[iommu][smmuv3]") {
    struct Row {
        const char* name;
        std::uint64_t leaf;   ///< bits beyond AF, page, address
        std::uint64_t table;  ///< of the level 2 table descriptor
        std::uint64_t cd;
        std::uint8_t rights;
    };
    using P = Permissions;
    constexpr std::uint8_t ur = P::kUserRead, uw = P::kUserWrite, ux = P::kUserExecute, pr = P::kPrivilegedRead,
                           pw = P::kPrivilegedWrite, px = P::kPrivilegedExecute;
    const std::uint64_t ap1 = 1 << 6, ap2 = 1 << 7, pxn = 1ULL << 53, uxn = 1ULL << 54;
    const std::uint64_t wxn = 1ULL << 36, pan = 1ULL << 40;
    const Row rows[] = {
        {"privileged read-write, executable", 0, 0, 0, pr | pw | px},
        {"everybody read-write: not executable at EL1", ap1, 0, 0, ur | uw | ux | pr | pw},
        {"privileged read-only", ap2, 0, 0, pr | px},
        {"everybody read-only", ap1 | ap2, 0, 0, ur | ux | pr | px},
        {"PXN", ap1 | ap2 | pxn, 0, 0, ur | ux | pr},
        {"UXN", ap1 | ap2 | uxn, 0, 0, ur | pr | px},
        {"APTable keeps EL0 out", ap1 | ap2, 1ULL << 61, 0, pr | px},
        {"APTable removes write", ap1, 1ULL << 62, 0, ur | ux | pr | px},
        {"XNTable", ap1 | ap2, 1ULL << 60, 0, ur | pr | px},
        {"PXNTable", ap1 | ap2, 1ULL << 59, 0, ur | ux | pr},
        {"WXN: writable is not executable", 0, 0, wxn, pr | pw},
        {"WXN: read-only is", ap1 | ap2, 0, wxn, ur | ux | pr | px},
        {"PAN keeps EL1 data out of EL0 pages", ap1 | ap2, 0, pan, ur | ux | px},
        {"PAN leaves EL1 pages alone", ap2, 0, pan, pr | px},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        for (unsigned bit = 0; bit < 6; ++bit) {
            Stage1Bench bench(kCd | row.cd);
            bench.memory.store(0x82002000, 0x83000003 | row.table);
            bench.page(0x5000, 0x456789000 | 0x403 | row.leaf);
            Request request = Bench::read_of(0x5000);
            request.privileged = bit >= 3;
            request.write = bit % 3 == 1;
            request.instruction = bit % 3 == 2;
            CAPTURE(bit);
            const bool allowed = (row.rights >> bit & 1) != 0;
            CHECK((bench.step(request).kind == StepKind::done) == allowed);
            if (!allowed) CHECK(event_of(bench)[0] == 0x0000001000000013);
        }
    }
}

TEST_CASE("smmuv3 walk: HAD ignores the limits of tables", "[iommu][smmuv3]") {
    Stage1Bench bench;
    bench.store_words(0x80001000, {kCd, kTables | 2, 0, kMair}, 8);
    bench.memory.store(0x82002000, 0x83000003 | (1ULL << 61) | (1ULL << 62));
    bench.page(0x5000, kPage | 0x456789000);
    CHECK(bench.step(Bench::write_of(0x5000)).kind == StepKind::done);
}

TEST_CASE("smmuv3 walk: CD.R hides translation faults and CD.A chooses the answer", "[iommu][smmuv3]") {
    SECTION("R=0: no record") {
        Stage1Bench bench(kCd & ~(1ULL << 45));
        CHECK(bench.step(Bench::read_of(0x5000)).result.response == Response::abort);
        CHECK_FALSE(bench.event());
    }
    SECTION("A=0: reads zero, ignores writes") {
        Stage1Bench bench(kCd & ~(1ULL << 46));
        CHECK(bench.step(Bench::read_of(0x5000)).result.response == Response::read_zero_write_ignored);
        CHECK(bench.event());
    }
}

TEST_CASE("smmuv3 stage 2: eight concatenated tables at the root", "[iommu][smmuv3][vector]") {
    Bench bench;
    bench.ste(Bench::kSid, {0xD, 0, 0x044C355600000009, 0x81000000});
    CHECK(root_entries(Granule::k4, 42, 1) * 8 == 0x8000);
    bench.step(Bench::read_of(0x21234567890));
    CHECK(bench.touched(0x81004240));
    CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000028800000000, 0x21234567890, 0x21234567000});
    // An IPA above the range.
    bench.step(Bench::read_of(0x40000000000));
    CHECK(bench.accesses.empty());
    CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000028800000000, 0x40000000000, 0x40000000000});
}

TEST_CASE("smmuv3 nested: the final address goes through both stages", "[iommu][smmuv3]") {
    NestedBench bench;
    bench.memory.store(0x50002028, kPage | 0x40001000);
    bench.map2(0x40001000, 0x456789000);
    const Step& step = bench.step(Bench::read_of(0x5ABC));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789ABC);
    // A second access hits the combined entry.
    bench.step(Bench::write_of(0x5000));
    CHECK(bench.accesses.empty());
}

TEST_CASE("smmuv3 nested: faults of stage 2 say what was being translated", "[iommu][smmuv3][vector]") {
    NestedBench bench;
    SECTION("a stage 1 descriptor: CLASS TT") {
        bench.unmap2(0x50002000);
        bench.memory.store(0x50003000, 0x50002003);
        bench.step(Bench::write_of(0x3000));
        // L3 descriptor of VA 0x3000 is at IPA 0x50002018.
        CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000018000000000, 0x3000, 0x50002000});
    }
    SECTION("the CD: CLASS CD") {
        bench.unmap2(0x80001000);
        bench.step(Bench::write_of(0x5000));
        CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000008000000000, 0x5000, 0x80001000});
    }
    SECTION("the final IPA: CLASS IN") {
        bench.memory.store(0x50002028, kPage | 0x40001000);
        bench.step(Bench::read_of(0x5000));
        CHECK(event_of(bench) == EventWords{0x0000001000000010, 0x0000028800000000, 0x5000, 0x40001000});
    }
    SECTION("a stage 1 update that stage 2 refuses: F_PERMISSION, CLASS TT, TTRnW 0") {
        bench.store_words(0x80001000, {kCd | (1ULL << 43), 0x50000000, 0, kMair}, 8);  // HA
        bench.map2(0x50002000, 0x50002000, 0x77F);                                     // S2AP read only
        bench.memory.store(0x50002028, (kPage | 0x40001000) & ~(1ULL << 10));
        bench.map2(0x40001000, 0x456789000);
        bench.step(Bench::read_of(0x5000));
        CHECK(event_of(bench) == EventWords{0x0000001000000013, 0x0000018800000000, 0x5000, 0x50002000});
    }
}

TEST_CASE("smmuv3 nested: S2PTW forbids tables and CDs in Device memory", "[iommu][smmuv3]") {
    NestedBench bench;
    bench.map2(0x50002000, 0x50002000, 0x7C3);  // MemAttr 0: Device
    bench.memory.store(0x50002028, kPage | 0x40001000);
    bench.step(Bench::read_of(0x5000));
    CHECK(event_of(bench)[0] == 0x0000001000000013);
}

TEST_CASE("smmuv3 nested: rights are the intersection and sizes the smaller", "[iommu][smmuv3]") {
    NestedBench bench;
    bench.memory.store(0x50003000 + 8, 0x40000000 | 0xF45);  // 2M block of stage 1 at VA 0x200000
    bench.map2(0x40001000, 0x456789000, 0x77F);              // read only
    const Step& step = bench.step(Bench::read_of(0x201000));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.entry.log2_bytes == 12);
    bench.step(Bench::write_of(0x201000));
    CHECK(event_of(bench) == EventWords{0x0000001000000013, 0x0000028000000000, 0x201000, 0x40001000});
}
