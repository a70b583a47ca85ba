// The shadow: what it holds, what lets go of it, and each rule with the sequence that keeps it and the ones that break
// it.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "iommu/smmuv3/shadow.hpp"
#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x80200000, kRoot = 0x80300000, kTable2 = 0x80301000, kTable3 = 0x80302000,
                        kPages = 0x90000000, kIova = 0x10000000;
constexpr std::uint16_t kAsid = 0x12;

/// An SMMU with one stream behind a CD of 39 bits and 4K pages, driven as a driver would, and its shadow.
/// The root stands at level 1; kTable3 serves the 2 MiB from kIova on; pages 0..7 are mapped.
struct World final : InvalidationSink {
    Bench bench;
    Shadow shadow;
    SimTime now{};
    ShadowOrigin step = 0;

    explicit World(std::uint8_t bbml = 0) : bench(features(bbml)), shadow(features(bbml), bench.memory) {
        bench.smmu.add_sink(*this);
        bench.ste(Bench::kSid, ste_words(kCd));
        bench.store_words(kCd, cd_words(kAsid), 8);
        bench.memory.store(kRoot, kTable2 | 3);
        bench.memory.store(kTable2 + (kIova >> 21) * 8, kTable3 | 3);
        for (std::uint64_t i = 0; i < 8; ++i) bench.memory.store(leaf_at(i), leaf(kPages + i * 4096));
        reg(reg::STRTAB_BASE, Bench::kStrtab, 8);
        reg(reg::STRTAB_BASE_CFG, 0x10210);
        reg(reg::CMDQ_BASE, Bench::kCmdq | 8, 8);
        reg(reg::EVENTQ_BASE, Bench::kEvtq | 5, 8);
        reg(reg::PRIQ_BASE, Bench::kPriq | 3, 8);
        reg(reg::CR0, 0xF);
    }
    static Features features(std::uint8_t bbml) {
        Features f = Bench::features_44();
        f.bbml = bbml;
        return f;
    }
    static std::vector<std::uint64_t> ste_words(std::uint64_t cd_table) {
        SteWords words{};
        ste::V.set(words, 1);
        ste::Config.set(words, ste::CONFIG_S1);
        ste::S1ContextPtr.set_address(words, cd_table);
        ste::SHCFG.set(words, ste::SHCFG_INCOMING);
        return {words.begin(), words.end()};
    }
    static std::vector<std::uint64_t> cd_words(std::uint16_t asid) {
        CdWords words{};
        cd::V.set(words, 1);
        cd::AA64.set(words, 1);
        cd::T0SZ.set(words, 25);
        cd::EPD1.set(words, 1);
        cd::IPS.set(words, 4);
        cd::A.set(words, 1);
        cd::R.set(words, 1);
        cd::ASID.set(words, asid);
        cd::TTB0.set_address(words, kRoot);
        cd::MAIR.set(words, 0xFF);
        return {words.begin(), words.end()};
    }
    static std::uint64_t leaf(std::uint64_t page, std::uint64_t type = pte::TYPE_PAGE) {
        return page | pte::TYPE.of(type) | pte::AF.of(1) | pte::AP1.of(1) | pte::SH.of(pte::SH_ISH) | pte::nG.of(1);
    }
    static std::uint64_t leaf_at(std::uint64_t page) { return kTable3 + page * 8; }
    static std::uint64_t iova(std::uint64_t page) { return kIova + page * 4096; }

