// Section 13 of docs/spec/iommu-hardware.md: words computed from the layouts.
#include <catch2/catch.hpp>

#include "iommu/smmuv3/layout.hpp"

using namespace xlate;
using namespace xlate::iommu::smmuv3;

TEST_CASE("smmuv3 layout: table indices of VA 0x123456789ABC for each granule", "[iommu][smmuv3][vector]") {
    constexpr std::uint64_t va = 0x0000123456789ABC;
    const auto index = [&](Granule granule, unsigned level) {
        return (va >> level_shift(granule, level)) & low_mask(stride(granule));
    };
    CHECK(index(Granule::k4, 0) == 0x24);
    CHECK(index(Granule::k4, 1) == 0xD1);
    CHECK(index(Granule::k4, 2) == 0xB3);
    CHECK(index(Granule::k4, 3) == 0x189);
    CHECK(index(Granule::k16, 0) == 0);
    CHECK(index(Granule::k16, 1) == 0x123);
    CHECK(index(Granule::k16, 2) == 0x22B);
    CHECK(index(Granule::k16, 3) == 0x1E2);
    CHECK(index(Granule::k64, 1) == 0x4);
    CHECK(index(Granule::k64, 2) == 0x11A2);
    CHECK(index(Granule::k64, 3) == 0x1678);
    CHECK((va & (page_bytes(Granule::k4) - 1)) == 0xABC);
    CHECK((va & (page_bytes(Granule::k16) - 1)) == 0x1ABC);
    CHECK((va & (page_bytes(Granule::k64) - 1)) == 0x9ABC);
}

TEST_CASE("smmuv3 layout: a stage 1 STE with one CD", "[iommu][smmuv3][vector]") {
    SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, ste::CONFIG_S1);
    ste::S1ContextPtr.set_address(words, 0x80001000);
    CHECK(words[0] == 0x000000008000100B);
}

TEST_CASE("smmuv3 layout: a bypass STE with incoming shareability", "[iommu][smmuv3][vector]") {
    SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, ste::CONFIG_BYPASS);
    ste::SHCFG.set(words, ste::SHCFG_INCOMING);
    CHECK(words[0] == 0x9);
    CHECK(words[1] == 0x0000100000000000);
}

TEST_CASE("smmuv3 layout: a stage 2 STE", "[iommu][smmuv3][vector]") {
    SteWords words{};
    ste::V.set(words, 1);
    ste::Config.set(words, ste::CONFIG_S2);
    ste::S2VMID.set(words, 7);
    ste::S2T0SZ.set(words, 24);
    ste::S2SL0.set(words, 1);
    ste::S2IR0.set(words, 1);
    ste::S2OR0.set(words, 1);
    ste::S2SH0.set(words, 3);
    ste::S2PS.set(words, 2);
    ste::S2AA64.set(words, 1);
    ste::S2PTW.set(words, 1);
    ste::S2R.set(words, 1);
    ste::S2TTB.set_address(words, 0x81000000);
    CHECK(words[0] == 0xD);
    CHECK(words[2] == 0x044A355800000007);
    CHECK(words[3] == 0x81000000);
}

TEST_CASE("smmuv3 layout: a CD", "[iommu][smmuv3][vector]") {
    CdWords words{};
    cd::T0SZ.set(words, 16);
    cd::IR0.set(words, 1);
    cd::OR0.set(words, 1);
    cd::SH0.set(words, 3);
    cd::EPD1.set(words, 1);
    cd::V.set(words, 1);
    cd::IPS.set(words, 5);
    cd::AA64.set(words, 1);
    cd::R.set(words, 1);
    cd::A.set(words, 1);
    cd::ASET.set(words, 1);
    cd::ASID.set(words, 0x12);
    cd::TTB0.set_address(words, 0x82000000);
    CHECK(words[0] == 0x0012E205C0003510);
    CHECK(words[1] == 0x0000000082000000);
}

TEST_CASE("smmuv3 layout: page, table and block descriptors", "[iommu][smmuv3][vector]") {
    using namespace pte;
    const std::uint64_t page = 0x456789000 | TYPE.of(TYPE_PAGE) | AttrIndx.of(1) | AP1.of(1) | SH.of(3) | AF.of(1) |
                               nG.of(1) | PXN.of(1) | UXN.of(1);
    CHECK(page == 0x0060000456789F47);
    CHECK(AP2.set(page, 1) == 0x0060000456789FC7);
    CHECK((0x83000000 | TYPE.of(TYPE_TABLE)) == 0x0000000083000003);
    CHECK((0x400000000 | TYPE.of(TYPE_BLOCK) | AttrIndx.of(1) | AP1.of(1) | SH.of(3) | AF.of(1) | nG.of(1)) ==
          0x0000000400000F45);
    CHECK((0x456789000 | TYPE.of(TYPE_PAGE) | MemAttr.of(0xF) | S2AP.of(3) | SH.of(3) | AF.of(1)) ==
          0x00000004567897FF);
}

TEST_CASE("smmuv3 layout: stream table and queue registers", "[iommu][smmuv3][vector]") {
    using namespace strtab_base_cfg;
    CHECK((LOG2SIZE.of(16) | SPLIT.of(8) | FMT.of(FMT_2LVL)) == 0x10210);
    CHECK((l1std::SPAN.of(9) | keep(0x80100000, 51, 6)) == 0x0000000080100009);
    CHECK((queue_base::RA.of(1) | queue_base::LOG2SIZE.of(8) | keep(0x80040000, 51, 5)) == 0x4000000080040008);
}

