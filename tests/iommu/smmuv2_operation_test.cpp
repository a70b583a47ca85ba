// Address translation operations: ATS1* of a bank and sGATS*, and what PAR says.
#include <catch2/catch.hpp>

#include "tests/iommu/smmuv2_bench.hpp"

using namespace xlate;
using namespace xlate::tests::v2;

namespace {

struct Ready : Bench {
    explicit Ready(const Features& features = small_features()) : Bench(features) {
        enable();
        stage1(1);
        map(kRoot, 0x5000, 0x456789000 | kPage);
        map(kRoot, 0x6000, 0x456789000 | (kPage & ~0x40ULL) | 0x80);  // privileged, read only
    }
    std::uint64_t operate(unsigned n, std::uint32_t offset, std::uint64_t operand, unsigned size = 8) {
        write_bank(n, offset, operand, size);
        CHECK(read_bank(n, cb::ATSR) == 0);
        return read_bank(n, cb::PAR, 8);
    }
};

}  // namespace

TEST_CASE("smmuv2 operations: a translation, busy until it is done", "[iommu][smmuv2]") {
    Ready bench;
    bench.smmu.write_register(bench.bank(1, cb::ATS1PR), 8, 0x5000);
    CHECK(bench.read_bank(1, cb::ATSR) == 1);
    CHECK(bench.smmu.operation_pending());
    bench.settle();
    CHECK(bench.read_bank(1, cb::ATSR) == 0);
    const std::uint64_t par = bench.read_bank(1, cb::PAR, 8);
    CHECK((par & 1) == 0);
    CHECK(par::address(par) == 0x456789000);
    CHECK(par::ATTR.get(par) == 0x0C);  // attribute 1 of MAIR
    CHECK(bench.smmu.counters.translations == 0);
    CHECK(bench.smmu.tlb.counters().fills == 0);
}

TEST_CASE("smmuv2 operations: privileged or not, read or write", "[iommu][smmuv2]") {
    Ready bench;
    CHECK((bench.operate(1, cb::ATS1PR, 0x6000) & 1) == 0);
    CHECK((bench.operate(1, cb::ATS1PW, 0x6000) & 0xFFF) == (1 | 1U << 3));  // PF
    CHECK((bench.operate(1, cb::ATS1UR, 0x6000) & 0xFFF) == (1 | 1U << 3));
    CHECK((bench.operate(1, cb::ATS1UW, 0x6000) & 1) == 1);
    CHECK((bench.operate(1, cb::ATS1UW, 0x5000) & 1) == 0);
    const std::uint64_t missing = bench.operate(1, cb::ATS1PR, 0x7000);
    CHECK((missing & 0xFFF) == (1 | 1U << 1));  // TF
    CHECK(par::PLVL.get(missing) == 3);
    CHECK_FALSE(par::STAGE.test(missing));
    // They leave no fault behind.
    CHECK(bench.fsr(1) == 0);
    CHECK(bench.wires.empty());
}

TEST_CASE("smmuv2 operations: a bank that is off gives the address itself", "[iommu][smmuv2]") {
    Ready bench;
    bench.write_bank(1, cb::SCTLR, 0);
    CHECK(par::address(bench.operate(1, cb::ATS1PR, 0x123456000)) == 0x123456000);
}