    void invalidate(const Invalidation& invalidation) override {
        shadow.invalidate(invalidation, bench.smmu.epoch(), now);
    }
    void tick() { now += ns(10); }
    void reg(std::uint32_t offset, std::uint64_t value, unsigned size = 4) {
        shadow.register_written(offset, size, value, ++step, now);
    }
    void store(std::uint64_t at, const std::vector<std::uint64_t>& words) {
        tick();
        shadow.memory_changes(PhysAddr{at}, words.size() * 8, now);
        for (std::size_t i = 0; i < words.size(); ++i) bench.memory.store(at + 8 * i, words[i]);
        shadow.memory_written(PhysAddr{at}, words.size() * 8, ++step, now);
    }
    void command(const CommandWords& words) {
        tick();
        const QueueRegisters q = bench.smmu.registers.cmdq;
        bench.memory.store(q.address(q.prod, kCommandBytes), words[0]);
        bench.memory.store(q.address(q.prod, kCommandBytes) + 8, words[1]);
        shadow.register_written(reg::CMDQ_PROD, 4, q.next(q.prod), ++step, now);
        bench.command(words);
        if (static_cast<Opcode>(cmd::OPCODE.get(words)) == Opcode::SYNC) shadow.sync_completed();
    }
    void sync() { command(command::sync(cmd::CS_NONE)); }
    void tlbi_page(std::uint64_t page, bool leaf_only = true, std::uint16_t asid = kAsid) {
        command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, asid, iova(page), leaf_only));
    }
    /// A transaction arrives and is translated; every read is told. True: it was.
    bool access(std::uint64_t va, StreamId sid = Bench::kSid) {
        tick();
        ShadowAccess reader;
        reader.sid = sid;
        reader.address = va;
        reader.length = 64;
        reader.number = ++number;
        reader.time = now;
        shadow.transaction(reader);
        Translation& translation = bench.translation;
        translation.start(bench.smmu, Bench::read_of(va, sid));
        Reply reply;
        for (;;) {
            const Step& step_now = translation.step(bench.smmu, reply);
            if (step_now.kind == StepKind::access) {
                const MemoryAccess made = step_now.access;
                serve(made, bench.memory, reply);
                shadow.read(made, reply, translation.config(), translation.epoch(), reader);
            } else if (step_now.kind != StepKind::lookup) {
                bench.settle();
                return step_now.kind == StepKind::done;
            }
        }
    }
    void unmapped(std::uint64_t page, std::uint64_t pages = 1) {
        tick();
        shadow.unmapped(kAsid, iova(page), pages * 4096, false, ++step, now);
    }
    /// Rules broken so far, in order.
    std::vector<std::string> broken() const {
        std::vector<std::string> names;
        for (const ShadowViolation& violation : shadow.violations()) names.emplace_back(name(violation.rule));
        return names;
    }
    const ShadowViolation& last() const { return shadow.violations().back(); }

    std::uint64_t number = 0;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("smmuv3 shadow: clear, TLBI, SYNC, return: nothing is left to say", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(1)));
    CHECK(w.shadow.counters().held == 6);  // first-level and STE, CD, three descriptors
    w.store(World::leaf_at(1), {0});
    w.tlbi_page(1);
    w.sync();
    w.unmapped(1);
    CHECK(w.shadow.counters().held == 5);
    CHECK_FALSE(w.access(World::iova(1)));
    w.shadow.end(w.now);
    CHECK(w.broken().empty());
}

