// Translations by hand: worked vectors, memory attributes, short descriptors, and programming that is illegal.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "iommu/tables/memory_attributes.hpp"
#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

struct Ready : Bench {
    Ready() : Bench() {
        enable();
        stage1(1);
        stream(0, 0x10, 0xF, 1);
    }
};

/// Bank 1 with short descriptors at 0x84000000. TRE and AFE as `sctlr` says.
struct Short : Bench {
    explicit Short(std::uint32_t sctlr = 0x1061, std::uint32_t tcr = 0) : Bench() {
        enable();
        write(gr1(gr1::CBAR(1)), 0x0001F300);
        write_bank(1, cb::TCR, tcr);
        write_bank(1, cb::TTBR0, 0x84000000, 8);
        write_bank(1, cb::TTBR1, 0x85000000, 8);
        write_bank(1, cb::CONTEXTIDR, 0x34);
        write_bank(1, cb::SCTLR, sctlr);
        stream(0, 0x10, 0xF, 1);
        memory.store(0x84000000 + 4 * 0x123, 0x84010001, 4);
    }
    const Step& page(std::uint32_t descriptor, bool write = false, bool privileged = false, bool fetch = false) {
        memory.store(0x84010000 + 4 * 0x45, descriptor, 4);
        write_bank(1, cb::TLBIALL, 0);
        write_bank(1, cb::FSR, 0xFFFFFFFF);
        Request request = read_of(0x12345678);
        request.write = write;
        request.privileged = privileged;
        request.instruction = fetch;
        return step(request);
    }
};

}  // namespace

TEST_CASE("smmuv2 walk: pages of section 13 through a bank of section 17", "[iommu][smmuv2]") {
    Ready bench;
    bench.map(Bench::kRoot, 0x0000123456789000, 0x0060000456789F47);
    const Step& step = bench.step(Bench::write_of(0x0000123456789ABC, StreamId{0x1F}));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789ABC);
    CHECK(bench.accesses.size() == 4);
    CHECK(bench.accesses[0].address.value == Bench::kRoot + 8 * 0x24);
    CHECK(step.result.attributes.mair == 0x0C);
    CHECK(step.result.attributes.shareability == 2);  // Device memory is outer shareable
    // Again: from the TLB.
    CHECK(bench.step(Bench::read_of(0x0000123456789000)).kind == StepKind::done);
    CHECK(bench.accesses.empty());
    bench.map(Bench::kRoot, 0x0000123456A00000, 0x0000000400000F45, 2);
    CHECK(bench.step(Bench::read_of(0x0000123456ABCDEF)).result.pa.value == 0x4000BCDEF);
    CHECK(bench.accesses.size() == 1);  // the tables were cached
}

TEST_CASE("smmuv2 walk: software's bit 55 in a table word is nothing", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    bench.stage2(0, 0x90000000);
    bench.stream(0, 0x10, 0, 0);
    const std::uint64_t table = bench.map(0x90000000, 0xFFFFFFF000, 0x456789000 | kPage2, 3, 1);
    CHECK(table != 0);
    // 40 bits from level 1: two concatenated tables.
    const std::uint64_t root_entry = 0x90000000 + 8 * 0x3FF;
    bench.memory.store(root_entry, bench.memory.load(root_entry) | 1ULL << 55);
    const Step& step = bench.step(Bench::read_of(0xFFFFFFF123));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x456789123);
    CHECK(bench.accesses[0].address.value == root_entry);
    CHECK(step.result.attributes.mair == 0xFF);
    bench.step(Bench::read_of(0x10000000000));
    CHECK(bench.fsr(0) == 0x402);
}

TEST_CASE("smmuv2 walk: stage 1 attributes go with those of a stage 2 that bypasses", "[iommu][smmuv2]") {
    Ready bench;
    bench.map(Bench::kRoot, 0x5000, 0x456789000 | (kPage & ~0x1CULL) | 3 << 2);  // attribute 3: write-back
    CHECK(bench.step(Bench::read_of(0x5000)).result.attributes.mair == 0xFF);
    CHECK(bench.step(Bench::read_of(0x5000)).result.attributes.shareability == 3);
    bench.write(bench.gr1(gr1::CBAR(1)), 0x00015300);  // MemAttr 5: non-cacheable
    bench.write_bank(1, cb::TLBIALL, 0);
    CHECK(bench.step(Bench::read_of(0x5000)).result.attributes.mair == 0x44);
}

