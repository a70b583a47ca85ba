// What each invalidation command removes, and what it must leave: TLB, configuration and walk caches.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kCd = 0x0012E205C0003510;

CachedTranslation entry(Regime regime, std::uint16_t vmid, std::uint16_t asid, std::uint64_t va, bool global = false,
                        std::uint8_t log2_bytes = 12, std::uint8_t granule = 12, std::uint8_t level = 3) {
    CachedTranslation out;
    out.space = space_tag::make(regime, vmid, asid, false);
    out.va = va;
    out.pa = va;
    out.global = global;
    out.log2_bytes = log2_bytes;
    out.granule = granule;
    out.level = level;
    return out;
}

Invalidation decoded(const CommandWords& words, std::uint32_t cr0 = 0, std::uint32_t cr2 = 0) {
    const auto invalidation = decode_invalidation(words, full_features(), cr0, cr2);
    REQUIRE(invalidation);
    return *invalidation;
}

}  // namespace

TEST_CASE("smmuv3 TLBI: which entries each command covers", "[iommu][smmuv3]") {
    struct Kept {
        const char* name;
        CachedTranslation entry;
    };
    const Kept entries[] = {
        {"nonglobal", entry(Regime::ns_el1, 7, 0x12, 0x10000000)},                 // bit 0
        {"global", entry(Regime::ns_el1, 7, 0x12, 0x10000000, true)},              // bit 1
        {"other ASID", entry(Regime::ns_el1, 7, 0x13, 0x10000000)},                // bit 2
        {"other ASID, global", entry(Regime::ns_el1, 7, 0x13, 0x10000000, true)},  // bit 3
        {"other VMID", entry(Regime::ns_el1, 8, 0x12, 0x10000000)},                // bit 4
        {"other page", entry(Regime::ns_el1, 7, 0x12, 0x10001000)},                // bit 5
        {"nested", entry(Regime::ns_el1_nested, 7, 0x12, 0x10000000)},             // bit 6
        {"stage 2", entry(Regime::ns_stage2, 7, 0, 0x10000000)},                   // bit 7
        {"EL2", entry(Regime::el2, 0, 0, 0x10000000, true)},                       // bit 8
        {"EL2 E2H", entry(Regime::el2_e2h, 0, 0x12, 0x10000000)},                  // bit 9
        {"EL2 E2H, other ASID", entry(Regime::el2_e2h, 0, 0x13, 0x10000000)},      // bit 10
        {"block", entry(Regime::ns_el1, 7, 0x12, 0x10000000, false, 21, 12, 2)},   // bit 11
    };
    struct Row {
        const char* name;
        CommandWords words;
        unsigned covered;  ///< bit per entry
        std::uint32_t cr0 = 0, cr2 = 0;
    };
    using O = Opcode;
    const Row rows[] = {
        {"NH_ALL", command::tlbi(O::TLBI_NH_ALL, 7), 0b1000'0110'1111},
        {"NH_ASID", command::tlbi(O::TLBI_NH_ASID, 7, 0x12), 0b1000'0110'0001},
        {"NH_VA", command::tlbi_address(O::TLBI_NH_VA, 7, 0x12, 0x10000000, true), 0b1000'0100'1011},
        {"NH_VAA", command::tlbi_address(O::TLBI_NH_VAA, 7, 0, 0x10000000, true), 0b1000'0100'1111},
        {"S12_VMALL", command::tlbi(O::TLBI_S12_VMALL, 7), 0b1000'1110'1111},
        {"S2_IPA", command::tlbi_address(O::TLBI_S2_IPA, 7, 0, 0x10000000, true), 0b0000'1000'0000},
        {"NSNH_ALL", command::tlbi(O::TLBI_NSNH_ALL), 0b1000'1111'1111},
        {"EL2_ALL", command::tlbi(O::TLBI_EL2_ALL), 0b0111'0000'0000},
        {"EL2_ASID", command::tlbi(O::TLBI_EL2_ASID, 0, 0x12), 0b0010'0000'0000, 0, 1},
        {"EL2_VA with E2H", command::tlbi_address(O::TLBI_EL2_VA, 0, 0x12, 0x10000000, true), 0b0011'0000'0000, 0, 1},
        {"EL2_VA without E2H", command::tlbi_address(O::TLBI_EL2_VA, 0, 0x12, 0x10000000, true), 0b0111'0000'0000},
        {"EL2_VAA", command::tlbi_address(O::TLBI_EL2_VAA, 0, 0, 0x10000000, true), 0b0111'0000'0000, 0, 1},
        {"NH_ALL with VMW 4: VMIDs 0-15", command::tlbi(O::TLBI_NH_ALL, 1), 0b1000'0111'1111, 4 << 6},
        {"CFGI_STE", command::cfgi_ste(StreamId{0}, false), 0},
        {"CFGI_ALL", command::cfgi_all(), 0},
        {"ATC_INV", command::atc_inv(StreamId{0}, std::nullopt, 0, 52), 0},
    };
    for (const Row& row : rows) {
        const Invalidation invalidation = decoded(row.words, row.cr0, row.cr2);
        unsigned covered = 0;
        for (unsigned i = 0; i < 12; ++i) {
            Tlb tlb({{true, 16, 0, Replacement::lru}, TlbTagging::address_space, space_tag::ASID.mask()}, 1, "test");
            tlb.fill(entries[i].entry);
            if (tlb.invalidate(invalidation) == 1) covered |= 1U << i;
        }
        CAPTURE(row.name);
        // NH_ALL drops nested entries too.
        CHECK(covered == row.covered);
    }
}