TEST_CASE("smmuv3 shadow: an unmap that returns too early, by every way of missing", "[iommu][smmuv3][shadow]") {
    World w;
    for (std::uint64_t page = 0; page < 8; ++page) REQUIRE(w.access(World::iova(page)));
    SECTION("no TLBI: the step that cleared, the transaction that cached, and no command") {
        w.store(World::leaf_at(3), {0});
        const ShadowOrigin cleared = w.step;
        w.sync();
        w.unmapped(3);
        REQUIRE(w.broken() == Names{"missing-tlbi"});
        CHECK(w.last().writer == cleared);
        CHECK(w.last().by == w.step);
        CHECK(w.last().miss == ShadowMiss::none_given);
        CHECK(w.last().entry->reader.number == 4);
        CHECK(w.last().entry->translation.va == World::iova(3));
    }
    SECTION("no SYNC") {
        w.store(World::leaf_at(3), {0});
        w.tlbi_page(3);
        w.unmapped(3);
        REQUIRE(w.broken() == Names{"missing-sync"});
        CHECK(w.last().miss == ShadowMiss::not_synced);
    }
    SECTION("TLBI before the change") {
        w.tlbi_page(3);
        w.sync();
        REQUIRE(w.access(World::iova(3)));
        w.store(World::leaf_at(3), {0});
        w.sync();
        w.unmapped(3);
        REQUIRE(w.broken() == Names{"missing-tlbi"});
        CHECK(w.last().miss == ShadowMiss::too_early);
    }
    SECTION("another ASID") {
        w.store(World::leaf_at(3), {0});
        w.tlbi_page(3, true, kAsid + 1);
        w.sync();
        w.unmapped(3);
        REQUIRE(w.broken() == Names{"missing-tlbi"});
        CHECK(w.last().miss == ShadowMiss::other_asid);
        CHECK(space_tag::ASID.get(w.last().nearest->space) == kAsid + 1);
    }
    SECTION("a range of seven pages for eight") {
        w.store(World::leaf_at(0), std::vector<std::uint64_t>(8, 0));
        TlbiRange range;
        range.tg = 1;
        range.ttl = 3;
        range.num = 6;
        w.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, kAsid, kIova, true, range));
        w.sync();
        w.unmapped(0, 8);
        REQUIRE(w.broken() == Names{"missing-tlbi"});
        CHECK(w.last().entry->translation.va == World::iova(7));
        CHECK(w.last().miss == ShadowMiss::other_range);
        CHECK(w.last().also == 0);
    }
    SECTION("a TTL of another level") {
        w.store(World::leaf_at(3), {0});
        TlbiRange range;
        range.tg = 1;
        range.ttl = 2;
        w.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, kAsid, World::iova(3) & ~0x1FFFFFULL, true, range));
        w.sync();
        w.unmapped(3);
        REQUIRE(w.broken() == Names{"missing-tlbi"});
        CHECK(w.last().miss != ShadowMiss::none_given);
    }
}

TEST_CASE("smmuv3 shadow: a page that nobody touched may have been read ahead", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(0)));
    const auto held = w.shadow.counters().held;
    w.store(World::leaf_at(5), {0});
    CHECK(w.shadow.counters().held == held + 1);
    w.sync();
    w.unmapped(5);
    REQUIRE(w.broken() == Names{"missing-tlbi"});
    CHECK(w.last().entry->reader.length == 0);
}

TEST_CASE("smmuv3 shadow: a transaction that a forgotten entry could serve is named", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(2)));
    w.store(World::leaf_at(2), {0});
    w.unmapped(2);
    w.access(World::iova(2) + 8);
    REQUIRE(w.broken() == Names{"missing-tlbi", "use-after-unmap"});
    CHECK(w.last().use->number == 2);
    CHECK(w.last().entry->reader.number == 1);
    w.access(World::iova(2));
    CHECK(w.broken().size() == 2);  // once an entry
}

TEST_CASE("smmuv3 shadow: an invalid descriptor is not held, so mapping needs no TLBI", "[iommu][smmuv3][shadow]") {
    World w;
    CHECK_FALSE(w.access(World::iova(20)));
    w.store(World::leaf_at(20), {World::leaf(kPages)});
    CHECK(w.access(World::iova(20)));
    w.shadow.end(w.now);
    CHECK(w.broken().empty());
}

