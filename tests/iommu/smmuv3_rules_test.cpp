// Every rule that makes an STE or CD ILLEGAL: a row each, checked through the decoder and through a whole translation.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "tests/iommu/smmuv3_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

struct SteRow {
    std::string_view rule;
    void (*change)(SteWords& words, Features& features);  ///< of a legal nested STE
    std::uint64_t config = ste::CONFIG_NESTED;
};

SteWords legal_ste(std::uint64_t config) {
    SteWords w{};
    ste::V.set(w, 1);
    ste::Config.set(w, config);
    ste::S1ContextPtr.set_address(w, 0x80001000);
    w[2] = 0x044A355800000007;
    ste::S2TTB.set_address(w, 0x81000000);
    return w;
}

const SteRow kSteRows[] = {
    {"Config asks for stage 1, which is not implemented", [](SteWords&, Features& f) { f.s1p = 0; }, ste::CONFIG_S1},
    {"Config asks for stage 2, which is not implemented", [](SteWords&, Features& f) { f.s2p = 0; }, ste::CONFIG_S2},
    {"S1CDMax is above IDR1.SSIDSIZE",
     [](SteWords& w, Features& f) {
         f.ssidsize = 8;
         ste::S1CDMax.set(w, 9);
     }},
    {"S1Fmt is two-level without IDR0.CD2L",
     [](SteWords& w, Features& f) {
         f.cd2l = 0;
         ste::S1CDMax.set(w, 8);
         ste::S1Fmt.set(w, 1);
     }},
    {"S1ContextPtr is beyond the address size",
     [](SteWords& w, Features&) { ste::S1ContextPtr.set_address(w, std::uint64_t{1} << 44); }},
    {"S2AA64 is 0 without AArch32 tables", [](SteWords& w, Features&) { ste::S2AA64.set(w, 0); }},
    {"S2TG is reserved or its granule not implemented", [](SteWords& w, Features&) { ste::S2TG.set(w, 3); }},
    {"S2TG is reserved or its granule not implemented", [](SteWords&, Features& f) { f.gran4k = 0; }},
    {"S2T0SZ is out of range",
     [](SteWords& w, Features& f) {
         f.stt = 0;
         ste::S2T0SZ.set(w, 40);
         ste::S2SL0.set(w, 0);
     }},
    {"S2T0SZ is out of range", [](SteWords& w, Features&) { ste::S2T0SZ.set(w, 19); }},  // 45 bits of 44
    {"S2T0SZ is out of range", [](SteWords& w, Features&) { ste::S2T0SZ.set(w, 49); }},
    {"S2SL0 is reserved",
     [](SteWords& w, Features& f) {
         f.stt = 0;
         ste::S2SL0.set(w, 3);
     }},
    {"S2SL0 starts at a level that IDR5.OAS does not reach",
     [](SteWords& w, Features& f) {
         f.oas = 3;  // 42 bits; a level 0 of 4K needs 44
         ste::S2T0SZ.set(w, 22);
         ste::S2SL0.set(w, 2);
     }},
    {"S2SL0 starts at a level that IDR5.OAS does not reach",
     [](SteWords& w, Features& f) {
         f.oas = 2;  // 40 bits; a level 1 of 16K needs 42
         ste::S2TG.set(w, 2);
         ste::S2T0SZ.set(w, 24);
         ste::S2SL0.set(w, 2);
     }},
    {"S2SL0 starts at a level that IDR5.OAS does not reach",
     [](SteWords& w, Features& f) {
         f.oas = 3;  // 42 bits; a level 1 of 64K needs 44
         ste::S2TG.set(w, 1);
         ste::S2T0SZ.set(w, 22);
         ste::S2SL0.set(w, 2);
     }},
    {"S2SL0 does not fit S2T0SZ (more than 16 concatenated tables, or less than two entries)",
     [](SteWords& w, Features&) {
         ste::S2T0SZ.set(w, 20);  // 44 bits from level 1 would be 32 tables
     }},
    {"S2SL0 does not fit S2T0SZ (more than 16 concatenated tables, or less than two entries)",
     [](SteWords& w, Features&) {
         ste::S2T0SZ.set(w, 30);
         ste::S2SL0.set(w, 2);  // level 0 of 34 bits
     }},
    {"S2TTB is above the effective S2PS",
     [](SteWords& w, Features&) { ste::S2TTB.set_address(w, std::uint64_t{1} << 40); }},
    {"S2ENDI asks for an endianness that is not implemented", [](SteWords& w, Features&) { ste::S2ENDI.set(w, 1); }},
    {"S2S is 1 though IDR0.STALL_MODEL has no stall",
     [](SteWords& w, Features& f) {
         f.stall_model = 1;
         ste::S2S.set(w, 1);
     }},
    {"S2S is 0 though IDR0.STALL_MODEL forces stall", [](SteWords&, Features& f) { f.stall_model = 2; }},
    {"S1STALLD is 1 though IDR0.STALL_MODEL is not 0",
     [](SteWords& w, Features& f) {
         f.stall_model = 1;
         ste::S1STALLD.set(w, 1);
     }},
    {"S2HA is 1 without IDR0.HTTU",
     [](SteWords& w, Features& f) {
         f.httu = 0;
         ste::S2HA.set(w, 1);
     }},
    {"S2HD is 1 without dirty state in IDR0.HTTU",
     [](SteWords& w, Features& f) {
         f.httu = 1;
         ste::S2HD.set(w, 1);
     }},
    {"S2VMID has more than 8 bits without IDR0.VMID16",
     [](SteWords& w, Features& f) {
         f.vmid16 = 0;
         ste::S2VMID.set(w, 0x100);
     }},
    {"STRW is reserved", [](SteWords& w, Features&) { ste::STRW.set(w, 1); }, ste::CONFIG_S1},
    {"STRW is reserved", [](SteWords& w, Features&) { ste::STRW.set(w, 3); }, ste::CONFIG_S1},
    {"EATS asks for split-stage ATS that the STE or IDR0.NS1ATS does not allow",
     [](SteWords& w, Features& f) {
         f.ns1ats = 1;
         ste::EATS.set(w, 2);
     }},
    {"EATS asks for split-stage ATS that the STE or IDR0.NS1ATS does not allow",
     [](SteWords& w, Features&) { ste::EATS.set(w, 2); }, ste::CONFIG_S1},
    {"EATS asks for split-stage ATS that the STE or IDR0.NS1ATS does not allow",
     [](SteWords& w, Features&) {
         ste::EATS.set(w, 2);
         ste::S2S.set(w, 1);
     }},
    {"EATS allows full ATS though stage 2 stalls",
     [](SteWords& w, Features&) {
         ste::EATS.set(w, 1);
         ste::S2S.set(w, 1);
     }},
};