TEST_CASE("smmuv3 TLBI: ranges", "[iommu][smmuv3][vector]") {
    const Invalidation five = decoded({0x0012000000004012, 0x0000000020000F01});
    CHECK(five.granule == 16);
    CHECK(five.level == 3);
    CHECK(five.first == 0x20000000);
    CHECK(five.last == 0x2004FFFF);
    const Invalidation block = decoded({0x0012000000B00012, 0x0000000040000A01});
    CHECK(block.granule == 14);
    CHECK(block.level == 2);
    CHECK(block.last - block.first + 1 == 32ULL << 20);
    const Invalidation ipa = decoded({0x000000070090302A, 0x0000000040000601});
    CHECK(is(ipa, Opcode::TLBI_S2_IPA));
    CHECK(space_tag::VMID.get(ipa.space) == 7);
    CHECK(ipa.level == 2);
    CHECK(ipa.last - ipa.first + 1 == 8ULL << 20);
    const Invalidation linux33 = decoded({0x0012000000500012, 0x0000000010001701});
    CHECK(linux33.first == 0x10001000);
    CHECK(linux33.last == 0x10020FFF);

    // Only entries of the granule and level need go.
    CHECK(five.covers(entry(Regime::ns_el1, 0, 0x12, 0x20040000, false, 16, 16, 3)));
    CHECK_FALSE(five.covers(entry(Regime::ns_el1, 0, 0x12, 0x20050000, false, 16, 16, 3)));
    CHECK_FALSE(five.covers(entry(Regime::ns_el1, 0, 0x12, 0x20000000, false, 12, 12, 3)));
    CHECK_FALSE(five.covers(entry(Regime::ns_el1, 0, 0x12, 0x20000000, false, 29, 16, 2)));
    // A range does not wrap.
    const Invalidation top =
        decoded(command::tlbi_address(Opcode::TLBI_NH_VAA, 0, 0, 0xFFFFFFFFFFFFF000, true, {31, 31, 0, 1}));
    CHECK(top.last == ~std::uint64_t{0});
    // Without RIL the range fields are nothing.
    Features no_range = full_features();
    no_range.ril = 0;
    const auto single = decode_invalidation({0x0012000000004012, 0x0000000020000F01}, no_range, 0, 0);
    CHECK(single->granule == 0);
    CHECK(single->first == single->last);
}