TEST_CASE("smmuv3 shadow: break before make", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(1)));
    const std::uint64_t other = World::leaf(kPages + 0x100000);
    SECTION("another page over a valid one") {
        w.store(World::leaf_at(1), {other});
        REQUIRE(w.broken() == Names{"break-before-make"});
        CHECK(w.last().written == other);
        CHECK(w.last().writer == w.step);
    }
    SECTION("broken, but nothing invalidated") {
        w.store(World::leaf_at(1), {0});
        w.store(World::leaf_at(1), {other});
        CHECK(w.broken() == Names{"break-before-make"});
    }
    SECTION("broken, invalidated, no SYNC") {
        w.store(World::leaf_at(1), {0});
        w.tlbi_page(1);
        w.store(World::leaf_at(1), {other});
        CHECK(w.broken() == Names{"break-before-make"});
    }
    SECTION("broken, invalidated, synced, made") {
        w.store(World::leaf_at(1), {0});
        w.tlbi_page(1);
        w.sync();
        w.store(World::leaf_at(1), {other});
        CHECK(w.broken().empty());
    }
    SECTION("rights may change in place") {
        w.store(World::leaf_at(1), {World::leaf(kPages + 4096) | pte::AP2.of(1)});
        CHECK(w.broken().empty());
    }
    SECTION("memory type may not") {
        w.store(World::leaf_at(1), {World::leaf(kPages + 4096) | pte::AttrIndx.of(1)});
        CHECK(w.broken() == Names{"break-before-make"});
    }
    SECTION("a table by a block") {
        w.store(kTable2 + (kIova >> 21) * 8, {World::leaf(kPages, pte::TYPE_BLOCK)});
        CHECK(w.broken() == Names{"break-before-make"});
    }
}

TEST_CASE("smmuv3 shadow: BBML 2 lets a block become a table in place", "[iommu][smmuv3][shadow]") {
    for (const std::uint8_t bbml : {std::uint8_t{1}, std::uint8_t{2}}) {
        World w(bbml);
        w.store(kTable2 + 8, {World::leaf(kPages, pte::TYPE_BLOCK)});
        REQUIRE(w.access(0x200000));
        w.store(kTable2 + 8, {kTable3 | 3});
        CAPTURE(bbml);
        CHECK(w.broken() == (bbml == 2 ? Names{} : Names{"break-before-make"}));
    }
}

TEST_CASE("smmuv3 shadow: a table is freed", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(0)));
    w.store(kTable2 + (kIova >> 21) * 8, {0});
    bool leaf_only = false;
    bool synced = true;
    Names expected;
    const std::string how =
        GENERATE(as<std::string>{}, "after TLBI and SYNC", "after a TLBI for leaves", "before the SYNC");
    CAPTURE(how);
    if (how == "after a TLBI for leaves") {
        leaf_only = true;
        expected = {"table-outlived"};
    }
    if (how == "before the SYNC") {
        synced = false;
        expected = {"table-outlived", "table-outlived"};  // the leaf in it, and the descriptor that leads to it
    }
    w.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, kAsid, kIova, leaf_only));
    if (synced) w.sync();
    w.shadow.freed(PhysAddr{kTable3}, 4096, ++w.step, w.now);
    CHECK(w.broken() == expected);
    if (expected.empty()) return;
    CHECK(w.last().miss == (leaf_only ? ShadowMiss::leaf_only : ShadowMiss::not_synced));
    CHECK(w.last().address == kTable3);
}

TEST_CASE("smmuv3 shadow: memory is freed while a translation leads to it", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(4)));
    SECTION("mapped") {
        w.shadow.freed(PhysAddr{kPages + 4 * 4096}, 4096, ++w.step, w.now);
        REQUIRE(w.broken() == Names{"page-outlived"});
        CHECK(w.last().entry->translation.va == World::iova(4));
    }
    SECTION("its neighbour") {
        w.shadow.freed(PhysAddr{kPages + 5 * 4096}, 4096, ++w.step, w.now);
        CHECK(w.broken().empty());
    }
    SECTION("unmapped lazily: the policy's own window, only counted") {
        w.store(World::leaf_at(4), {0});
        w.shadow.unmapped(kAsid, World::iova(4), 4096, true, ++w.step, w.now);
        w.shadow.freed(PhysAddr{kPages + 4 * 4096}, 4096, ++w.step, w.now);
        w.access(World::iova(4));
        CHECK(w.broken().empty());
        CHECK(w.shadow.counters().lazy_frees == 1);
        CHECK(w.shadow.counters().lazy_uses == 1);
    }
}

