// The shadow of a register-driven IOMMU, on Rockchip's tables: what it holds, and each rule broken once.
#include "iommu/shadow/table_shadow.hpp"

#include "iommu/amd/purpose.hpp"
#include "iommu/amd/space.hpp"
#include "iommu/tables/layout_amd.hpp"
#include "tests/iommu/amd_bench.hpp"
#include "tests/iommu/rockchip_bench.hpp"

using namespace xlate;
using namespace xlate::tests;
using iommu::ShadowRule;
using iommu::TableMiss;

namespace {

constexpr std::uint64_t kRoot = 0x70000000;

/// A bench whose walks, stores and zaps a shadow follows.
struct ShadowBench : iommu::InvalidationSink {
    explicit ShadowBench(unsigned banks = 1) : bench(parameters(banks)), shadow(bench.mmu, bench.memory) {
        bench.handler = [this] { bench.answer(); };
        bench.map(kRoot, 0x1000, 0x45110000);
        bench.map(kRoot, 0x2000, 0x45111000);
        bench.enable(kRoot);
        bench.mmu.add_sink(*this);
        bench.untimed.on_access = [this](const iommu::MemoryAccess& access) {
            iommu::Reply reply;
            iommu::serve(access, bench.memory, reply);
            iommu::ShadowAccess reader;
            reader.address = current;
            reader.number = ++number;
            shadow.read(access, reply, bench.mmu.bank_of(request), bench.mmu.epoch(), reader);
        };
    }
    ~ShadowBench() override = default;
    static rk::Parameters parameters(unsigned banks) {
        rk::Parameters made;
        made.banks = banks;
        return made;
    }
    void invalidate(const iommu::Invalidation& invalidation) override {
        shadow.invalidate(invalidation, bench.mmu.epoch(), now);
    }
    void translate(std::uint64_t address, bool write = false) {
        request.address = current = address;
        request.write = write;
        bench.untimed.translate(request);
    }
    /// Software stores a table word.
    void store(std::uint32_t iova, std::uint32_t word) {
        const auto dte = static_cast<std::uint32_t>(bench.memory.load(kRoot + 4ull * rk::directory_index(iova), 4));
        const PhysAddr at{rk::address(dte, rk::Version::v1) + 4ull * rk::table_index(iova)};
        now += ns(10);
        shadow.memory_changes(at, 4, now);
        bench.memory.store(at.value, word, 4);
        shadow.memory_written(at, 4, 7, now);
        now += ns(10);
    }
    void zap(std::uint32_t iova, unsigned bank = 0) { bench.write(rk::reg::ZAP_ONE_LINE, iova, bank); }
    void unmapped(std::uint64_t first, std::uint64_t bytes = 0x1000, std::uint64_t space = 0) {
        shadow.unmapped(space, first, bytes, 9, now);
    }
    std::vector<ShadowRule> rules() const {
        std::vector<ShadowRule> all;
        for (const iommu::TableViolation& one : shadow.violations()) all.push_back(one.rule);
        return all;
    }

    RockchipBench bench;
    iommu::TableShadow shadow;
    iommu::Request request;
    std::uint64_t current = 0;
    std::uint64_t number = 0;
    SimTime now = us(1);
};
using Rules = std::vector<ShadowRule>;

}  // namespace

TEST_CASE("table shadow: an unmap that zaps what it cleared breaks no rule", "[iommu][shadow]") {
    ShadowBench b;
    b.translate(0x1000);
    CHECK(b.shadow.counters().held == 2);  // directory word and table word
    b.store(0x1000, 0x45110006);
    b.zap(0x1000);
    b.unmapped(0x1000);
    b.translate(0x1000);
    b.shadow.freed(PhysAddr{0x45110000}, 0x1000, 9, b.now);
    b.shadow.end(b.now);
    CHECK(b.rules().empty());
}

TEST_CASE("table shadow: an unmap without a zap, also of a page that no access has touched", "[iommu][shadow]") {
    ShadowBench b;
    b.translate(0x1000);
    b.store(0x1000, 0x45110006);
    b.unmapped(0x1000);
    REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
    const iommu::TableViolation& first = b.shadow.violations().front();
    CHECK(first.entry.says.leaf);
    CHECK(first.entry.tag.va == 0x1000);
    CHECK(first.entry.says.target == 0x45110000);
    CHECK(first.entry.writer == 7);
    CHECK(first.by == 9);
    CHECK(first.miss == TableMiss::none_given);
    CHECK(rk::kSpec.describe(iommu::TableShadow::wanted(first.entry)) == "ZAP_ONE_LINE 0x1000 of MMU 0");
    b.store(0x2000, 0x45111006);  // its table has been walked: it may have been read ahead
    b.unmapped(0x2000);
    REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi, ShadowRule::missing_tlbi});
    CHECK(b.shadow.violations().back().entry.reader.length == 0);
    SECTION("and a transaction that it could serve, once") {
        iommu::ShadowAccess access;
        access.address = 0x1040;
        access.length = 64;
        b.shadow.transaction(access);
        b.shadow.transaction(access);
        CHECK(b.rules().size() == 3);
        CHECK(b.rules().back() == ShadowRule::use_after_unmap);
    }
}

