// 52-bit addresses with the 4K and 16K granules: CD.DS and STE.S2DS.
// Expected values: IHI 0070 (CD.DS, STE.S2DS, STE.S2SL0_2, IDR5.DS), DDI 0487 FEAT_LPA2, by hand.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

Features features_52() {
    Features f = full_features();
    REQUIRE(f.ds == 1);
    return f;
}

constexpr std::uint64_t kCd = 0x80200000, kRoot = 0x80300000;
constexpr std::uint64_t kDs = std::uint64_t{1} << 58;
/// T0SZ, TG0, SH0 = inner, EPD1, V, IPS 52, AA64, R, A.
constexpr std::uint64_t cd0(unsigned t0sz, unsigned tg0) {
    return t0sz | tg0 << 6 | 3U << 12 | 1U << 30 | 1U << 31 | std::uint64_t{6} << 32 | std::uint64_t{1} << 41 |
           std::uint64_t{3} << 45;
}
void stage1(Bench& bench, std::uint64_t first, std::uint64_t third) {
    bench.ste(Bench::kSid, {0x1 | (5 << 1) | kCd});
    bench.store_words(kCd, {first, kRoot, third, 0xFF}, 8);
}
std::optional<EventWords> bad(Bench& bench, std::uint64_t first, std::uint64_t third) {
    stage1(bench, first, third);
    REQUIRE(bench.step(Bench::read_of(0x1000)).kind == StepKind::fault);
    return bench.event();
}

}  // namespace

// VA 0x000F'8081'0100'0ABC: [51:48] 0xF at level -1; [47:39] 0x101, [38:30] 0x4, [29:21] 0x8, [20:12] 0.
TEST_CASE("smmuv3 ds: 4K pages with 52-bit addresses walk from level -1, and descriptors hold [51:50] in [9:8]",
          "[iommu][smmuv3][ds]") {
    Bench bench(features_52());
    CHECK((bench.read(reg::IDR5) >> 7 & 1) == 1);
    stage1(bench, cd0(12, 0), kDs);
    bench.memory.store(kRoot + 8 * 0xF, 0x80310000 | 3);
    bench.memory.store(0x80310000 + 8 * 0x101, 0x80320000 | 3);
    bench.memory.store(0x80320000 + 8 * 0x4, 0x80330000 | 3);
    bench.memory.store(0x80330000 + 8 * 0x8, 0x80340000 | 3);
    // Page at 0x000F'4567'89AB'C000: [49:12] in place, [51:50] = 3 in [9:8]; AF, AP1, attribute 0.
    bench.memory.store(0x80340000, 0x0003456789ABC000 | 3U << 8 | 1U << 10 | 1U << 6 | 3);
    const Step& step = bench.step(Bench::read_of(0x000F808101000ABC));
    REQUIRE(step.kind == StepKind::done);
    CHECK(step.result.pa.value == 0x000F456789ABCABC);
    CHECK(step.result.attributes.shareability == 3);  // SH0: the descriptor has no such bits
    CHECK(bench.accesses.size() == 8);                // the STE and its first level, the CD, levels -1 to 3
}

TEST_CASE("smmuv3 ds: without CD.DS or IDR5.DS a T0SZ below 16 is C_BAD_CD with 4K and 16K", "[iommu][smmuv3][ds]") {
    for (const unsigned tg : {0U, 2U}) {
        Bench with(features_52());
        CHECK(event::TYPE.get(*bad(with, cd0(12, tg), 0)) == 0x0A);
        Features f = features_52();
        f.ds = 0;
        Bench without(f);
        CHECK(event::TYPE.get(*bad(without, cd0(12, tg), kDs)) == 0x0A);
        Bench good(features_52());
        CHECK(event::TYPE.get(*bad(good, cd0(12, tg), kDs)) == 0x10);  // nothing mapped
        Bench below(features_52());
        CHECK(event::TYPE.get(*bad(below, cd0(11, tg), kDs)) == 0x0A);
    }
}

// 16K, T0SZ 12: level 0 resolves [51:47], a block at level 1 maps [35:0].
TEST_CASE("smmuv3 ds: 16K has blocks of 64 GiB at level 1, 4K of 512 GiB at level 0", "[iommu][smmuv3][ds]") {
    Bench bench(features_52());
    stage1(bench, cd0(12, 2), kDs);
    bench.memory.store(kRoot + 8 * 0x1F, 0x80400000 | 3);
    bench.memory.store(0x80400000 + 8 * 0x7FF, 0x0002F00000000000 | 2U << 8 | 1U << 10 | 1U << 6 | 1);
    REQUIRE(bench.step(Bench::read_of(0x000FFFF123456789)).kind == StepKind::done);
    CHECK(bench.translation.step(bench.smmu, {}).result.pa.value == 0x000AF00123456789);

    Bench small(features_52());
    stage1(small, cd0(16, 0), kDs);
    small.memory.store(kRoot + 8 * 0x1FF, 0x0001008000000000 | 1U << 8 | 1U << 10 | 1U << 6 | 1);
    REQUIRE(small.step(Bench::read_of(0x0000FFC123456789)).kind == StepKind::done);
    CHECK(small.translation.step(small.smmu, {}).result.pa.value == 0x000500C123456789);
    // Without DS there is no such block.
    Bench plain(features_52());
    stage1(plain, cd0(16, 0), 0);
    plain.memory.store(kRoot + 8 * 0x1FF, 0x0000008000000000 | 1U << 10 | 1U << 6 | 1);
    REQUIRE(plain.step(Bench::read_of(0x0000FFC123456789)).kind == StepKind::fault);
    CHECK(event::TYPE.get(*plain.event()) == 0x10);
}