struct CdRow {
    std::string_view rule;
    void (*change)(CdWords& words, SteWords& ste, Features& features);
};

CdWords legal_cd() {
    CdWords w{};
    w[0] = 0x0012E205C0003510 & ~(std::uint64_t{1} << 30);  // both halves on
    cd::T1SZ.set(w, 25);
    cd::TG1.set(w, cd::TG1_4K);
    cd::TTB0.set_address(w, 0x82000000);
    cd::TTB1.set_address(w, 0x83000000);
    return w;
}

const CdRow kCdRows[] = {
    {"V is 0", [](CdWords& w, SteWords&, Features&) { cd::V.set(w, 0); }},
    {"AA64 is 0 without AArch32 tables", [](CdWords& w, SteWords&, Features&) { cd::AA64.set(w, 0); }},
    {"TG0 is reserved or its granule not implemented", [](CdWords& w, SteWords&, Features&) { cd::TG0.set(w, 3); }},
    {"TG0 is reserved or its granule not implemented",
     [](CdWords& w, SteWords&, Features& f) {
         f.gran16k = 0;
         cd::TG0.set(w, cd::TG0_16K);
     }},
    {"TG1 is reserved or its granule not implemented", [](CdWords& w, SteWords&, Features&) { cd::TG1.set(w, 0); }},
    {"T0SZ is out of range", [](CdWords& w, SteWords&, Features&) { cd::T0SZ.set(w, 15); }},
    {"T0SZ is out of range",
     [](CdWords& w, SteWords&, Features& f) {
         f.stt = 0;
         cd::T0SZ.set(w, 40);
     }},
    {"T0SZ is out of range",
     [](CdWords& w, SteWords&, Features&) {
         cd::TG0.set(w, cd::TG0_64K);
         cd::T0SZ.set(w, 48);
     }},
    {"T1SZ is out of range", [](CdWords& w, SteWords&, Features&) { cd::T1SZ.set(w, 15); }},
    {"ENDI asks for an endianness that is not implemented",
     [](CdWords& w, SteWords&, Features&) { cd::ENDI.set(w, 1); }},
    {"TTB0 is above the effective IPS",
     [](CdWords& w, SteWords&, Features&) { cd::TTB0.set_address(w, std::uint64_t{1} << 44); }},
    {"TTB0 is above the effective IPS",
     [](CdWords& w, SteWords&, Features&) {
         cd::IPS.set(w, 1);
         cd::TTB0.set_address(w, std::uint64_t{1} << 36);
     }},
    {"TTB1 is above the effective IPS",
     [](CdWords& w, SteWords&, Features&) { cd::TTB1.set_address(w, std::uint64_t{1} << 44); }},
    {"A is 0 though IDR0.TERM_MODEL is 1",
     [](CdWords& w, SteWords&, Features& f) {
         f.term_model = 1;
         cd::A.set(w, 0);
     }},
    {"S is 1 though IDR0.STALL_MODEL has no stall",
     [](CdWords& w, SteWords&, Features& f) {
         f.stall_model = 1;
         cd::S.set(w, 1);
     }},
    {"S is 1 though STE.S1STALLD forbids stall",
     [](CdWords& w, SteWords& s, Features&) {
         ste::S1STALLD.set(s, 1);
         cd::S.set(w, 1);
     }},
    {"S is 0 though IDR0.STALL_MODEL forces stall", [](CdWords&, SteWords&, Features& f) { f.stall_model = 2; }},
    {"HA is 1 without IDR0.HTTU",
     [](CdWords& w, SteWords&, Features& f) {
         f.httu = 0;
         cd::HA.set(w, 1);
     }},
    {"HD is 1 without dirty state in IDR0.HTTU",
     [](CdWords& w, SteWords&, Features& f) {
         f.httu = 1;
         cd::HD.set(w, 1);
     }},
    {"ASID has more than 8 bits without IDR0.ASID16",
     [](CdWords& w, SteWords&, Features& f) {
         f.asid16 = 0;
         cd::ASID.set(w, 0x100);
     }},
};

}  // namespace