TEST_CASE("smmuv2 walk: a bank that is off passes, with attributes of SCTLR", "[iommu][smmuv2]") {
    Ready bench;
    bench.write_bank(1, cb::SCTLR, 1U << 20 | 5U << 16 | 3U << 22);
    const Step& step = bench.step(Bench::write_of(0xFFFF123456789ABC));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0xFFFF123456789ABC);
    CHECK(step.result.attributes.mair == 0x44);
    CHECK(step.result.attributes.shareability == 0);
}

TEST_CASE("smmuv2 walk: short descriptors, all four sizes", "[iommu][smmuv2]") {
    Short bench;
    CHECK(bench.page(0x56789032).result.pa.value == 0x56789678);
    CHECK(bench.translation.epoch() == bench.smmu.epoch());
    CHECK(bench.accesses.size() == 2);
    CHECK(bench.accesses[0].address.value == 0x84000000 + 4 * 0x123);
    CHECK(bench.accesses[0].size == 4);
    CHECK(bench.page(0x56780031).result.pa.value == 0x56785678);
    CHECK(bench.step(Bench::read_of(0x12345678)).result.entry.log2_bytes == 16);
    bench.memory.store(0x84000000 + 4 * 0x124, 0x45600C02, 4);
    CHECK(bench.step(Bench::read_of(0x12467890)).result.pa.value == 0x45667890);
    bench.memory.store(0x84000000 + 4 * 0x130, 0x45340C62, 4);  // supersection: PA[39:32] 0x33
    const Step& step = bench.step(Bench::read_of(0x13067890));
    CHECK(step.result.pa.value == 0x3345067890);
    CHECK(step.result.entry.log2_bytes == 24);
    CHECK(bench.smmu.tlb.peek(space_tag::make(Regime::stage1, 0, 0x99), 0x13067890) != nullptr);  // global: any ASID
    CHECK(step.result.entry.global);
}

TEST_CASE("smmuv2 walk: short descriptors' rights without an access flag", "[iommu][smmuv2]") {
    // AP[2:0]: user read, user write, privileged read, privileged write. Source: DDI 0406C table B3-8.
    const bool rights[8][4] = {{false, false, false, false}, {false, false, true, true},   {true, false, true, true},
                               {true, true, true, true},     {false, false, false, false}, {false, false, true, false},
                               {true, false, true, false},   {true, false, true, false}};
    Short bench;
    for (std::uint32_t ap = 0; ap < 8; ++ap) {
        CAPTURE(ap);
        const std::uint32_t word = 0x56789002U | (ap & 3) << 4 | (ap >> 2) << 9;
        CHECK((bench.page(word, false, false).kind == StepKind::done) == rights[ap][0]);
        CHECK((bench.page(word, true, false).kind == StepKind::done) == rights[ap][1]);
        CHECK((bench.page(word, false, true).kind == StepKind::done) == rights[ap][2]);
        CHECK((bench.page(word, true, true).kind == StepKind::done) == rights[ap][3]);
    }
    CHECK(bench.page(0x56789032, false, false, true).kind == StepKind::done);
    CHECK(bench.page(0x56789033, false, false, true).kind == StepKind::fault);  // XN
    CHECK(bench.fsr(1) == 0x8);
    CHECK(bench.read_bank(1, cb::FSYNR0) == 0x42);
}

TEST_CASE("smmuv2 walk: short descriptors with an access flag", "[iommu][smmuv2]") {
    Short bench(0x1065);
    CHECK(bench.page(0x56789032).kind == StepKind::done);
    CHECK(bench.page(0x56789022).kind == StepKind::fault);  // AP[0] is the flag
    CHECK(bench.fsr(1) == 0x4);
    CHECK(bench.page(0x56789012).kind == StepKind::fault);  // privileged
    CHECK(bench.fsr(1) == 0x8);
    CHECK(bench.page(0x56789012, true, true).kind == StepKind::done);
    CHECK(bench.page(0x56789232, true).kind == StepKind::fault);  // AP[2]
    bench.write_bank(1, cb::SCTLR, 0x106D);                       // AFFD
    CHECK(bench.page(0x56789022).kind == StepKind::done);
}

TEST_CASE("smmuv2 walk: TTBR1 of short descriptors has what N leaves", "[iommu][smmuv2]") {
    Short bench(0x1061, 3);
    bench.memory.store(0x84000000 + 4 * 0x1FF, 0x45600C02, 4);
    bench.memory.store(0x85000000 + 4 * 0x200, 0x46700C02, 4);
    CHECK(bench.step(Bench::read_of(0x1FF12345)).result.pa.value == 0x45612345);
    CHECK(bench.step(Bench::read_of(0x20012345)).result.pa.value == 0x46712345);
    bench.write_bank(1, cb::TCR, 3 | 1U << 5);  // PD1
    bench.write_bank(1, cb::TLBIALL, 0);
    CHECK(bench.step(Bench::read_of(0x20012345)).kind == StepKind::fault);
    CHECK(bench.fsr(1) == 0x2);
    CHECK(bench.read_bank(1, cb::FSYNR0) == 1);
    bench.write_bank(1, cb::FSR, 0x2);
    bench.step(Bench::read_of(0x100000000));
    CHECK(bench.fsr(1) == 0x2);
}

