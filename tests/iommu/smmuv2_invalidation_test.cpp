// Each TLBI register: what it drops and what it keeps; drains; what ports are told when configuration changes.
#include <catch2/catch.hpp>

#include <functional>
#include <string>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

constexpr std::uint64_t kRoot2 = 0x90000000;

/// Seven contexts, each with an entry in the TLB:
///   A  bank 0: VMID 1 ASID 0x12, page 0x5000      B  the same, page 0x6000, global
///   C  bank 1: VMID 1 ASID 0x13, page 0x5000      D  bank 2: VMID 9 ASID 0x12, page 0x5000
///   N  bank 3 in bank 5: VMID 7 ASID 0x12, page 0x5000, nested
///   S  bank 5: VMID 7, IPA 0x5000, stage 2 alone   H  bank 6: hypervisor's, page 0x5000
struct Filled : Bench {
    static SmmuParams roomy() {
        SmmuParams p = Bench::params(small_features());
        p.caches.tlb = {true, 64, 0, Replacement::lru};  // all of them share a set
        return p;
    }
    Filled() : Bench(roomy()) {
        enable();
        const auto one = [&](unsigned n, std::uint16_t asid, std::uint32_t cbar) {
            stage1(n, kRoot, 0x1067, asid);
            write(gr1(gr1::CBAR(n)), cbar);
            stream(n, 0x10 * (n + 1), 0xF, n);
        };
        one(0, 0x12, 0x0001F301);
        one(1, 0x13, 0x0001F301);
        one(2, 0x12, 0x0001F309);
        one(6, 0, 0x0001F700);  // HYPC
        map(kRoot, 0x5000, 0x456789000 | kPage);
        map(kRoot, 0x6000, 0x45678A000 | (kPage & ~0x800ULL));
        stage2(5, kRoot2);
        stream(5, 0x60, 0xF, 5);
        map(kRoot2, 0x5000, 0x456789000 | kPage2, 3, 1);
        // Stage 1 of bank 3 lies at 0x40000000 and on, which stage 2 maps to itself; its page is IPA 0x5000.
        one(3, 0x12, 0x00030500);
        write_bank(3, cb::TTBR0, 0x0012000040000000, 8);
        write_bank(3, cb::TTBR1, 0x0012000000000000, 8);
        for (std::uint64_t page = 0; page < 8; ++page) {
            map(kRoot2, 0x40000000 + page * 0x1000, (0x40000000 + page * 0x1000) | kPage2, 3, 1);
        }
        next_table = 0x40001000;
        map(0x40000000, 0x5000, 0x5000 | kPage);
        fill();
    }
    void fill() {
        for (const std::uint32_t sid : {0x10U, 0x20U, 0x30U, 0x40U, 0x60U, 0x70U}) {
            REQUIRE(step(read_of(0x5000, StreamId{sid})).kind == StepKind::done);
        }
        REQUIRE(step(read_of(0x6000, StreamId{0x10})).kind == StepKind::done);
        REQUIRE(present() == "ABCDNSH");
    }
    /// The entries that the TLB has.
    std::string present() const {
        std::string text;
        const auto has = [&](std::uint64_t tag, std::uint64_t va) { return smmu.tlb.peek(tag, va) != nullptr; };
        if (has(space_tag::make(Regime::stage1, 1, 0x12), 0x5000)) text += "A";
        if (has(space_tag::make(Regime::stage1, 1, 0x12), 0x6000)) text += "B";
        if (has(space_tag::make(Regime::stage1, 1, 0x13), 0x5000)) text += "C";
        if (has(space_tag::make(Regime::stage1, 9, 0x12), 0x5000)) text += "D";
        if (has(space_tag::make(Regime::nested, 7, 0x12), 0x5000)) text += "N";
        if (has(space_tag::make(Regime::stage2, 7, 0), 0x5000)) text += "S";
        if (has(space_tag::make(Regime::hyp, 0, 0), 0x5000)) text += "H";
        return text;
    }
};

}  // namespace