TEST_CASE("smmuv3 STE: each illegal combination is C_BAD_STE", "[iommu][smmuv3]") {
    std::set<std::string_view> covered;
    for (const SteRow& row : kSteRows) {
        CAPTURE(std::string(row.rule));
        covered.insert(row.rule);
        Features features = Bench::features_44();
        SteWords words = legal_ste(row.config);
        CHECK_FALSE(illegal_ste(words, features));  // the nearest legal one
        row.change(words, features);
        const auto broken = illegal_ste(words, features);
        REQUIRE(broken);
        CHECK(*broken == row.rule);

        Bench bench(features);
        bench.ste(Bench::kSid, {words.begin(), words.end()});
        const Step& step = bench.step(Bench::read_of(0x1000));
        CHECK(step.kind == StepKind::fault);
        CHECK(step.result.response == Response::abort);
        CHECK(bench.event() == EventWords{0x0000001000000004, 0, 0, 0});

        // With V=1 and Config 0xx nothing is ILLEGAL.
        ste::Config.set(words, 1);
        CHECK_FALSE(illegal_ste(words, features));
    }
    std::size_t count = 0;
    const SteRule* rules = ste_rules(count);
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(std::string(rules[i].name));
        CHECK(covered.count(rules[i].name) == 1);
    }
}