TEST_CASE("smmuv3 TLB: entries of all sizes, tags and ways", "[iommu][smmuv3]") {
    Tlb tlb({{true, 16, 4, Replacement::lru}, TlbTagging::address_space, space_tag::ASID.mask()}, 1, "test");
    const std::uint64_t tag = space_tag::make(Regime::ns_el1, 7, 0x12, false);
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x1000));
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x200000, false, 21, 12, 2));
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x40000000, false, 30, 12, 1));
    CHECK(tlb.lookup(tag, 0x1FFF) != nullptr);
    CHECK(tlb.lookup(tag, 0x2000) == nullptr);
    CHECK(tlb.lookup(tag, 0x3FFFFF) != nullptr);
    CHECK(tlb.lookup(tag, 0x7FFFFFFF) != nullptr);
    CHECK(tlb.lookup(space_tag::make(Regime::ns_el1, 7, 0x13, false), 0x1000) == nullptr);
    CHECK(tlb.lookup(space_tag::make(Regime::ns_el1, 6, 0x12, false), 0x1000) == nullptr);
    CHECK(tlb.lookup(space_tag::make(Regime::el2, 7, 0x12, false), 0x1000) == nullptr);
    CHECK(tlb.counters().lookups == 7);
    CHECK(tlb.counters().hits == 3);
    // Global: any ASID, the same ASET.
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x9000, true));
    CHECK(tlb.lookup(space_tag::make(Regime::ns_el1, 7, 0x55, false), 0x9000) != nullptr);
    CHECK(tlb.lookup(space_tag::make(Regime::ns_el1, 7, 0x55, true), 0x9000) == nullptr);
    // An invalidation inside a block drops the block.
    CHECK(tlb.invalidate(decoded(command::tlbi_address(Opcode::TLBI_NH_VA, 7, 0x12, 0x7000F000, true))) == 1);
    CHECK(tlb.lookup(tag, 0x40000000) == nullptr);
    tlb.clear();
    CHECK(tlb.peek(tag, 0x1000) == nullptr);
}

TEST_CASE("smmuv3 TLB: a page that was just found is looked for anew once an entry comes or goes", "[iommu][smmuv3]") {
    Tlb tlb({{true, 4, 0, Replacement::lru}, TlbTagging::address_space, space_tag::ASID.mask()}, 1, "test");
    const std::uint64_t tag = space_tag::make(Regime::ns_el1, 7, 0x12, false);
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x1000));
    tlb.fill(entry(Regime::ns_el1, 7, 0x12, 0x2000));
    REQUIRE(tlb.lookup(tag, 0x2000) != nullptr);
    REQUIRE(tlb.lookup(tag, 0x2FC0) != nullptr);
    CHECK(tlb.counters().hits == 2);
    // The page goes.
    CHECK(tlb.invalidate(decoded(command::tlbi_address(Opcode::TLBI_NH_VA, 7, 0x12, 0x2000, true))) == 1);
    CHECK(tlb.lookup(tag, 0x2000) == nullptr);
    // It comes again, with another output.
    CachedTranslation moved = entry(Regime::ns_el1, 7, 0x12, 0x2000);
    moved.pa = 0x9000;
    tlb.fill(moved);
    REQUIRE(tlb.lookup(tag, 0x2000) != nullptr);
    moved.pa = 0xA000;
    tlb.fill(moved);
    REQUIRE(tlb.lookup(tag, 0x2000) != nullptr);
    CHECK(tlb.lookup(tag, 0x2000)->pa == 0xA000);
    tlb.clear();
    CHECK(tlb.lookup(tag, 0x2000) == nullptr);
}

TEST_CASE("smmuv3 TLB: replacement policies choose their victims", "[iommu][smmuv3]") {
    const auto survivors = [](Replacement policy, bool touch_first) {
        Tlb tlb({{true, 4, 0, policy}, TlbTagging::address_space, space_tag::ASID.mask()}, 1, "test");
        const std::uint64_t tag = space_tag::make(Regime::ns_el1, 0, 0, false);
        for (std::uint64_t page = 0; page < 4; ++page) tlb.fill(entry(Regime::ns_el1, 0, 0, page << 12));
        if (touch_first) tlb.lookup(tag, 0);
        tlb.fill(entry(Regime::ns_el1, 0, 0, 4 << 12));
        unsigned mask = 0;
        for (std::uint64_t page = 0; page < 5; ++page) {
            if (tlb.peek(tag, page << 12) != nullptr) mask |= 1U << page;
        }
        return mask;
    };
    CHECK(survivors(Replacement::lru, false) == 0b11110);
    CHECK(survivors(Replacement::lru, true) == 0b11101);
    CHECK(survivors(Replacement::round_robin, false) == 0b11101);  // the pointer moves before it is used
    CHECK(survivors(Replacement::random, false) == survivors(Replacement::random, true));
}

