// The words of docs/spec/iommu-hardware.md section 17, and the shape of the register space.
#include <catch2/catch.hpp>

#include "iommu/smmuv2/layout.hpp"

using namespace xlate;
using namespace xlate::iommu;
using namespace xlate::iommu::smmuv2;

TEST_CASE("smmuv2 layout: worked vectors", "[iommu][smmuv2]") {
    CHECK((smr::VALID.of(1) | smr::MASK.of(0xF) | smr::ID.of(0x10)) == 0x800F0010);
    CHECK((s2cr::TYPE.of(s2cr::TYPE_TRANS) | s2cr::CBNDX.of(3)) == 0x00000003);
    CHECK((tcr::T0SZ.of(16) | tcr::IRGN0.of(tcr::RGN_WBWA) | tcr::ORGN0.of(tcr::RGN_WBWA) | tcr::SH0.of(tcr::SH_IS) |
           tcr::EPD1.of(1)) == 0x00803510);
    CHECK((tcr2::PASize.of(address_code(48)) | tcr2::AS.of(1) | tcr2::SEP.of(tcr2::SEP_UPSTREAM)) == 0x00038015);
    CHECK((ttbr::ASID.of(0x12) | 0x82000000) == 0x0012000082000000);
    CHECK((cbar::TYPE.of(cbar::TYPE_S1_TRANS_S2_BYPASS) | cbar::S1_MEMATTR.of(cbar::S1_MEMATTR_WB) |
           cbar::S1_BPSHCFG.of(cbar::S1_BPSHCFG_NSH)) == 0x0001F300);
    CHECK((tcr::PS.of(address_code(40)) | tcr::SL0.of(1) | tcr::T0SZ.of(24) | tcr::IRGN0.of(1) | tcr::ORGN0.of(1) |
           tcr::SH0.of(tcr::SH_IS)) == 0x00023558);
    CHECK((cbar::TYPE.of(cbar::TYPE_S1_TRANS_S2_TRANS) | cbar::CBNDX.of(5)) == 0x00030500);
    CHECK((fsr::TF.of(1) | fsr::FORMAT.of(fsr::FORMAT_AARCH64)) == 0x00000402);
    CHECK((fsynr0::PLVL.of(3) | fsynr0::WNR.of(1)) == 0x00000013);
    CHECK((tlbiva::ASID.of(0x12) | tlbiva::VA.of(0x10000000 >> 12)) == 0x0012000000010000);
    CHECK((tlbiva::A32_VA.of(0x10000000 >> 12) | tlbiva::A32_ASID.of(0x12)) == 0x10000012);
    CHECK(tlbiva::IPA.of(0x40001000 >> 12) == 0x40001);
    CHECK((gfsr::MULTI.of(1) | gfsr::USF.of(1)) == 0x80000002);
    CHECK((sctlr::M.of(1) | sctlr::TRE.of(1) | sctlr::AFE.of(1) | sctlr::CFRE.of(1) | sctlr::CFIE.of(1) |
           sctlr::ASIDPNE.of(1)) == 0x1067);
}

TEST_CASE("smmuv2 layout: global pages, then as many context banks", "[iommu][smmuv2]") {
    const SpaceLayout small = SpaceLayout::of(idr1::NUMPAGENDXB.of(3));
    CHECK(small.gr1() == 0x1000);
    CHECK(small.bank(0) == 0x10000);
    CHECK(small.bank(2) == 0x12000);
    CHECK(small.bytes() == 0x20000);
    const SpaceLayout large = SpaceLayout::of(idr1::NUMPAGENDXB.of(2) | idr1::PAGESIZE.of(1));
    CHECK(large.gr1() == 0x10000);
    CHECK(large.bank(1) == 0x90000);
    CHECK(large.bytes() == 0x100000);
}

TEST_CASE("tables layout: rows of the three VMSA formats", "[iommu][tables]") {
    CHECK(vmsa8_64::format(vmsa8_64::Granule::k4).leaf_sizes() == 0x40201000);
    CHECK(vmsa8_64::format(vmsa8_64::Granule::k16).leaf_sizes() == 0x2004000);
    CHECK(vmsa8_64::format(vmsa8_64::Granule::k64).leaf_sizes() == 0x20010000);
    CHECK(vmsa7_long::kFormat.leaf_sizes() == 0x40201000);
    CHECK(vmsa7_short::kFormat.leaf_sizes() == 0x101000);
    CHECK(vmsa8_64::format(vmsa8_64::Granule::k16).levels[0].index_bits == 1);
    CHECK(vmsa8_64::format(vmsa8_64::Granule::k64).levels[1].index_bits == 6);
    // T0SZ of stage 2 is a signed number of four bits.
    CHECK(vmsa7_long::stage2_input_bits(0) == 32);
    CHECK(vmsa7_long::stage2_input_bits(7) == 25);
    CHECK(vmsa7_long::stage2_input_bits(8) == 40);
    CHECK(vmsa7_long::stage2_start_level(1) == 1);
    CHECK(vmsa8_64::stage2_start_level(vmsa8_64::Granule::k4, 2) == 0);
    CHECK(vmsa8_64::stage2_start_level(vmsa8_64::Granule::k64, 2) == 1);
    CHECK(vmsa7_short::l1::supersection_address(0x12340002 | (3U << 5)) == 0x3312000000ULL);
}