TEST_CASE("smmuv2 invalidation: each register drops what it names", "[iommu][smmuv2]") {
    struct Row {
        const char* what;
        unsigned bank;  ///< 99: global
        std::uint32_t offset;
        std::uint64_t operand;
        unsigned size;
        const char* stays;
    };
    const Row rows[] = {
        {"TLBIALLNSNH", 99, gr0::TLBIALLNSNH, 0xFFFFFFFF, 4, "H"},
        {"TLBIALLH", 99, gr0::TLBIALLH, 0xFFFFFFFF, 4, "ABCDNS"},
        {"TLBIVMID 1", 99, gr0::TLBIVMID, 1, 4, "DNSH"},
        {"TLBIVMID 7", 99, gr0::TLBIVMID, 7, 4, "ABCDH"},
        {"TLBIVMIDS1 7", 99, gr0::TLBIVMIDS1, 7, 4, "ABCDSH"},
        {"TLBIVAH", 99, gr0::TLBIVAH, 0x5000, 4, "ABCDNS"},
        {"TLBIVAH other page", 99, gr0::TLBIVAH, 0x6000, 4, "ABCDNSH"},
        {"TLBIVAH64", 99, gr0::TLBIVAH64, 5, 8, "ABCDNS"},
        {"TLBIVALH64", 99, gr0::TLBIVALH64, 5, 8, "ABCDNS"},
        {"STLBIALL: nothing secure", 99, gr0::STLBIALL, 0, 4, "ABCDNSH"},
        {"TLBIALL of bank 0", 0, cb::TLBIALL, 0, 4, "DNSH"},
        {"TLBIALL of the nested bank", 3, cb::TLBIALL, 0, 4, "ABCDSH"},
        {"TLBIALL of the stage 2 bank", 5, cb::TLBIALL, 0, 4, "ABCDH"},
        {"TLBIALL of the hypervisor's bank", 6, cb::TLBIALL, 0, 4, "ABCDNS"},
        {"TLBIASID keeps global ones", 0, cb::TLBIASID, 0x12, 4, "BCDNSH"},
        {"TLBIASID of another bank of the VMID", 1, cb::TLBIASID, 0x12, 4, "BCDNSH"},
        {"TLBIVA", 0, cb::TLBIVA, 0x0012000000000005, 8, "BCDNSH"},
        {"TLBIVAL", 0, cb::TLBIVAL, 0x0012000000000005, 8, "BCDNSH"},
        {"TLBIVA of a global page, any ASID", 0, cb::TLBIVA, 0x0099000000000006, 8, "ACDNSH"},
        {"TLBIVA of another ASID", 0, cb::TLBIVA, 0x0099000000000005, 8, "ABCDNSH"},
        {"TLBIVAA", 0, cb::TLBIVAA, 5, 8, "BDNSH"},
        {"TLBIVAAL", 2, cb::TLBIVAAL, 5, 8, "ABCNSH"},
        {"TLBIVA of the nested bank", 3, cb::TLBIVA, 0x0012000000000005, 8, "ABCDSH"},
        {"TLBIIPAS2", 5, cb::TLBIIPAS2, 5, 8, "ABCDNH"},
        {"TLBIIPAS2L", 5, cb::TLBIIPAS2L, 5, 8, "ABCDNH"},
        {"TLBIIPAS2 of another page", 5, cb::TLBIIPAS2, 6, 8, "ABCDNSH"},
        {"TLBIIPAS2 in 32 bits", 5, cb::TLBIIPAS2, 5, 4, "ABCDNH"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Filled bench;
        const std::uint32_t epoch = bench.smmu.epoch();
        const std::uint64_t at = row.bank == 99 ? row.offset : bench.bank(row.bank, row.offset);
        bench.write(at, row.operand, row.size);
        CHECK(bench.present() == row.stays);
        if (row.offset != gr0::STLBIALL) CHECK(bench.smmu.epoch() != epoch);
    }
}

TEST_CASE("smmuv2 invalidation: 64-bit operands in halves, the upper one first", "[iommu][smmuv2]") {
    Filled bench;
    bench.write_bank(0, cb::TLBIVA + 4, 0x00120000);
    CHECK(bench.present() == "ABCDNSH");
    bench.write_bank(0, cb::TLBIVA, 5);
    CHECK(bench.present() == "BCDNSH");
}

TEST_CASE("smmuv2 invalidation: ASIDs of 8 bits, VMIDs of 8 and 16 bits", "[iommu][smmuv2]") {
    Filled bench;
    bench.write_bank(0, cb::TCR2, 0x00038005);  // AS 0
    bench.write_bank(0, cb::TLBIASID, 0xFF12);
    CHECK(bench.present() == "BCDNSH");
    bench.fill();
    bench.write(gr0::TLBIVMID, 0xFF01);
    CHECK(bench.present() == "DNSH");
    Bench wide;
    wide.enable(0x80000000);
    wide.stage1(0);
    wide.write(wide.gr1(gr1::CBA2R(0)), 0x12340001);
    wide.map(Bench::kRoot, 0x5000, 0x456789000 | kPage);
    wide.stream(0, 0x10, 0, 0);
    wide.step(Bench::read_of(0x5000));
    const std::uint64_t space = space_tag::make(Regime::stage1, 0x1234, 0x12);
    CHECK(wide.smmu.tlb.peek(space, 0x5000) != nullptr);
    wide.write(gr0::TLBIVMID, 0x34);
    CHECK(wide.smmu.tlb.peek(space, 0x5000) != nullptr);
    wide.write(gr0::TLBIVMID, 0x1234);
    CHECK(wide.smmu.tlb.peek(space, 0x5000) == nullptr);
}

TEST_CASE("smmuv2 invalidation: with VMSAv7 tables an operand has 32 bits", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    bench.write(bench.gr1(gr1::CBAR(0)), 0x0001F300);
    bench.write_bank(0, cb::TCR, 0x80803500);
    bench.write_bank(0, cb::TTBR0, 0x0012000080000000, 8);
    bench.write_bank(0, cb::MAIR0, 0xFF440C04);
    bench.write_bank(0, cb::SCTLR, 0x1067);
    bench.stream(0, 0x10, 0, 0);
    bench.map(0x80000000, 0x10000000, 0x56789000 | (kPage & ~(1ULL << 53)), 3, 1);
    REQUIRE(bench.step(Bench::read_of(0x10000000)).kind == StepKind::done);
    const std::uint64_t space = space_tag::make(Regime::stage1, 0, 0x12);
    CHECK(bench.smmu.tlb.peek(space, 0x10000000) != nullptr);
    bench.write_bank(0, cb::TLBIVAL, 0x10000013);
    CHECK(bench.smmu.tlb.peek(space, 0x10000000) != nullptr);
    bench.write_bank(0, cb::TLBIVAL, 0x10000012);  // section 17
    CHECK(bench.smmu.tlb.peek(space, 0x10000000) == nullptr);
}

TEST_CASE("smmuv2 invalidation: last-level forms keep the tables, others do not", "[iommu][smmuv2]") {
    for (const bool leaf : {false, true}) {
        CAPTURE(leaf);
        Filled bench;
        bench.write_bank(0, leaf ? cb::TLBIVAL : cb::TLBIVA, 0x0012000000000005, 8);
        bench.step(Bench::read_of(0x5000, StreamId{0x10}));
        CHECK(bench.accesses.size() == (leaf ? 1U : 4U));
        bench.write_bank(5, leaf ? cb::TLBIIPAS2L : cb::TLBIIPAS2, 5, 8);
        bench.step(Bench::read_of(0x5000, StreamId{0x60}));
        CHECK(bench.accesses.size() == (leaf ? 1U : 3U));
    }
}

TEST_CASE("smmuv2 invalidation: a walk that one overtakes is not kept", "[iommu][smmuv2]") {
    Filled bench;
    bench.write(gr0::TLBIALLNSNH, 0);
    Translation slot;
    slot.start(bench.smmu, Bench::read_of(0x5000, StreamId{0x10}));
    Reply reply;
    for (;;) {
        const Step& step = slot.step(bench.smmu, reply);
        if (step.kind == StepKind::done) {
            CHECK_FALSE(step.result.cacheable);
            break;
        }
        if (step.kind != StepKind::access) continue;
        serve(step.access, bench.memory, reply);
        bench.write_bank(0, cb::TLBIALL, 0);
    }
    CHECK(bench.present().empty() == false);
    CHECK(bench.present() == "H");
}

TEST_CASE("smmuv2 sync: the status is busy until the drain is done, for each bank and for all", "[iommu][smmuv2]") {
    Bench bench;
    Reply reply;
    Smmu& smmu = bench.smmu;
    CHECK_FALSE(smmu.sync_pending());
    smmu.write_register(bench.bank(3, cb::TLBSYNC), 4, 0xFFFFFFFF);
    smmu.write_register(gr0::sTLBGSYNC, 4, 0xFFFFFFFF);
    CHECK(bench.read_bank(3, cb::TLBSTATUS) == 1);
    CHECK(bench.read_bank(4, cb::TLBSTATUS) == 0);
    CHECK(bench.read(gr0::sTLBGSTATUS) == 1);
    CHECK(smmu.sync_pending());
    CHECK(smmu.step_sync(reply).kind == StepKind::sync);
    CHECK(bench.read_bank(3, cb::TLBSTATUS) == 1);
    // Asked for again meanwhile: this drain does not cover it. So does bank 4.
    smmu.write_register(bench.bank(3, cb::TLBSYNC), 4, 0);
    smmu.write_register(bench.bank(4, cb::TLBSYNC), 4, 0);
    CHECK(smmu.step_sync(reply).kind == StepKind::sync);
    CHECK(bench.read(gr0::sTLBGSTATUS) == 0);
    CHECK(bench.read_bank(3, cb::TLBSTATUS) == 1);
    CHECK(bench.read_bank(4, cb::TLBSTATUS) == 1);
    CHECK(smmu.step_sync(reply).kind == StepKind::idle);
    CHECK_FALSE(smmu.sync_pending());
    CHECK(bench.read_bank(3, cb::TLBSTATUS) == 0);
    CHECK(bench.read_bank(4, cb::TLBSTATUS) == 0);
    CHECK(smmu.counters.syncs == 2);
}

TEST_CASE("smmuv2 configuration: ports forget the streams that a change concerns, and no others", "[iommu][smmuv2]") {
    struct Port : InvalidationSink {
        std::vector<Invalidation> heard;
        void invalidate(const Invalidation& invalidation) override { heard.push_back(invalidation); }
        bool covers(std::uint32_t sid) const {
            for (const Invalidation& one : heard) {
                if (one.covers_stream(stream_tag(StreamId{sid}, std::nullopt))) return true;
            }
            return false;
        }
    };
    struct Row {
        const char* what;
        std::function<void(Filled&)> change;
        std::vector<std::uint32_t> concerned, others;
    };
    const Row rows[] = {
        {"S2CR", [](Filled& b) { b.write(gr0::S2CR(1), 0x20000); }, {0x20, 0x2F}, {0x10, 0x30}},
        {"SMR moves", [](Filled& b) { b.write(gr0::SMR(1), 0x80000080); }, {0x20, 0x80}, {0x10, 0x30}},
        {"SMR goes", [](Filled& b) { b.write(gr0::SMR(1), 0x000F0020); }, {0x20}, {0x10}},
        {"an equal word", [](Filled& b) { b.write(gr0::S2CR(1), 1); }, {}, {0x20}},
        {"SCTLR", [](Filled& b) { b.write_bank(2, cb::SCTLR, 0); }, {0x30}, {0x10, 0x20}},
        {"TTBR0", [](Filled& b) { b.write_bank(2, cb::TTBR0, 0x1000, 8); }, {0x30}, {0x10}},
        {"TCR2", [](Filled& b) { b.write_bank(0, cb::TCR2, 0); }, {0x10}, {0x20}},
        {"CBAR", [](Filled& b) { b.write(b.gr1(gr1::CBAR(0)), 0x0001F300); }, {0x10}, {0x20}},
        {"CBA2R", [](Filled& b) { b.write(b.gr1(gr1::CBA2R(0)), 0); }, {0x10}, {0x20}},
        {"stage 2 of a nested one", [](Filled& b) { b.write_bank(5, cb::TCR, 0); }, {0x40, 0x60}, {0x10}},
        {"a bank that is unused", [](Filled& b) { b.write_bank(7, cb::TCR, 0x1234); }, {}, {0x10, 0x60}},
        {"sCR0", [](Filled& b) { b.write(gr0::sCR0, 1); }, {0x10, 0x99}, {}},
        {"FSR is no configuration", [](Filled& b) { b.write_bank(0, cb::FSR, 0x1FE); }, {}, {0x10}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Filled bench;
        Port port;
        bench.smmu.add_sink(port);
        row.change(bench);
        for (const std::uint32_t sid : row.concerned) CHECK(port.covers(sid));
        for (const std::uint32_t sid : row.others) CHECK_FALSE(port.covers(sid));
        // The core's own TLB is software's to invalidate.
        CHECK(bench.present().size() == 7);
    }
}

TEST_CASE("smmuv2 invalidation: described as the registers are called", "[iommu][smmuv2]") {
    CHECK(describe(by_va(1, 0x12, 0x5000, true)) == "TLBIVA ASID 18 VMID 1 0x5000 leaf");
    CHECK(describe(by_asid(1, 0x12)) == "TLBIASID ASID 18 VMID 1");
    CHECK(describe(by_va_any_asid(1, 0x5000, false)) == "TLBIVAA VMID 1 0x5000");
    CHECK(describe(by_ipa(7, 0x5000, false)) == "TLBIIPAS2 VMID 7 0x5000");
    CHECK(describe(by_vmid(7)) == "TLBIVMID VMID 7");
    CHECK(describe(stage1_of_vmid(7, TlbOp::vmid_s1)) == "TLBIVMIDS1 VMID 7");
    CHECK(describe(stage1_of_vmid(7, TlbOp::bank_all)) == "TLBIALL VMID 7");
    CHECK(describe(all_nsnh()) == "TLBIALLNSNH");
    CHECK(describe(all_hyp()) == "TLBIALLH");
    CHECK(describe(by_va_hyp(0x5000, false)) == "TLBIVAH 0x5000");
    CHECK(describe(configuration(0x10, 0xFFFFFFF0, TlbOp::stream)) == "SMR or S2CR of 0x10 mask 0xf");
    CHECK(describe(configuration(0x10, ~0ULL, TlbOp::bank)) == "context of 0x10 mask 0x0");
    CHECK(describe(configuration(0, 0, TlbOp::global)) == "sCR0");
    CHECK(describe({}) == "reset");
}
