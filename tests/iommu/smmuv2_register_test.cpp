// Every register of the tables: what it reads after reset, what a write may change, and what is not there.
#include <catch2/catch.hpp>

#include <map>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

std::uint64_t ones(unsigned size) { return low_mask(8 * size); }

/// Bits that a written register keeps, where these are not all of them.
std::uint64_t kept_global(std::uint32_t offset, std::uint64_t all) {
    switch (offset) {
        case gr0::sCR0:
            return 0xBFFFFFFF;  // bit 30 is reserved
        case gr0::sCR2:
            return 0xFF;
        case gr0::sGFAR:
            return low_mask(49);
        case gr0::sGFSYNR0:
            return 0x7F;
        case gr0::SCR1:
            return 0;  // secure only
        default:
            return all;
    }
}
std::uint64_t kept_bank(std::uint32_t offset, std::uint64_t all) { return offset == cb::SCTLR ? 0x3FFFFFFF : all; }

}  // namespace

TEST_CASE("smmuv2 registers: each global one keeps what its row says", "[iommu][smmuv2]") {
    for (const RegSpec& row : kGlobalRegisters) {
        CAPTURE(std::string(row.name));
        Bench bench;
        const std::uint64_t before = bench.read(row.offset, row.size);
        const bool id = row.offset >= gr0::IDR0 && row.offset <= gr0::IDR7;
        if (!id) CHECK(before == (row.access == Access::wo ? 0 : row.reset));
        bench.write(row.offset, ones(row.size), row.size);
        const std::uint64_t after = bench.read(row.offset, row.size);
        switch (row.access) {
            case Access::ro:
            case Access::w1c:
                CHECK(after == before);
                break;
            case Access::wo:
                CHECK(after == 0);
                break;
            case Access::rw:
                CHECK(after == kept_global(row.offset, ones(row.size)));
                bench.write(row.offset, 0, row.size);
                CHECK(bench.read(row.offset, row.size) == 0);
                break;
        }
    }
}

TEST_CASE("smmuv2 registers: each one of a context bank keeps what its row says, in every bank", "[iommu][smmuv2]") {
    for (const unsigned n : {0U, 3U, 7U}) {
        for (const RegSpec& row : kBankRegisters) {
            CAPTURE(n, std::string(row.name));
            Bench bench;
            CHECK(bench.read_bank(n, row.offset, row.size) == (row.access == Access::wo ? 0 : row.reset));
            bench.write_bank(n, row.offset, ones(row.size), row.size);
            const std::uint64_t after = bench.read_bank(n, row.offset, row.size);
            if (row.access == Access::rw) CHECK(after == kept_bank(row.offset, ones(row.size)));
            if (row.access != Access::rw) CHECK(after == 0);
            // No other bank has changed, but by an operation or FSRRESTORE of this one.
            CHECK(bench.read_bank(n == 7 ? 6 : n + 1, row.offset, row.size) ==
                  (row.access == Access::wo ? 0 : row.reset));
            if (row.size != 8 || row.access != Access::rw) continue;
            bench.write_bank(n, row.offset, 0x12345678);
            bench.write_bank(n, row.offset + 4, 0x9ABCDEF0);
            CHECK(bench.read_bank(n, row.offset, 8) == 0x9ABCDEF012345678ULL);
            CHECK(bench.read_bank(n, row.offset + 4) == 0x9ABCDEF0);
        }
    }
}