TEST_CASE("smmuv3 shadow: a flush must reach what was unmapped before it", "[iommu][smmuv3][shadow]") {
    World w;
    for (const std::uint64_t page : {1, 2}) REQUIRE(w.access(World::iova(page)));
    w.store(World::leaf_at(1), {0});
    w.tick();
    const SimTime since = w.now;
    bool invalidates = true;
    const std::string how = GENERATE(as<std::string>{}, "TLBI_NH_ASID", "nothing");
    CAPTURE(how);
    if (how == "nothing") {
        invalidates = false;
    }
    if (invalidates) {
        w.command(command::tlbi(Opcode::TLBI_NH_ASID, 0, kAsid));
        w.sync();
    }
    // Changed while the flush was under way: another flush's business.
    w.store(World::leaf_at(2), {0});
    w.shadow.flushed(kAsid, since, ++w.step, w.now);
    CHECK(w.broken() == (invalidates ? Names{} : Names{"missing-tlbi"}));
}

TEST_CASE("smmuv3 shadow: an STE is rewritten", "[iommu][smmuv3][shadow]") {
    World w;
    const StreamId sid{0x21};
    const std::uint64_t at = Bench::kL2 + 64ULL * value(sid);
    const std::vector<std::uint64_t> words = World::ste_words(kCd);
    // Nobody has used the stream: it may have been read ahead all the same.
    w.store(at + 8, {words.begin() + 1, words.end()});
    CommandWords invalidation = command::cfgi_ste(sid, true);
    Names expected;
    ShadowMiss miss = ShadowMiss::none_given;
    bool given = true;
    const std::string how =
        GENERATE(as<std::string>{}, "with CFGI_STE and SYNC twice", "without", "with another stream's");
    CAPTURE(how);
    if (how == "without") {
        given = false;
        expected = {"missing-cfgi-ste", "missing-cfgi-ste"};  // before each of the two stores
        miss = ShadowMiss::none_given;
    }
    if (how == "with another stream's") {
        invalidation = command::cfgi_ste(StreamId{0x22}, true);
        expected = {"missing-cfgi-ste", "missing-cfgi-ste"};  // before each of the two stores
        miss = ShadowMiss::other_stream;
    }
    for (const bool first : {true, false}) {
        if (given) w.command(invalidation);
        w.sync();
        if (first) w.store(at, {words[0]});
    }
    w.shadow.ste_installed(sid, ++w.step, w.now);
    CHECK(w.broken() == expected);
    if (!expected.empty()) CHECK(w.last().miss == miss);
    CHECK(w.access(World::iova(0), sid));
    if (!expected.empty()) CHECK(w.broken().back() == "use-after-unmap");
}

TEST_CASE("smmuv3 shadow: words of an STE that is valid already", "[iommu][smmuv3][shadow]") {
    World w;
    const StreamId sid{0x21};
    const std::uint64_t at = Bench::kL2 + 64ULL * value(sid);
    const std::vector<std::uint64_t> words = World::ste_words(kCd);
    w.store(at, {words[0]});
    CHECK(w.broken().empty());
    w.store(at + 8, {words.begin() + 1, words.end()});
    REQUIRE(w.broken() == Names{"torn-ste"});
    CHECK(w.last().address == at);
    CHECK(w.last().writer == w.step);
}