TEST_CASE("smmuv3 TLB: tagged by stream, entries go with their STE or CD", "[iommu][smmuv3]") {
    Tlb tlb({{true, 8, 0, Replacement::lru}, TlbTagging::stream}, 1, "test");
    CachedTranslation kept = entry(Regime::ns_el1, 7, 0x12, 0x1000);
    kept.stream = stream_tag(StreamId{5}, SubstreamId{3});
    tlb.fill(kept);
    CHECK(tlb.lookup(stream_tag(StreamId{5}, SubstreamId{3}), 0x1000) != nullptr);
    CHECK(tlb.lookup(stream_tag(StreamId{5}, std::nullopt), 0x1000) == nullptr);
    CHECK(tlb.invalidate(decoded(command::cfgi_ste(StreamId{6}, true))) == 0);
    CHECK(tlb.invalidate(decoded(command::cfgi_cd(StreamId{5}, SubstreamId{4}, true))) == 0);
    CHECK(tlb.invalidate(decoded(command::cfgi_cd(StreamId{5}, SubstreamId{3}, true))) == 1);
    tlb.fill(kept);
    CHECK(tlb.invalidate(decoded(command::cfgi_ste_range(StreamId{4}, 0))) == 1);
    tlb.fill(kept);
    CHECK(tlb.invalidate(decoded(command::tlbi(Opcode::TLBI_NH_ASID, 7, 0x12))) == 1);
}

TEST_CASE("smmuv3 CFGI: what each command drops from the configuration cache", "[iommu][smmuv3]") {
    struct Row {
        const char* name;
        CommandWords words;
        unsigned dropped;  ///< bits: {5}, {5, ssid 0}, {5, ssid 3}, {4}, {0x105}
    };
    const Row rows[] = {
        {"CFGI_STE", command::cfgi_ste(StreamId{5}, true), 0b00111},
        {"CFGI_STE_RANGE of two", command::cfgi_ste_range(StreamId{5}, 0), 0b01111},
        {"CFGI_STE_RANGE of 256", command::cfgi_ste_range(StreamId{5}, 7), 0b01111},
        {"CFGI_ALL", command::cfgi_all(), 0b11111},
        {"CFGI_CD 0: the CD of traffic without a substream, too", command::cfgi_cd(StreamId{5}, SubstreamId{0}, true),
         0b00011},
        {"CFGI_CD 3", command::cfgi_cd(StreamId{5}, SubstreamId{3}, true), 0b00100},
        {"CFGI_CD_ALL", command::cfgi_cd_all(StreamId{5}), 0b00111},
        {"TLBI_NSNH_ALL", command::tlbi(Opcode::TLBI_NSNH_ALL), 0},
    };
    const std::uint64_t streams[] = {stream_tag(StreamId{5}, std::nullopt), stream_tag(StreamId{5}, SubstreamId{0}),
                                     stream_tag(StreamId{5}, SubstreamId{3}), stream_tag(StreamId{4}, std::nullopt),
                                     stream_tag(StreamId{0x105}, std::nullopt)};
    for (const Row& row : rows) {
        ConfigCache cache({true, 8, 0, Replacement::lru}, 1, "test");
        for (unsigned i = 0; i < 5; ++i) {
            StreamConfig config;
            config.stream = streams[i];
            config.cd_index = i == 2 ? 3 : 0;
            cache.fill(config);
        }
        cache.invalidate(decoded(row.words));
        unsigned dropped = 0;
        for (unsigned i = 0; i < 5; ++i) {
            if (cache.lookup(streams[i]) == nullptr) dropped |= 1U << i;
        }
        CAPTURE(row.name);
        CHECK(dropped == row.dropped);
    }
}