TEST_CASE("smmuv3 ds: an output above IPS is F_ADDR_SIZE, of which [9:8] are a part", "[iommu][smmuv3][ds]") {
    Bench bench(features_52());
    const std::uint64_t ips_48 = (cd0(16, 0) & ~(std::uint64_t{7} << 32)) | std::uint64_t{5} << 32;
    stage1(bench, ips_48, kDs);
    bench.memory.store(kRoot, 0x80310000 | 1U << 8 | 3);
    REQUIRE(bench.step(Bench::read_of(0x1000)).kind == StepKind::fault);
    CHECK(event::TYPE.get(*bench.event()) == 0x11);
}

// Stage 2, 4K, S2T0SZ 12: {S2SL0_2, S2SL0} = 0b100 is level -1; 0b010 is level 0 with 16 tables side by side.
TEST_CASE("smmuv3 ds: stage 2 starts at level -1 by S2SL0_2, or at level 0 with sixteen tables",
          "[iommu][smmuv3][ds]") {
    const auto ste2 = [](unsigned sl0) {
        // S2PS 52, AA64, R.
        return std::uint64_t{1} | std::uint64_t{12} << 32 | std::uint64_t{sl0} << 38 | std::uint64_t{3} << 44 |
               std::uint64_t{6} << 48 | std::uint64_t{1} << 51 | std::uint64_t{1} << 58;
    };
    const std::uint64_t ipa = 0x000F808101000ABC;
    const std::uint64_t leaf = 0x0003456789ABC000 | 3U << 8 | 1U << 10 | 3U << 6 | 0xFU << 2 | 3;
    const auto tables = [&](Bench& bench, std::uint64_t level0_entry) {
        bench.memory.store(level0_entry, 0x80320000 | 3);
        bench.memory.store(0x80320000 + 8 * 0x4, 0x80330000 | 3);
        bench.memory.store(0x80330000 + 8 * 0x8, 0x80340000 | 3);
        bench.memory.store(0x80340000, leaf);
    };
    Bench minus(features_52());
    minus.ste(Bench::kSid, {0x1 | (6 << 1), 0, ste2(0), kRoot | 8 | 4});
    minus.memory.store(kRoot + 8 * 0xF, 0x80310000 | 3);
    tables(minus, 0x80310000 + 8 * 0x101);
    REQUIRE(minus.step(Bench::read_of(ipa)).kind == StepKind::done);
    CHECK(minus.translation.step(minus.smmu, {}).result.pa.value == 0x000F456789ABCABC);

    Bench wide(features_52());
    wide.ste(Bench::kSid, {0x1 | (6 << 1), 0, ste2(2), kRoot | 8});
    tables(wide, kRoot + 8 * 0x1F01);  // [51:39]
    REQUIRE(wide.step(Bench::read_of(ipa)).kind == StepKind::done);
    CHECK(wide.translation.step(wide.smmu, {}).result.pa.value == 0x000F456789ABCABC);

    // Without S2DS: T0SZ 12 is out of range, and S2SL0_2 says nothing.
    Bench plain(features_52());
    plain.ste(Bench::kSid, {0x1 | (6 << 1), 0, ste2(0), kRoot | 4});
    REQUIRE(plain.step(Bench::read_of(ipa)).kind == StepKind::fault);
    CHECK(event::TYPE.get(*plain.event()) == 0x04);
    // 0b101 is reserved.
    Bench reserved(features_52());
    reserved.ste(Bench::kSid, {0x1 | (6 << 1), 0, ste2(1), kRoot | 8 | 4});
    REQUIRE(reserved.step(Bench::read_of(ipa)).kind == StepKind::fault);
    CHECK(event::TYPE.get(*reserved.event()) == 0x04);
}

TEST_CASE("smmuv3 ds: a range's SCALE has six bits with IDR5.DS, and 39 at most", "[iommu][smmuv3][ds]") {
    // NUM 0, SCALE 40 and TG 4K from 0: 2^39 pages.
    CommandWords words = command::tlbi(Opcode::TLBI_NH_VA);
    words[0] |= std::uint64_t{40} << 20;
    words[1] |= std::uint64_t{1} << 10;
    CHECK(decode_invalidation(words, features_52(), 0, 0)->last == (std::uint64_t{1} << 51) - 1);
    Features f = features_52();
    f.ds = 0;
    CHECK(decode_invalidation(words, f, 0, 0)->last == (std::uint64_t{1} << 20) - 1);  // bit 25 does not count: 8
}