TEST_CASE("smmuv3 shadow: a CD is rewritten", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(0)));
    w.store(kCd, {World::cd_words(kAsid + 1)[0]});
    Names expected;
    const std::string how = GENERATE(as<std::string>{}, "with CFGI_CD", "with CFGI_STE, which takes the CDs along",
                                     "with CFGI_CD of another substream", "with a TLBI");
    CAPTURE(how);
    if (how == "with CFGI_CD") {
        w.command(command::cfgi_cd(Bench::kSid, SubstreamId{0}, true));
    }
    if (how == "with CFGI_STE, which takes the CDs along") {
        w.command(command::cfgi_ste(Bench::kSid, true));
    }
    if (how == "with CFGI_CD of another substream") {
        w.command(command::cfgi_cd(Bench::kSid, SubstreamId{1}, true));
        expected = {"missing-cfgi-cd"};
    }
    if (how == "with a TLBI") {
        w.command(command::tlbi(Opcode::TLBI_NSNH_ALL));
        expected = {"missing-cfgi-cd"};
    }
    w.sync();
    w.shadow.cd_installed(Bench::kSid, 0, ++w.step, w.now);
    CHECK(w.broken() == expected);
}

TEST_CASE("smmuv3 shadow: a cached first-level descriptor needs a CFGI_STE that is not for leaves",
          "[iommu][smmuv3][shadow]") {
    World w;
    // No second-level table: C_BAD_STREAMID, and the empty descriptor may be cached.
    CHECK_FALSE(w.access(0, StreamId{0x1FF}));
    w.store(Bench::kStrtab + 8, {0x80110000 | 9});
    bool leaf_only = true;
    const std::string how = GENERATE(as<std::string>{}, "leaf", "not leaf");
    CAPTURE(how);
    if (how == "not leaf") {
        leaf_only = false;
    }
    w.command(command::cfgi_ste(StreamId{0x1FF}, leaf_only));
    w.sync();
    w.shadow.ste_installed(StreamId{0x1FF}, ++w.step, w.now);
    CHECK(w.broken() == (leaf_only ? Names{"missing-cfgi-ste"} : Names{}));
}

TEST_CASE("smmuv3 shadow: enabled before a base is programmed, and programmed while enabled",
          "[iommu][smmuv3][shadow]") {
    SparseMemory memory;
    struct Row {
        std::uint32_t enable;
        std::uint32_t base;
    };
    for (const Row& row :
         {Row{1, reg::STRTAB_BASE}, Row{2, reg::PRIQ_BASE}, Row{4, reg::EVENTQ_BASE}, Row{8, reg::CMDQ_BASE}}) {
        Shadow shadow(Bench::features_44(), memory);
        CAPTURE(row.enable);
        shadow.register_written(reg::CR0, 4, row.enable, 1, ns(1));
        REQUIRE(shadow.violations().size() == 1);
        CHECK(shadow.violations()[0].rule == ShadowRule::base_not_set);
        CHECK(shadow.violations()[0].address == row.base);
        shadow.register_written(row.base, 8, 0x80000000, 2, ns(2));
        REQUIRE(shadow.violations().size() == 2);
        CHECK(shadow.violations()[1].rule == ShadowRule::base_changed);

        Shadow right(Bench::features_44(), memory);
        right.register_written(row.base, 8, 0x80000000, 1, ns(1));
        right.register_written(reg::STRTAB_BASE_CFG, 4, 4, 1, ns(1));
        right.register_written(reg::CR0, 4, row.enable, 1, ns(1));
        CHECK(right.violations().empty());
    }
}

TEST_CASE("smmuv3 shadow: the hardware's own access flag makes nothing stale", "[iommu][smmuv3][shadow]") {
    World w;
    std::vector<std::uint64_t> words = World::cd_words(kAsid);
    CdWords with_ha{};
    std::copy(words.begin(), words.end(), with_ha.begin());
    cd::HA.set(with_ha, 1);
    w.bench.memory.store(kCd, with_ha[0]);
    w.bench.memory.store(World::leaf_at(6), World::leaf(kPages) & ~pte::AF.mask());
    REQUIRE(w.access(World::iova(6)));
    CHECK(pte::AF.test(w.bench.memory.load(World::leaf_at(6))));
    w.shadow.end(w.now);
    CHECK(w.broken().empty());
}

