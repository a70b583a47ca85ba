// The shadow of register-driven IOMMUs on SMMUv2's tables: stage 1 and stage 2, spaces, global leaves, and drains.
#include "iommu/shadow/table_shadow.hpp"

#include <catch2/catch.hpp>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

using Rules = std::vector<ShadowRule>;

/// Bank 1 (ASID 0x12) and bank 2 (ASID 0x13) with tables of their own, bank 5 with stage 2; streams 0x10, 0x20, 0x50.
struct ShadowBench : InvalidationSink {
    static constexpr std::uint64_t kRootB = 0x88000000, kRoot2 = 0x90000000;
    ShadowBench() : shadow(bench.smmu, bench.memory) {
        bench.enable();
        bench.stage1(1);
        bench.stage1(2, kRootB, 0x1067, 0x13);
        bench.stage2(5, kRoot2);
        bench.stream(0, 0x10, 0xF, 1);
        bench.stream(1, 0x20, 0xF, 2);
        bench.stream(2, 0x50, 0xF, 5);
        word = bench.map(Bench::kRoot, 0x5000, 0x456789000 | kPage);
        bench.map(kRootB, 0x5000, 0x456789000 | kPage);
        word2 = bench.map(kRoot2, 0x5000, 0x456789000 | kPage2, 3, 1);
        bench.smmu.add_sink(*this);
    }
    ~ShadowBench() override = default;
    void invalidate(const Invalidation& invalidation) override {
        shadow.invalidate(invalidation, bench.smmu.epoch(), now);
    }
    void translate(std::uint64_t address, std::uint32_t sid = 0x10) {
        Translation slot;
        slot.start(bench.smmu, Bench::read_of(address, StreamId{sid}));
        Reply reply;
        ShadowAccess reader;
        reader.sid = StreamId{sid};
        reader.address = address;
        shadow.transaction(reader);
        for (;;) {
            const Step& step = slot.step(bench.smmu, reply);
            if (step.kind == StepKind::done || step.kind == StepKind::fault) break;
            if (step.kind != StepKind::access) continue;
            serve(step.access, bench.memory, reply);
            shadow.read(step.access, reply, *slot.walked_space(), slot.epoch(), reader);
        }
    }
    void store(std::uint64_t at, std::uint64_t value) {
        now += ns(10);
        shadow.memory_changes(PhysAddr{at}, 8, now);
        bench.memory.store(at, value);
        shadow.memory_written(PhysAddr{at}, 8, 7, now);
        now += ns(10);
    }
    void sync(unsigned bank) {
        bench.write_bank(bank, cb::TLBSYNC, 0);
        shadow.drained();
    }
    /// As a driver claims it: by ASID, or by the VMID of stage 2.
    void unmapped(unsigned bank, std::uint64_t first = 0x5000) {
        shadow.unmapped(bench.smmu.space_of(bank == 1 ? 0x12 : 7), first, 0x1000, 9, now);
    }
    Rules rules() const {
        Rules all;
        for (const TableViolation& one : shadow.violations()) all.push_back(one.rule);
        return all;
    }

    Bench bench;
    TableShadow shadow;
    SimTime now = us(1);
    std::uint64_t word = 0, word2 = 0;
};

}  // namespace

TEST_CASE("smmuv2 shadow: invalidation, drain, claim: no rule is broken", "[iommu][smmuv2][shadow]") {
    ShadowBench b;
    b.translate(0x5000);
    CHECK(b.shadow.counters().held == 4);
    b.store(b.word, 0);
    b.bench.write_bank(1, cb::TLBIVAL, 0x0012000000000005, 8);
    b.sync(1);
    b.unmapped(1);
    b.shadow.freed(PhysAddr{0x456789000}, 0x1000, 9, b.now);
    b.shadow.end(b.now);
    CHECK(b.rules().empty());
    CHECK(b.shadow.counters().syncs == 1);
    CHECK(b.shadow.counters().held == 3);  // the tables: the last-level form keeps them
}

TEST_CASE("smmuv2 shadow: each way to forget", "[iommu][smmuv2][shadow]") {
    ShadowBench b;
    b.translate(0x5000);
    b.store(b.word, 0);
    SECTION("no invalidation") {
        b.unmapped(1);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(describe(TableShadow::wanted(b.shadow.violations()[0].entry)) ==
              "TLBIVA ASID 18 VMID 0 0x5000, then TLBSYNC");
        // A transaction of this context could be served by it; one of another could not.
        b.translate(0x5000, 0x20);
        CHECK(b.rules().size() == 1);
        b.translate(0x5000, 0x11);
        CHECK(b.rules().back() == ShadowRule::use_after_unmap);
    }
    SECTION("no drain") {
        b.bench.write_bank(1, cb::TLBIVAL, 0x0012000000000005, 8);
        b.unmapped(1);
        CHECK(b.rules() == Rules{ShadowRule::missing_sync});
    }
    SECTION("another ASID") {
        b.bench.write_bank(1, cb::TLBIVAL, 0x0013000000000005, 8);
        b.sync(1);
        b.unmapped(1);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(b.shadow.violations()[0].miss == TableMiss::other_space);
    }
    SECTION("another page") {
        b.bench.write_bank(1, cb::TLBIVAL, 0x0012000000000006, 8);
        b.sync(1);
        b.unmapped(1);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(b.shadow.violations()[0].miss == TableMiss::other_range);
    }
    SECTION("freed before the drain") {
        b.bench.write_bank(1, cb::TLBIASID, 0x12);
        b.shadow.freed(PhysAddr{0x456789000}, 0x1000, 9, b.now);
        CHECK(b.rules() == Rules{ShadowRule::page_outlived});
    }
    SECTION("nothing at all") {
        b.shadow.end(b.now);
        CHECK(b.rules() == Rules{ShadowRule::never_invalidated});
    }
}

TEST_CASE("smmuv2 shadow: what is read between invalidation and drain may be cached after it",
          "[iommu][smmuv2][shadow]") {
    ShadowBench b;
    b.translate(0x5000);
    b.store(b.word, 0x45678A000 | kPage);
    b.bench.write_bank(1, cb::TLBIVAL, 0x0012000000000005, 8);
    b.translate(0x5000);  // reads the new word
    b.sync(1);
    b.store(b.word, 0);
    b.unmapped(1);
    CHECK(b.rules() == Rules{ShadowRule::missing_tlbi});
}

TEST_CASE("smmuv2 shadow: stage 2 by IPA", "[iommu][smmuv2][shadow]") {
    ShadowBench b;
    b.translate(0x5000, 0x50);
    CHECK(b.shadow.counters().held == 3);
    b.store(b.word2, 0);
    b.bench.write_bank(5, cb::TLBIIPAS2L, 5, 8);
    b.sync(5);
    b.unmapped(5);
    CHECK(b.rules().empty());
    b.store(b.word2, 0x456789000 | kPage2);
    b.translate(0x5000, 0x50);
    b.store(b.word2, 0);
    b.unmapped(5);
    REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
    CHECK(describe(TableShadow::wanted(b.shadow.violations()[0].entry)) == "TLBIIPAS2 VMID 7 0x5000, then TLBSYNC");
}