TEST_CASE("smmuv2 walk: short descriptors' memory types, remapped and not", "[iommu][smmuv2]") {
    // Without remap, TEX C B. Source: DDI 0406C table B3-10.
    const auto plain = [](unsigned tex, bool c, bool b) { return short_attributes(tex, c, b, true, false, 0).mair; };
    CHECK(plain(0, false, false) == 0x00);
    CHECK(plain(0, false, true) == 0x04);
    CHECK(plain(2, false, false) == 0x04);
    CHECK(plain(1, false, false) == 0x44);
    CHECK(plain(1, true, true) == 0xFF);
    CHECK(plain(0, true, false) == 0xAA);
    CHECK(plain(0, true, true) == 0xEE);
    CHECK(plain(5, false, false) == 0xF4);
    CHECK(short_attributes(1, true, true, false, false, 0).shareability == 0);
    CHECK(short_attributes(1, true, true, true, false, 0).shareability == 3);
    // Remapped: index 1 Device, index 3 write-back; S means shareable, inner by NOS.
    const std::uint64_t words = (1U << 2 | 2U << 6 | 1U << 19 | 1U << 27) | std::uint64_t{1U << 6 | 1U << 22} << 32;
    CHECK(short_attributes(0, false, true, false, true, words).mair == 0x04);
    CHECK(short_attributes(0, true, true, true, true, words).mair == 0xFF);
    CHECK(short_attributes(0, true, true, true, true, words).shareability == 3);
    CHECK(short_attributes(0, true, true, false, true, words).shareability == 0);
    CHECK(short_attributes(0, false, false, false, true, words).mair == 0x00);
}

TEST_CASE("smmuv2 walk: the sign of an address is where SEP says", "[iommu][smmuv2]") {
    Ready bench;
    constexpr std::uint64_t kUpper = 0x88000000;
    bench.write_bank(1, cb::TCR, 0x80100010 | 0x3500);  // T1SZ 16, TG1 4K, both halves
    bench.write_bank(1, cb::TTBR1, 0x0012000000000000 | kUpper, 8);
    bench.map(kUpper, 0xFFFFFFFFFFFF5000, 0x456789000 | kPage);
    bench.map(Bench::kRoot, 0x0000FFFFFFFF5000, 0x123456000 | kPage);
    // The bus has 49 bits: the highest is the sign.
    CHECK(bench.step(Bench::read_of(0xFFFFFFFFFFFF5000)).result.pa.value == 0x456789000);
    const Step& cut = bench.step(Bench::read_of(0x0001FFFFFFFF5000));
    CHECK(cut.result.pa.value == 0x456789000);
    CHECK_FALSE(cut.result.cacheable);  // invalidations would not name it so
    CHECK(bench.step(Bench::read_of(0x0000FFFFFFFF5000)).result.pa.value == 0x123456000);
    bench.write_bank(1, cb::TCR2, 0x00028015);  // bit 47
    CHECK(bench.step(Bench::read_of(0x0000FFFFFFFF5000)).result.pa.value == 0x456789000);
    // Of a narrower bus the address is taken as it comes.
    Features f = small_features();
    f.ubs = 4;
    Bench narrow(f);
    narrow.enable();
    narrow.stage1(1);
    narrow.stream(0, 0x10, 0, 1);
    narrow.map(Bench::kRoot, 0x00000FFFFFFF5000, 0x123456000 | kPage);
    CHECK(narrow.step(Bench::read_of(0x00000FFFFFFF5000)).result.pa.value == 0x123456000);
}