// A cache may keep both stages as one entry, which goes with stage 1's invalidations; TLBI_S2_IPA need not find it
// (docs/spec/iommu-hardware.md 1.7).
TEST_CASE("smmuv3 shadow: of nested translations, a stage 2 leaf is let go by TLBI_S2_IPA and stage 1's TLBI together",
          "[iommu][smmuv3][shadow]") {
    constexpr std::uint64_t kS2Root = 0x80310000, kS2Table2 = 0x80312000, kS2Table3 = 0x80313000, kIpa = 0xC0000000;
    constexpr std::uint16_t kVmid = 7;
    World w;
    SteWords words{};
    const auto plain = World::ste_words(kCd);
    std::copy(plain.begin(), plain.end(), words.begin());
    ste::Config.set(words, ste::CONFIG_NESTED);
    ste::S2VMID.set(words, kVmid);
    ste::S2T0SZ.set(words, 24);
    ste::S2SL0.set(words, 1);
    ste::S2PS.set(words, 4);
    ste::S2AA64.set(words, 1);
    ste::S2R.set(words, 1);
    ste::S2TTB.set_address(words, kS2Root);
    w.bench.ste(Bench::kSid, {words.begin(), words.end()});
    const auto second = [](std::uint64_t to, std::uint64_t type) {
        return to | pte::TYPE.of(type) | pte::AF.of(1) | pte::MemAttr.of(0xF) | pte::S2AP.of(3);
    };
    // Tables and CD by one identical gigabyte; the page by a leaf of its own.
    w.bench.memory.store(kS2Root + 2 * 8, second(0x80000000, pte::TYPE_BLOCK));
    w.bench.memory.store(kS2Root + 3 * 8, kS2Table2 | 3);
    w.bench.memory.store(kS2Table2, kS2Table3 | 3);
    w.bench.memory.store(kS2Table3, second(kPages, pte::TYPE_PAGE));
    w.bench.memory.store(World::leaf_at(0), World::leaf(kIpa));
    REQUIRE(w.access(World::iova(0)));
    w.store(kS2Table3, {0});
    bool by_ipa = false, by_va = false;
    Names expected;
    const std::string how = GENERATE(as<std::string>{}, "both", "stage 2 alone", "stage 1 alone", "another VMID");
    CAPTURE(how);
    if (how == "both" || how == "stage 2 alone" || how == "another VMID") by_ipa = true;
    if (how == "both" || how == "stage 1 alone" || how == "another VMID") by_va = true;
    const std::uint16_t vmid = how == "another VMID" ? kVmid + 1 : kVmid;
    if (by_ipa) w.command(command::tlbi_address(Opcode::TLBI_S2_IPA, vmid, 0, kIpa, true));
    if (by_va) w.command(command::tlbi_address(Opcode::TLBI_NH_VA, vmid, kAsid, World::iova(0), true));
    w.sync();
    w.shadow.end(w.now);
    if (how == "both") {
        CHECK(w.broken().empty());
    } else {
        REQUIRE_FALSE(w.broken().empty());
        for (const std::string& rule : w.broken()) CHECK(rule == "never-invalidated");
        CHECK(w.last().entry->combined == (how != "stage 1 alone"));
        CHECK(w.last().entry->address == kS2Table3);
    }
}

TEST_CASE("smmuv3 shadow: at the end, what was changed and never invalidated", "[iommu][smmuv3][shadow]") {
    World w;
    REQUIRE(w.access(World::iova(1)));
    w.store(World::leaf_at(1), {0});
    w.shadow.end(w.now);
    CHECK(w.broken() == Names{"never-invalidated"});
}

TEST_CASE("smmuv3 shadow: tables that lead to themselves end", "[iommu][smmuv3][shadow]") {
    World w;
    for (std::uint64_t i = 0; i < 512; ++i) w.bench.memory.store(kRoot + i * 8, kRoot | 3);
    w.access(World::iova(0));
    w.store(kRoot + 8, {0});
    CHECK(w.shadow.counters().held < 20);
}