TEST_CASE("smmuv2 operations: stage 1 of a nested context gives an IPA, both stages by sGATS12", "[iommu][smmuv2]") {
    Bench bench;
    bench.enable();
    constexpr std::uint64_t kRoot2 = 0x90000000;
    bench.stage2(5, kRoot2);
    bench.stage1(1, 0x40000000);
    bench.write(bench.gr1(gr1::CBAR(1)), 0x00030500);
    for (std::uint64_t page = 0; page < 8; ++page) {
        bench.map(kRoot2, 0x40000000 + page * 0x1000, (0x40000000 + page * 0x1000) | kPage2, 3, 1);
    }
    bench.next_table = 0x40001000;
    bench.map(0x40000000, 0x5000, 0x77000 | kPage);
    bench.map(0x40000000, 0x6000, 0x78000 | kPage);
    bench.next_table = 0x91000000;
    bench.map(kRoot2, 0x77000, 0x456789000 | kPage2, 3, 1);
    bench.write_bank(1, cb::ATS1PR, 0x5000, 8);
    CHECK(par::address(bench.read_bank(1, cb::PAR, 8)) == 0x77000);
    bench.write(gr0::sGATS1UR, 0x5000 | 1, 8);
    CHECK(par::address(bench.read(gr0::sGPAR, 8)) == 0x77000);
    bench.write(gr0::sGATS12UW, 0x5000 | 1, 8);
    CHECK(par::address(bench.read(gr0::sGPAR, 8)) == 0x456789000);
    CHECK(bench.read(gr0::sGATSR) == 0);
    bench.write(gr0::sGATS12PR, 0x6000 | 1, 8);
    const std::uint64_t fault = bench.read(gr0::sGPAR, 8);
    CHECK((fault & 0xFFF) == (1 | 1U << 1));
    CHECK(par::STAGE.test(fault));
    // Stage 1 of a stage 2 bank, and of one that is not there.
    bench.write_bank(5, cb::ATS1PR, 0x5000, 8);
    CHECK((bench.read_bank(5, cb::PAR, 8) & 1) == 1);
    bench.write(gr0::sGATS12UR, 0x5000 | 9, 8);
    CHECK((bench.read(gr0::sGPAR, 8) & 0x101) == 0x101);
}

TEST_CASE("smmuv2 operations: several in a row", "[iommu][smmuv2]") {
    Ready bench;
    bench.stage1(2, Bench::kRoot, 0x1067, 0x13);
    bench.smmu.write_register(bench.bank(2, cb::ATS1PR), 8, 0x7000);
    bench.smmu.write_register(gr0::sGATS1UR, 8, 0x5000 | 1);
    bench.smmu.write_register(bench.bank(1, cb::ATS1PR), 8, 0x5000);
    bench.settle();
    CHECK((bench.read_bank(2, cb::PAR, 8) & 1) == 1);
    CHECK(par::address(bench.read(gr0::sGPAR, 8)) == 0x456789000);
    CHECK(par::address(bench.read_bank(1, cb::PAR, 8)) == 0x456789000);
}

TEST_CASE("smmuv2 operations: short descriptors give a 32-bit PAR", "[iommu][smmuv2]") {
    Ready bench;
    bench.write(bench.gr1(gr1::CBAR(3)), 0x0001F300);
    bench.write_bank(3, cb::TTBR0, 0x84000000, 8);
    bench.write_bank(3, cb::SCTLR, 0x61);
    bench.memory.store(0x84000000 + 4 * 0x123, 0x45600C02, 4);
    CHECK((bench.operate(3, cb::ATS1PR, 0x12345000, 4) & ~0xFFFULL) == 0x45645000);
    bench.memory.store(0x84000000 + 4 * 0x123, 0x45640C02, 4);  // supersection at 0x6_45000000
    CHECK((bench.operate(3, cb::ATS1PR, 0x12345000, 4) & ~0x7FDULL) == 0x45060002);
}

TEST_CASE("smmuv2 operations: hardware without them ignores them", "[iommu][smmuv2]") {
    Features f = small_features();
    f.atosns = 1;
    Ready bench(f);
    bench.write_bank(1, cb::ATS1PR, 0x5000, 8);
    CHECK(bench.read_bank(1, cb::PAR, 8) == 0);
    CHECK(bench.read_bank(1, cb::ATSR) == 0);
    bench.write(gr0::sGATS1UR, 0x5001, 8);
    CHECK(bench.read(gr0::sGATSR) == 0);
    CHECK_FALSE(bench.smmu.operation_pending());
}