TEST_CASE("smmuv2 walk: each rule of a bank's programming", "[iommu][smmuv2]") {
    struct Row {
        const char* rule;
        Features features;
        bool stage2;
        std::uint32_t tcr, tcr2, cba2r;
    };
    const auto with = [](void (*change)(Features&)) {
        Features f = small_features();
        change(f);
        return f;
    };
    const Features all = small_features();
    const Row rows[] = {
        {"the stage is implemented", with([](Features& f) { f.s1ts = 0; }), false, 0x00803510, 0x38015, 1},
        {"stage 2 is implemented", with([](Features& f) { f.s2ts = 0; }), true, 0x80023558, 0, 1},
        {"VMSAv7 tables", with([](Features& f) { f.no_aarch32 = 1; }), false, 0x80803500, 0, 0},
        {"short descriptors", with([](Features& f) { f.no_aarch32s = 1; }), false, 0, 0, 0},
        {"the granule of TTBR0", with([](Features& f) { f.ptfs_4k = 0; }), false, 0x00803510, 0x38015, 1},
        {"the granule of TTBR0", all, false, 0x0080F510, 0x38015, 1},
        {"the granule of TTBR1", all, false, 0x00100010, 0x38015, 1},
        {"T0SZ is 16..39", all, false, 0x0080350F, 0x38015, 1},
        {"T0SZ is 16..39", all, false, 0x00803528, 0x38015, 1},
        {"T1SZ is 16..39", all, false, 0x800F0090, 0x38015, 1},
        {"SEP is not reserved", all, false, 0x00803510, 0x30015, 1},
        {"the granule of stage 2", with([](Features& f) { f.ptfs_4k = 0; }), true, 0x80023558, 0, 1},
        {"T0SZ of stage 2", all, true, 0x8002354F, 0, 1},
        {"SL0 is not reserved", all, true, 0x800235D8, 0, 1},  // code 3
        {"SL0 is not reserved", all, true, 0x80023510, 0, 1},  // 48 bits from level 2
        {"SL0 is not reserved", all, true, 0x80003588, 0, 0},  // VMSAv7: code 2
        {"SL0 is not reserved", all, true, 0x80003508, 0, 0},  // 40 bits from level 2
    };
    std::set<std::string> seen;
    for (const Row& row : rows) {
        CAPTURE(row.rule, row.tcr);
        Bench bench(row.features);
        bench.enable();
        bench.write(bench.gr1(gr1::CBA2R(1)), row.cba2r);
        bench.write(bench.gr1(gr1::CBAR(1)), row.stage2 ? 7 : 0x0001F300);
        bench.write_bank(1, cb::TCR2, row.tcr2);
        bench.write_bank(1, cb::TCR, row.tcr);
        bench.stream(0, 0x10, 0, 1);
        // Off, it breaks nothing.
        CHECK(bench.step(Bench::read_of(0x5000)).kind == StepKind::done);
        bench.write_bank(1, cb::SCTLR, 0x67);
        const auto rule = illegal_bank(bench.smmu.registers.banks[1], row.stage2, row.features);
        REQUIRE(rule);
        std::size_t rules = 0;
        const std::string name(bank_rules(rules)[*rule].name);
        CHECK(name.find(row.rule) == 0);
        seen.insert(name);
        const Step& step = bench.step(Bench::read_of(0x5000));
        CHECK(step.kind == StepKind::fault);
        CHECK((bench.fsr(1) & 0x1FE) == 2);
        CHECK(bench.accesses.empty());
        CHECK(bench.smmu.counters.illegal_contexts == 1);
        CHECK(sheet().fault_name(step.result.fault) == "TF (context bank programmed against: " + name + ")");
    }
    std::size_t count = 0;
    bank_rules(count);
    CHECK(seen.size() == count);
}

TEST_CASE("smmuv2 walk: Linux's banks are legal", "[iommu][smmuv2]") {
    const Features all = full_features();
    const auto legal = [&](bool stage2, std::uint32_t tcr, std::uint32_t tcr2, bool va64) {
        Bank bank;
        bank.sctlr = stage2 ? 0x67 : 0x1067;
        bank.tcr = tcr;
        bank.tcr2 = tcr2;
        bank.cba2r = va64 ? 1 : 0;
        return !illegal_bank(bank, stage2, all);
    };
    CHECK(legal(false, 0x00803510, 0x00038015, true));
    CHECK(legal(false, 0x80803520, 0x00038002, false));  // MMU-400 on a 64-bit kernel, Marvell's MMU-500
    CHECK(legal(true, 0x80022058, 0, true));             // stage 2 alone, 40 bits
    CHECK(legal(true, 0x80023558, 0, true));
}

TEST_CASE("smmuv2 walk: tables in the other byte order", "[iommu][smmuv2]") {
    Ready bench;
    bench.write_bank(1, cb::SCTLR, 0x1077);
    std::uint64_t table = Bench::kRoot;
    for (unsigned level = 0; level < 4; ++level) {
        const std::uint64_t next = Bench::kTables + 0x1000 * level;
        const std::uint64_t word = level == 3 ? 0x456789000 | kPage : next | 3;
        bench.memory.store(table + (level == 3 ? 8 * 5 : 0), __builtin_bswap64(word));
        table = next;
    }
    CHECK(bench.step(Bench::read_of(0x5123)).result.pa.value == 0x456789123);
}