TEST_CASE("smmuv3 layout: commands as the architecture encodes them", "[iommu][smmuv3][vector]") {
    const auto is = [](const CommandWords& words, std::uint64_t dw0, std::uint64_t dw1) {
        CHECK(words[0] == dw0);
        CHECK(words[1] == dw1);
    };
    is(command::cfgi_ste(StreamId{0x1234}, true), 0x0000123400000003, 0x1);
    is(command::cfgi_all(), 0x4, 0x1F);
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 7, 0x12, 0x10000000, true), 0x0012000700000012, 0x0000000010000001);
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x10000000, true, {31, 0, 3, 1}), 0x001200000001F012,
       0x0000000010000701);
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x10000000, false, {2, 5, 0, 1}), 0x0012000000502012,
       0x0000000010000400);
    is(command::sync_msi(0x80040010, 0), 0x000000000FC01046, 0x0000000080040010);
    is(command::resume(StreamId{0x10}, 5, command::Resume::retry), 0x0000001000001044, 0x5);
    is(command::resume(StreamId{0x20}, 0x1234, command::Resume::retry), 0x0000002000001044, 0x1234);
    is(command::resume(StreamId{0x20}, 0x1234, command::Resume::abort), 0x0000002000002044, 0x1234);
    is(command::stall_term(StreamId{0x20}), 0x0000002000000045, 0);
    is(command::atc_inv(StreamId{0x10}, std::nullopt, 0, 52), 0x0000001000000040, 0x34);
    is(command::pri_resp(StreamId{0x10}, SubstreamId{3}, 5, cmd::RESP_SUCCESS), 0x0000001000003841, 0x2005);
    is(command::sync(cmd::CS_SEV), 0x0000000000002046, 0);
    // As Linux sends 33 pages: one, then 32; and non-leaf as 34.
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x10000000, true, {0, 0, 3, 1}), 0x0012000000000012,
       0x0000000010000701);
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x10001000, true, {0, 5, 3, 1}), 0x0012000000500012,
       0x0000000010001701);
    is(command::tlbi_address(Opcode::TLBI_NH_VA, 0, 0x12, 0x10000000, false, {16, 1, 0, 1}), 0x0012000000110012,
       0x0000000010000400);
}

TEST_CASE("smmuv3 layout: a request for a range of the ATC covers the smallest aligned power of two",
          "[iommu][smmuv3][vector]") {
    // Pages 7..10 differ in bit 3 (7 ^ 10 = 0xD): 16 pages from 0.
    const CommandWords words = command::atc_inv(StreamId{0x10}, std::nullopt, 0, 4);
    CHECK(words[0] == 0x0000001000000040);
    CHECK(words[1] == 0x4);
}

TEST_CASE("smmuv3 layout: event records", "[iommu][smmuv3][vector]") {
    EventWords words{};
    event::TYPE.set(words, static_cast<std::uint64_t>(EventCode::F_TRANSLATION));
    event::SID.set(words, 0x10);
    event::SSV.set(words, 1);
    event::SSID.set(words, 3);
    event::RnW.set(words, 1);
    event::CLASS.set(words, event::CLASS_IN);
    event::InputAddr.set(words, 0xDEADB000);
    CHECK(words == EventWords{0x0000001000003810, 0x0000020800000000, 0xDEADB000, 0});

    EventWords second{};
    event::TYPE.set(second, static_cast<std::uint64_t>(EventCode::F_PERMISSION));
    event::SID.set(second, 0x10);
    event::S2.set(second, 1);
    event::CLASS.set(second, event::CLASS_IN);
    event::InputAddr.set(second, 0x1000);
    event::IPA.set_address(second, 0x40001000);
    CHECK(second == EventWords{0x0000001000000013, 0x0000028000000000, 0x1000, 0x40001000});
}

TEST_CASE("smmuv3 layout: start level and root size by T0SZ", "[iommu][smmuv3][vector]") {
    struct Row {
        Granule granule;
        unsigned tsz, level;
        std::uint64_t bytes;
    };
    const Row rows[] = {{Granule::k4, 16, 0, 4096}, {Granule::k4, 24, 0, 16},     {Granule::k4, 25, 1, 4096},
                        {Granule::k4, 39, 2, 128},  {Granule::k16, 16, 0, 16},    {Granule::k16, 17, 1, 16384},
                        {Granule::k64, 16, 1, 512}, {Granule::k64, 22, 2, 65536}, {Granule::k64, 12, 1, 8192}};
    for (const Row& row : rows) {
        CAPTURE(row.tsz, page_bits(row.granule));
        CHECK(start_level(row.granule, 64 - row.tsz) == row.level);
        CHECK(root_entries(row.granule, 64 - row.tsz, row.level) * kDescriptorBytes == row.bytes);
    }
}

TEST_CASE("smmuv3 layout: the 52-bit output address of a 64K page", "[iommu][smmuv3][vector]") {
    CHECK(descriptor_address(0x000080000001FF47, 16, true) == 0x000F800000010000);
    CHECK(descriptor_address(0x000080000001FF47, 16, false) == 0x0000800000010000);
}
