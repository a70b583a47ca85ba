// A family that neither soc/ nor study/ has heard of, through the timed shell: the data sheet says what there is.
#include <catch2/catch.hpp>

#include "soc/soc.hpp"
#include "tests/iommu/toy.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using namespace xlate::tests;

namespace {

constexpr std::uint64_t kTable = SmmuBench::kMemory, kPages = 16;

/// Firmware's family of that compatible has no engine of ours: the toy stands in for it.
struct ToyBench {
    firmware::Description board = SmmuBench::board({"dma"});
    soc::SocConfig config;

    ToyBench() {
        board.nodes[1].compatible = {"sprd,iommu-v1"};
        board.nodes[1].regs[0].size = 0x1000;
        config.cpu.count = 1;
        config.masters = {SmmuBench::master("dma", 2)};
        config.masters[0].traffic.size_bytes = 64;
        config.masters[0].traffic.transfers = 256;
        config.masters[0].traffic.outstanding = 4;
        config.engines["sprd"] = [](const iommu::InstanceParams& params) {
            CHECK(params.facts.compatible == "sprd,iommu-v1");
            CHECK(params.facts.register_bytes == std::vector<std::uint64_t>{0x1000});
            return std::make_unique<toy::Toy>();
        };
    }
    static void fill(soc::Soc& soc, std::uint64_t pages) {
        for (std::uint64_t i = 0; i < pages; ++i) {
            SmmuBench::store(soc, kTable + i * 8, (SmmuBench::kPages + i * 4096) | 1);
        }
        SmmuBench::set(soc, toy::kTable, kTable, 8);
    }
};

}  // namespace

TEST_CASE("soc: a family from outside translates through the timed shell", "[soc][toy]") {
    ToyBench bench;
    soc::Soc soc{bench.board, bench.config};
    CHECK(soc.warnings().empty());
    ToyBench::fill(soc, kPages);
    soc.start_master("dma", Iova{0}, kPages * 4096);
    CHECK(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    const soc::IommuStats& iommu = stats.iommus.at(0);
    CHECK(iommu.arch == "toy");
    CHECK(stats.masters.at(0).reads == 256);
    CHECK(stats.masters.at(0).faults == 0);
    CHECK(iommu.translations == 256);
    CHECK(iommu.walks >= 4);  // 256 reads of 64 bytes are four pages, each walked once
    CHECK(iommu.walks == iommu.counter("walks"));
    CHECK(iommu.micro_tlb.hits + iommu.main_tlb.hits > 200);
    CHECK(stats.transactions_lost == 0);
}

TEST_CASE("soc: faults of a family from outside have its name for them", "[soc][toy]") {
    ToyBench bench;
    soc::Soc soc{bench.board, bench.config};
    ToyBench::fill(soc, 1);
    soc.start_master("dma", Iova{4096}, 4096);
    soc.run();
    const soc::SocStats stats = soc.stats();
    CHECK(stats.masters.at(0).faults == 256);
    REQUIRE(!stats.faults.empty());
    CHECK(stats.faults[0].reason == "NO_PAGE");
    CHECK(stats.faults[0].iommu == "9050000.smmuv3");
}

// The page is in the port's TLB when it is dropped; the busy bit falls when the port has answered and what was under
// way is back: link 10, apply 4, link 10.
TEST_CASE("soc: a register-driven invalidation is busy until the ports have dropped it", "[soc][toy]") {
    ToyBench bench;
    bench.config.masters[0].traffic.transfers = 1;
    soc::Soc soc{bench.board, bench.config};
    ToyBench::fill(soc, 1);
    SmmuBench::set(soc, toy::kDrop, 0);
    CHECK(soc.peek_register(PhysAddr{SmmuBench::kRegisters + toy::kStatus}, 4) == 1);
    soc.run();
    CHECK(soc.peek_register(PhysAddr{SmmuBench::kRegisters + toy::kStatus}, 4) == 0);
    CHECK(soc.stats().iommus.at(0).syncs == 1);
    CHECK(soc.stats().iommus.at(0).sync.sum_fs() == ns(24).fs);
}