TEST_CASE("smmuv2 registers: what is between registers, behind the banks or of a wrong size is not there",
          "[iommu][smmuv2]") {
    Bench bench;
    const std::uint64_t ids = 0xFD0;
    for (std::uint64_t offset = 0; offset < bench.smmu.register_bytes(); offset += 4) {
        const std::uint64_t page = offset / 0x1000;
        const auto within = static_cast<std::uint32_t>(offset % 0x1000);
        bool there = false;
        if (page == 0) {
            there = find_register(kGlobalRegisters, within) != nullptr ||
                    (within >= 0x800 && within < 0x800 + 4 * 16) || (within >= 0xC00 && within < 0xC00 + 4 * 16) ||
                    within >= ids;
        } else if (page == 1) {
            there = (within & 0x3FF) < 4 * 8 && within < 0xC00;
        } else if (page >= 16 && page < 16 + 8) {
            there = find_register(kBankRegisters, within) != nullptr;
        }
        if (there) continue;
        CAPTURE(offset);
        const std::uint64_t before = bench.smmu.registers.ignored_writes;
        bench.write(offset, 0xFFFFFFFF);
        const bool silent = bench.read(offset) == 0 && bench.smmu.registers.ignored_writes == before + 1;
        if (!silent) CHECK(silent);
    }
    CHECK(bench.read(gr0::IDR0 + 1, 4) == 0);
    CHECK(bench.read(gr0::SMR(0), 8) == 0);
    bench.write_bank(0, cb::SCTLR, ones(8), 8);
    CHECK(bench.read_bank(0, cb::SCTLR) == 0);
}

TEST_CASE("smmuv2 registers: peripheral and component identification", "[iommu][smmuv2]") {
    for (const bool large : {false, true}) {
        Features f = small_features();
        f.pagesize = large ? 1 : 0;
        const Bench bench(f);
        const std::uint64_t end = large ? 0x10000 : 0x1000;
        for (const RegSpec& row : kPeripheralIds) {
            CAPTURE(large, std::string(row.name));
            CHECK(bench.read(end - 0x1000 + row.offset) == row.reset);
        }
        CHECK((bench.read(end - 0x10) | bench.read(end - 0xC) << 8 | bench.read(end - 8) << 16 |
               bench.read(end - 4) << 24) == 0xB105F00D);
    }
}

TEST_CASE("smmuv2 registers: ID registers are the features", "[iommu][smmuv2]") {
    const Bench bench(mmu500_like());
    // NUMSMRG 128, 15 bits of id, coherent walks, no ATOS, SMS NTS S2TS S1TS.
    CHECK(bench.read(gr0::IDR0) == 0x7C805E80);
    CHECK(bench.read(gr0::IDR1) == 0x70000080);
    CHECK(bench.read(gr0::IDR2) == 0xD555);
    CHECK(bench.read(gr0::IDR7) == 0x21);
    const Bench v1(mmu401_like());
    CHECK(idr1::NUMCB.get(v1.read(gr0::IDR1)) == 8);
    CHECK(v1.read(gr0::IDR2) == 0x22);
    CHECK(v1.read(gr0::IDR7) == 0);
}

TEST_CASE("smmuv2 registers: every preset is one, and a wrong name says which there are", "[iommu][smmuv2]") {
    for (const char* name :
         {"full", "smmu-v1", "smmu-v2", "mmu-400-like", "mmu-401-like", "mmu-500-like", "qcom-smmu-500-like",
          "qcom-smmu-v2-like", "nvidia-smmu-500-like", "marvell-smmu-500-like", "cavium-smmu-v2-like"}) {
        CAPTURE(name);
        const Features f = features_by_name(name);
        CHECK(f.numcb <= f.space().pages);
        CHECK(f.nums2cb <= f.numcb);
        CHECK((f.s1ts | f.s2ts) == 1);
        const Bench bench(f);
        CHECK(bench.smmu.register_bytes() == f.space().bytes());
    }
    CHECK_THROWS_WITH(features_by_name("mmu-50"), Catch::Contains("mmu-500-like"));
}

TEST_CASE("smmuv2 registers: the space fits what firmware gives", "[iommu][smmuv2]") {
    for (const std::uint64_t bytes : {0x4000ULL, 0x10000ULL, 0x20000ULL, 0x100000ULL, 0x200000ULL, 0x800000ULL}) {
        CAPTURE(bytes);
        Features f = mmu500_like();
        fit_space(f, bytes);
        CHECK(f.space().bytes() == bytes);
        CHECK(f.numcb <= f.space().pages);
    }
    Features f = mmu500_like();
    CHECK_THROWS_WITH(fit_space(f, 0x3000), Catch::Contains("12288"));
    CHECK_THROWS_WITH(fit_space(f, 0x1000), Catch::Contains("4096"));
}