TEST_CASE("smmuv3 caches: a changed STE or CD is not seen before its CFGI", "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x9});
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    bench.ste(Bench::kSid, {0x1});
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::done);
    CHECK(bench.accesses.empty());
    bench.command(command::cfgi_ste(Bench::kSid, true));
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::fault);
}

TEST_CASE("smmuv3 caches: walks start below the tables that are known", "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x000000008000100B, 0});
    bench.store_words(0x80001000, {kCd, 0x82000000, 0, 0xFF44}, 8);
    bench.memory.store(0x82000000, 0x82001003);
    bench.memory.store(0x82001000, 0x82002003);
    bench.memory.store(0x82002000, 0x83000003);
    bench.memory.store(0x82002008, 0x83001003);
    for (unsigned i = 0; i < 16; ++i) {
        bench.memory.store(0x83000000 + 8 * i, 0x0060000456780F47 + (std::uint64_t{i} << 12));
        bench.memory.store(0x83001000 + 8 * i, 0x0060000456790F47 + (std::uint64_t{i} << 12));
    }
    bench.step(Bench::read_of(0x1000));
    CHECK(bench.smmu.counters.walk_reads == 4);
    bench.step(Bench::read_of(0x2000));  // same level 3 table
    CHECK(bench.smmu.counters.walk_reads == 5);
    bench.step(Bench::read_of(0x201000));  // same level 2 table
    CHECK(bench.smmu.counters.walk_reads == 7);
    // A leaf invalidation keeps tables, a full one does not.
    bench.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x1000, true));
    bench.step(Bench::read_of(0x1000));
    CHECK(bench.smmu.counters.walk_reads == 8);
    bench.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x1000, false));
    bench.step(Bench::read_of(0x1000));
    CHECK(bench.smmu.counters.walk_reads == 12);
}

TEST_CASE("smmuv3 caches: a walk that an invalidation overtakes leaves nothing behind", "[iommu][smmuv3]") {
    Bench bench;
    bench.ste(Bench::kSid, {0x000000008000100B, 0});
    bench.store_words(0x80001000, {kCd, 0x82000000, 0, 0xFF44}, 8);
    bench.memory.store(0x82000000, 0x82001003);
    bench.memory.store(0x82001000, 0x82002003);
    bench.memory.store(0x82002000, 0x83000003);
    bench.memory.store(0x83000008, 0x0060000456789F47);
    bench.translation.start(bench.smmu, Bench::read_of(0x1000));
    Reply reply;
    const Step* step = &bench.translation.step(bench.smmu, reply);
    while (step->kind != StepKind::done) {
        REQUIRE((step->kind == StepKind::access || step->kind == StepKind::lookup));
        if (step->kind == StepKind::access) {
            serve(step->access, bench.memory, reply);
            if (step->access.address.value == 0x83000008) {
                // The old descriptor is on its way when software unmaps the page.
                bench.memory.store(0x83000008, 0);
                bench.command(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x1000, true));
            }
        }
        step = &bench.translation.step(bench.smmu, reply);
    }
    CHECK_FALSE(step->result.cacheable);
    CHECK(step->result.epoch != bench.smmu.epoch());
    CHECK(bench.step(Bench::read_of(0x1000)).kind == StepKind::fault);
}