TEST_CASE("smmuv3 STE: fields of a stage that is off are not looked at", "[iommu][smmuv3]") {
    const Features features = Bench::features_44();
    SteWords s1 = legal_ste(ste::CONFIG_S1);
    s1[2] = 0xFFFFFFFFFFFF0007;
    s1[3] = ~std::uint64_t{0};
    CHECK_FALSE(illegal_ste(s1, features));
    SteWords s2 = legal_ste(ste::CONFIG_S2);
    ste::S1ContextPtr.set(s2, ~std::uint64_t{0});
    ste::S1CDMax.set(s2, 31);
    ste::S1Fmt.set(s2, 3);
    CHECK_FALSE(illegal_ste(s2, features));
    SteWords bypass = legal_ste(ste::CONFIG_BYPASS);
    bypass[1] = ~std::uint64_t{0};
    bypass[2] = ~std::uint64_t{0};
    CHECK_FALSE(illegal_ste(bypass, features));
}

TEST_CASE("smmuv3 STE: reserved encodings that act as another one", "[iommu][smmuv3]") {
    SteWords words = legal_ste(ste::CONFIG_S1);
    ste::S1CDMax.set(words, 5);
    ste::S1Fmt.set(words, 3);
    ste::S1DSS.set(words, 3);
    const Features features = Bench::features_44();
    REQUIRE_FALSE(illegal_ste(words, features));
    CHECK(decode_ste(words, features).s1_format == ste::S1FMT_LINEAR);
    CHECK(decode_ste(words, features).s1dss == ste::S1DSS_TERMINATE);
}

TEST_CASE("smmuv3 CD: each invalid combination is C_BAD_CD", "[iommu][smmuv3]") {
    std::set<std::string_view> covered;
    for (const CdRow& row : kCdRows) {
        CAPTURE(std::string(row.rule));
        covered.insert(row.rule);
        Features features = Bench::features_44();
        SteWords ste_words = legal_ste(ste::CONFIG_S1);
        CdWords words = legal_cd();
        CHECK_FALSE(illegal_cd(words, ste_words, features, false));
        row.change(words, ste_words, features);
        const auto broken = illegal_cd(words, ste_words, features, false);
        REQUIRE(broken);
        CHECK(*broken == row.rule);

        Bench bench(features);
        bench.ste(Bench::kSid, {ste_words.begin(), ste_words.end()});
        bench.store_words(0x80001000, {words.begin(), words.end()}, 8);
        const Step& step = bench.step(Bench::read_of(0x1000));
        CHECK(step.kind == StepKind::fault);
        CHECK(step.result.response == Response::abort);
        CHECK(bench.event() == EventWords{0x000000100000000A, 0, 0, 0});
    }
    std::size_t count = 0;
    const CdRule* rules = cd_rules(count);
    for (std::size_t i = 0; i < count; ++i) {
        CAPTURE(std::string(rules[i].name));
        CHECK(covered.count(rules[i].name) == 1);
    }
}

TEST_CASE("smmuv3 CD: EPD switches off every check of its half", "[iommu][smmuv3]") {
    CdWords words = legal_cd();
    cd::EPD1.set(words, 1);
    cd::T1SZ.set(words, 63);
    cd::TG1.set(words, 0);
    cd::TTB1.set(words, ~std::uint64_t{0});
    const SteWords ste_words = legal_ste(ste::CONFIG_S1);
    CHECK_FALSE(illegal_cd(words, ste_words, Bench::features_44(), false));
}

TEST_CASE("smmuv3 CD: EL2 without E2H has the first half only, and no ASID", "[iommu][smmuv3]") {
    CdWords words = legal_cd();
    cd::EPD0.set(words, 1);
    cd::TG1.set(words, 0);
    SteWords ste_words = legal_ste(ste::CONFIG_S1);
    ste::STRW.set(ste_words, ste::STRW_EL2);
    Features features = Bench::features_44();
    features.asid16 = 0;
    cd::ASID.set(words, 0x1234);
    CHECK_FALSE(illegal_cd(words, ste_words, features, false));
    CHECK(illegal_cd(words, ste_words, features, true));
    const SteConfig config = decode_ste(ste_words, features);
    const Stage1 stage1 = decode_cd(words, config, features, false);
    CHECK_FALSE(stage1.half[0].disabled);
    CHECK(stage1.asid == 0);
    CHECK(stage1.single_privilege);
}