TEST_CASE("smmuv2 registers: banks fit the interrupts that firmware gives", "[iommu][smmuv2]") {
    Features f = mmu500_like();
    fit_interrupts(f, 0);
    CHECK(f.numcb == 128);
    fit_interrupts(f, 24);
    CHECK(f.numcb == 24);
    CHECK(f.numirpt == 24);
    fit_interrupts(f, 64);
    CHECK(f.numcb == 24);
    Features v1 = features_by_name("smmu-v1");
    fit_interrupts(v1, 2);  // banks share them
    CHECK(v1.numcb == 8);
    CHECK(v1.numirpt == 2);
}

TEST_CASE("smmuv2 registers: SMR has no bits beyond the stream id, as a driver probes it", "[iommu][smmuv2]") {
    for (const unsigned bits : {7U, 8U, 15U}) {
        Features f = small_features();
        f.numsidb = static_cast<std::uint8_t>(bits);
        Bench bench(f);
        bench.write(gr0::SMR(0), low_mask(bits));
        CHECK(bench.read(gr0::SMR(0)) == low_mask(bits));
        bench.write(gr0::SMR(0), low_mask(bits) << 16);
        CHECK(bench.read(gr0::SMR(0)) == low_mask(bits) << 16);
        bench.write(gr0::SMR(0), 0xFFFFFFFF);
        CHECK(bench.read(gr0::SMR(0)) == (0x80000000U | low_mask(bits) << 16 | low_mask(bits)));
        // 16 bits of each with extended ids, and VALID elsewhere.
        bench.enable(0x8);
        bench.write(gr0::SMR(1), 0xFFFFFFFF);
        CHECK(bench.read(gr0::SMR(1)) == 0xFFFFFFFF);
        bench.write(gr0::S2CR(1), 0x400);
        CHECK(bench.read(gr0::S2CR(1)) == 0x400);
    }
    Features f = small_features();
    f.exids = 0;
    Bench bench(f);
    bench.write(gr0::S2CR(0), 0xFFFFFFFF);
    CHECK(bench.read(gr0::S2CR(0)) == 0x3FFFFBFF);
    bench.write(gr0::sCR0, 0xFFFFFFFF);
    CHECK((bench.read(gr0::sCR0) & 8) == 0);
}

TEST_CASE("smmuv2 registers: banks for stage 2 alone have no type, v2 names no interrupt in CBAR", "[iommu][smmuv2]") {
    Features f = small_features();
    f.nums2cb = 2;
    Bench bench(f);
    for (unsigned n = 0; n < 8; ++n) {
        bench.write(bench.gr1(gr1::CBAR(n)), 0xFFFFFFFF);
        CHECK(bench.read(bench.gr1(gr1::CBAR(n))) == (n < 2 ? 0x00FCFFFF : 0x00FFFFFF));
    }
}

TEST_CASE("smmuv2 registers: SMMUv1 has no CBA2R and no TCR2, and names an interrupt in CBAR", "[iommu][smmuv2]") {
    Bench bench(features_by_name("smmu-v1"));
    bench.write(bench.gr1(gr1::CBA2R(0)), 0xFFFFFFFF);
    CHECK(bench.read(bench.gr1(gr1::CBA2R(0))) == 0);
    bench.write_bank(0, cb::TCR2, 0xFFFFFFFF);
    CHECK(bench.read_bank(0, cb::TCR2) == 0);
    bench.write(bench.gr1(gr1::CBAR(0)), 0x0101F300);
    CHECK(bench.read(bench.gr1(gr1::CBAR(0))) == 0x0101F300);
    bench.write(gr0::sCR0, 0xFFFFFFFF);
    CHECK((bench.read(gr0::sCR0) >> 31) == 0);
}