TEST_CASE("smmuv3 caches: sinks hear of every invalidation", "[iommu][smmuv3]") {
    struct Listener : InvalidationSink {
        std::vector<Invalidation> heard;
        void invalidate(const Invalidation& invalidation) override { heard.push_back(invalidation); }
    };
    Bench bench;
    Listener listener;
    bench.smmu.add_sink(listener);
    bench.command(command::cfgi_ste(StreamId{5}, true));
    bench.command(command::tlbi(Opcode::TLBI_NH_ALL, 7));
    bench.command(command::atc_inv(StreamId{0x10}, std::nullopt, 0x7000, 4));
    bench.command(command::sync(cmd::CS_NONE));
    REQUIRE(listener.heard.size() == 3);
    CHECK(is(listener.heard[0], Opcode::CFGI_STE));
    CHECK(listener.heard[0].is_config());
    CHECK(space_tag::VMID.get(listener.heard[1].space) == 7);
    CHECK(listener.heard[2].is_endpoint());
    CHECK(listener.heard[2].first == 0);
    CHECK(listener.heard[2].last == 0xFFFF);
    // Switching translation off empties TBUs.
    bench.write(reg::CR0, cr0::CMDQEN.mask());
    REQUIRE(listener.heard.size() == 4);
    CHECK(listener.heard[3].target == Invalidation::Target::everything);
    // ATC_INV is nothing while it is off.
    bench.command(command::atc_inv(StreamId{0x10}, std::nullopt, 0, 52));
    CHECK(listener.heard.size() == 4);
}

TEST_CASE("smmuv3 TLB: whatever it knows of its entries as a whole, an invalidation drops what it covers",
          "[iommu][smmuv3]") {
    std::uint64_t dropped_in_all = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        Rng draw(seed, "tests.tlb.invalidate");
        const TlbTagging tagging = draw.chance(1, 2) ? TlbTagging::address_space : TlbTagging::stream;
        Tlb tlb({{true, 16, 4, Replacement::lru}, tagging}, 1, "test");
        const std::uint16_t asids = static_cast<std::uint16_t>(1 + draw.below(3));  // often a single one
        for (int step = 0; step < 60; ++step) {
            if (!draw.chance(1, 3)) {
                const auto vmid = static_cast<std::uint16_t>(1 + draw.below(asids) / 2);
                const auto asid = static_cast<std::uint16_t>(1 + draw.below(asids));
                const std::uint64_t va = draw.below(24) << 12;
                CachedTranslation one = entry(Regime::ns_el1, vmid, asid, va, draw.chance(1, 8));
                one.stream = stream_tag(StreamId{static_cast<std::uint32_t>(1 + draw.below(asids))}, std::nullopt);
                tlb.fill(one);
                continue;
            }
            using O = Opcode;
            constexpr O kCommands[] = {O::CFGI_STE,       O::CFGI_STE_RANGE, O::CFGI_CD,    O::CFGI_CD_ALL,
                                       O::TLBI_NH_ALL,    O::TLBI_NH_ASID,   O::TLBI_NH_VA, O::TLBI_NH_VAA,
                                       O::TLBI_S12_VMALL, O::TLBI_NSNH_ALL};
            CommandWords words{};
            cmd::OPCODE.set(words, static_cast<std::uint64_t>(kCommands[draw.below(std::size(kCommands))]));
            Invalidation invalidation;  // everything
            if (!draw.chance(1, 11)) {
                const bool config = cmd::OPCODE.get(words) <= static_cast<std::uint64_t>(O::CFGI_CD_ALL);
                if (config) {
                    cmd::SID.set(words, 1 + draw.below(4));
                    cmd::CFGI_RANGE.set(words, draw.below(3));
                } else {
                    cmd::ASID.set(words, 1 + draw.below(4));
                    cmd::VMID.set(words, 1 + draw.below(2));
                }
                invalidation = decoded(words);
            }
            if (invalidation.by_address) {
                invalidation.first = draw.below(24) << 12;
                invalidation.last = invalidation.first + 0xFFF + (draw.below(4) << 12);
            }
            unsigned covered = 0;
            tlb.for_each([&](const CachedTranslation& kept) {
                if (!invalidation.is_config()) {
                    covered += invalidation.covers(kept) ? 1 : 0;
                } else if (tagging == TlbTagging::stream) {
                    covered += invalidation.covers_stream(kept.stream) ? 1 : 0;
                }
            });
            INFO("seed " << seed << ", step " << step);
            REQUIRE(tlb.invalidate(invalidation) == covered);
            dropped_in_all += covered;
        }
    }
    CHECK(dropped_in_all > 1'000);
}