TEST_CASE("table shadow: how the nearest invalidation missed", "[iommu][shadow]") {
    SECTION("it came before the change") {
        ShadowBench b;
        b.translate(0x1000);
        b.zap(0x1000);
        b.store(0x1000, 0x45110006);
        b.unmapped(0x1000);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(b.shadow.violations().front().miss == TableMiss::too_early);
    }
    SECTION("it names another page") {
        ShadowBench b;
        b.translate(0x1000);
        b.store(0x1000, 0x45110006);
        b.zap(0x5000);
        b.unmapped(0x1000);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(b.shadow.violations().front().miss == TableMiss::other_range);
    }
    SECTION("it was given to another MMU") {
        ShadowBench b(2);
        b.translate(0x1000, true);  // the last MMU serves writes
        b.store(0x1000, 0x45110006);
        b.zap(0x1000, 0);
        b.unmapped(0x1000, 0x1000, 0);
        CHECK(b.rules().empty());
        b.unmapped(0x1000, 0x1000, 1);
        REQUIRE(b.rules() == Rules{ShadowRule::missing_tlbi});
        CHECK(b.shadow.violations().front().miss == TableMiss::other_space);
    }
}

TEST_CASE("table shadow: memory and tables that are freed while a word leads to them", "[iommu][shadow]") {
    ShadowBench b;
    b.translate(0x1000);
    b.shadow.freed(PhysAddr{0x45110000}, 0x1000, 9, b.now);
    CHECK(b.rules() == Rules{ShadowRule::page_outlived});
    b.now += ns(1);
    b.shadow.freed(PhysAddr{0x80000000}, 0x1000, 9, b.now);  // the table: itself, and what leads to it
    REQUIRE(b.rules().size() == 2);
    CHECK(b.rules().back() == ShadowRule::table_outlived);
    CHECK(b.shadow.violations().back().also == 1);
}

TEST_CASE("table shadow: what is forgotten at once, and what nobody ever forgets", "[iommu][shadow]") {
    ShadowBench b;
    b.translate(0x1000);
    b.store(0x1000, 0x45110006);
    const SimTime since = b.now;
    SECTION("ZAP_CACHE drops it") {
        b.bench.command(rk::Command::zap_cache);
        b.shadow.flushed(0, since, 9, b.now);
        b.shadow.end(b.now);
        CHECK(b.rules().empty());
        CHECK(b.shadow.counters().held == 0);
    }
    SECTION("a flush that did not") {
        b.shadow.flushed(0, since, 9, b.now);
        CHECK(b.rules() == Rules{ShadowRule::missing_tlbi});
    }
    SECTION("no claim at all") {
        b.shadow.end(b.now);
        CHECK(b.rules() == Rules{ShadowRule::never_invalidated});
    }
}

namespace {

/// AMD-Vi's shadow, and a leaf of 1 MiB: 256 equal words of a table of level 1.
struct Replicated {
    static constexpr std::uint64_t kTable = 0x80010000, kIova = 0x100000000, kPage = 0x44800000, kBytes = 0x100000;
    static constexpr unsigned kWords = 256;

    Replicated() {
        for (unsigned i = 0; i < kWords; ++i) bench.memory.store(kTable + 8 * i, word());
    }
    static std::uint64_t word() {
        namespace v1 = iommu::amd_table::v1;
        return v1::PR.of(1) | v1::IR.of(1) | v1::IW.of(1) | v1::NEXT_LEVEL.of(v1::kSizedLeaf) |
               v1::sized_address(kPage, 20);
    }
    std::uint64_t space() const { return iommu::amd::space_tag::host(7); }
    /// A walk has come to one of the words.
    void walk(unsigned index) {
        iommu::MemoryAccess access;
        access.address = PhysAddr{kTable + 8 * index};
        access.size = 8;
        access.purpose = iommu::amd::host_purpose(1);
        access.input = kIova + 0x1000 * index;
        iommu::Reply reply;
        iommu::serve(access, bench.memory, reply);
        iommu::ShadowAccess reader;
        reader.length = 64;
        shadow.read(access, reply, space(), 0, reader);
    }
    void clear() {
        shadow.memory_changes(PhysAddr{kTable}, 8 * kWords, us(1));
        for (unsigned i = 0; i < kWords; ++i) bench.memory.store(kTable + 8 * i, 0);
        shadow.memory_written(PhysAddr{kTable}, 8 * kWords, 7, us(1));
    }

    iommu::amd::Bench bench{iommu::amd::bench_params(0, false)};
    iommu::TableShadow shadow{bench.unit, bench.memory};
};

}  // namespace

TEST_CASE("table shadow: a leaf that several words repeat is at one address, whichever word a walk came to",
          "[iommu][shadow]") {
    for (const unsigned index : {0U, 3U, 255U}) {
        CAPTURE(index);
        Replicated lazy;
        lazy.walk(index);
        lazy.clear();
        CHECK(lazy.shadow.counters().held == Replicated::kWords);
        // Lazy mode: the range is queued, its memory may go before the flush.
        lazy.shadow.unmap_queued(lazy.space(), Replicated::kIova, Replicated::kBytes);
        lazy.shadow.freed(PhysAddr{Replicated::kPage}, Replicated::kBytes, 9, us(2));
        CHECK(lazy.shadow.violations().empty());
        CHECK(lazy.shadow.counters().lazy_frees == Replicated::kWords);
        // Strict mode: an unmap that forgets all of them is found, at their address.
        Replicated strict;
        strict.walk(index);
        strict.clear();
        strict.shadow.unmapped(strict.space(), Replicated::kIova, Replicated::kBytes, 9, us(2));
        REQUIRE(strict.shadow.violations().size() == 1);
        CHECK(strict.shadow.violations().front().also == Replicated::kWords - 1);
        CHECK(strict.shadow.violations().front().entry.tag.va == Replicated::kIova);
        // Nothing of it is said of the range before.
        Replicated before;
        before.walk(index);
        before.clear();
        before.shadow.unmapped(before.space(), Replicated::kIova - Replicated::kBytes, Replicated::kBytes, 9, us(2));
        CHECK(before.shadow.violations().empty());
    }
}