TEST_CASE("smmuv2 registers: VA64 is there if an AArch64 granule is, VMID16 if ID2 says so", "[iommu][smmuv2]") {
    Features f = small_features();
    Bench all(f);
    all.write(all.gr1(gr1::CBA2R(0)), 0xFFFFFFFF);
    CHECK(all.read(all.gr1(gr1::CBA2R(0))) == 0xFFFF0001);
    f.ptfs_4k = f.ptfs_16k = f.ptfs_64k = f.vmid16s = 0;
    Bench none(f);
    none.write(none.gr1(gr1::CBA2R(0)), 0xFFFFFFFF);
    CHECK(none.read(none.gr1(gr1::CBA2R(0))) == 0);
    none.write(gr0::sCR0, 0xFFFFFFFF);
    CHECK((none.read(gr0::sCR0) >> 31) == 0);
}

TEST_CASE("smmuv2 registers: with secure access the non-secure ones are at 0x400", "[iommu][smmuv2]") {
    SmmuParams p = Bench::params(small_features());
    p.secure_access = true;
    Bench bench(p);
    bench.write(gr0::sCR0, 0x1234);
    CHECK(bench.read(gr0::sCR0) == 0x1234);
    CHECK(bench.read(gr0::sCR0 + 0x400) == 1);  // still bypassing
    bench.write(gr0::sCR0 + 0x400, 0x1C36);
    CHECK(bench.smmu.registers.cr0 == 0x1C36);
    // A fault shows in the non-secure registers.
    bench.step(Bench::read_of(0x1000));
    CHECK(bench.read(gr0::sGFSR + 0x400) == 2);
    CHECK(bench.read(gr0::sGFSR) == 0);
    CHECK(bench.read(gr0::sGFSYNR1 + 0x400) == 0x10);
    CHECK(bench.read(gr0::IDR0) != 0);
    bench.write(gr0::sTLBGSYNC, 0xFFFFFFFF);
    CHECK(bench.smmu.counters.syncs == 1);
    // Without it the aliases are not there.
    Bench plain;
    plain.write(gr0::sCR0 + 0x400, 0x1C36);
    CHECK(plain.read(gr0::sCR0 + 0x400) == 0);
}

TEST_CASE("smmuv2 registers: a hypervisor may rewrite S2CR", "[iommu][smmuv2]") {
    SmmuParams p = Bench::params(small_features());
    p.firmware_rewrites_s2cr = true;
    Bench bench(p);
    // What the driver tries on the last group: bypass comes back as fault.
    bench.write(gr0::S2CR(15), 0x100FF);
    CHECK(bench.read(gr0::S2CR(15)) == 0x200FF);
    bench.write(gr0::S2CR(14), 0x20000);
    CHECK(bench.read(gr0::S2CR(14)) == 0);
    bench.write(gr0::S2CR(14), 7);
    CHECK(bench.read(gr0::S2CR(14)) == 7);
}

TEST_CASE("smmuv2 registers: mappings of a boot loader are there at reset", "[iommu][smmuv2]") {
    SmmuParams p = Bench::params(small_features());
    p.inherited = {{2, 0x80070100, 0x000100FF}};
    p.reset_cr0 = 0x400;
    Bench bench(p);
    CHECK(bench.read(gr0::SMR(2)) == 0x80070100);
    CHECK(bench.read(gr0::S2CR(2)) == 0x000100FF);
    CHECK(bench.step(Bench::read_of(0x12345678, StreamId{0x103})).kind == StepKind::done);
    CHECK(bench.step(Bench::read_of(0x12345678, StreamId{0x108})).kind == StepKind::fault);
    bench.write(gr0::SMR(2), 0);
    bench.smmu.reset();
    CHECK(bench.read(gr0::SMR(2)) == 0x80070100);
}
