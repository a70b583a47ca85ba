#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/iommu-core/variant.hpp"
#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;
namespace smmu = tests::smmu;

namespace {

/// gem5's times: memory and back 33 ns.
soc::SocConfig config(std::uint64_t transfers, std::uint32_t ahead, SimTime interval = ns(300)) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.iommu = *soc::iommu_preset("gem5-default");
    config.iommu.tbu.prefetch = ahead;
    soc::MasterConfig master = SmmuBench::master("dma", 2);
    master.traffic.pattern = soc::Pattern::strided;
    master.traffic.transfers = transfers;
    master.traffic.outstanding = 1;
    master.traffic.interval = interval;
    config.masters.push_back(master);
    return config;
}

}  // namespace

// Reads of one page after the other, with time between them. Ahead: each finds its page in the main TLB, 1 micro-TLB +
// 3 main TLB + 1 port + 33 memory + 1 port before = 39; else a link and a walk of the last level come in between.
TEST_CASE("soc: a stride finds its pages fetched ahead", "[soc][smmuv3][prefetch]") {
    const auto measure = [](std::uint32_t ahead) {
        return json::parse(tests::in_child([ahead] {
            const firmware::Description board = SmmuBench::board({"dma"});
            soc::Soc soc{board, config(32, ahead)};
            SmmuBench::install(soc, 32);
            SmmuBench::enable(soc);
            soc.start_master("dma", Iova{SmmuBench::kIova}, 32 * 4096);
            soc.run();
            const soc::SocStats stats = soc.stats();
            const soc::IommuStats& iommu = stats.iommus.at(0);
            return json{{"p50", stats.masters.at(0).latency.min().fs},
                        {"prefetches", iommu.prefetches},
                        {"walks", iommu.walks},
                        {"main_hits", iommu.main_tlb.hits},
                        {"faults", stats.masters.at(0).faults},
                        {"events", iommu.counter("events")},
                        {"lost", stats.transactions_lost}}
                .dump();
        }));
    };
    const json without = measure(0);
    CHECK(without["prefetches"] == 0);
    CHECK(without["walks"] == 32);
    CHECK(without["main_hits"] == 0);
    CHECK(without["p50"] == ns(39 + 8 + 3 + 40 + 8).fs);
    // The last one asks for a page that is not mapped: that makes no record.
    const json ahead = measure(4);
    CHECK(ahead["prefetches"] == 32);
    CHECK(ahead["walks"] == 33);
    CHECK(ahead["main_hits"] == 31);
    CHECK(ahead["p50"] == ns(39).fs);
    CHECK(ahead["faults"] == 0);
    CHECK(ahead["events"] == 0);
    CHECK(ahead["lost"] == 0);
}

TEST_CASE("soc: who waits for a page that is fetched ahead fetches the next one", "[soc][smmuv3][prefetch]") {
    // A read each 60 ns: the page behind the first one is still on its way when it is wanted. One at a time is enough
    // for all others to be fetched before they are.
    for (const std::uint32_t ahead : {1U, 4U}) {
        CAPTURE(ahead);
        const std::string text = tests::in_child([ahead] {
            const firmware::Description board = SmmuBench::board({"dma"});
            soc::Soc soc{board, config(32, ahead, ns(60))};
            SmmuBench::install(soc, 32);
            SmmuBench::enable(soc);
            soc.start_master("dma", Iova{SmmuBench::kIova}, 32 * 4096);
            soc.run();
            const soc::IommuStats iommu = soc.stats().iommus.at(0);
            return std::to_string(iommu.prefetches) + " " + std::to_string(iommu.walks);
        });
        CHECK(text == "32 33");
    }
}

TEST_CASE("soc: the SMMU's message to a GICv2m frame is an interrupt of a CPU", "[soc][smmuv3][msi]") {
    firmware::Description board = SmmuBench::board({"dma"});
    firmware::Node frame;
    frame.path = "/v2m@8020000";
    frame.name = "v2m@8020000";
    frame.parent = firmware::NodeIndex{0};
    frame.compatible = {"arm,gic-v2m-frame"};
    frame.regs.push_back({0x8020000, 0x1000, 0x8020000, ""});
    board.nodes.push_back(frame);
    const firmware::NodeIndex controller{3};
    soc::SocConfig with = config(1, 0);
    with.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    soc::Soc soc{board, with};
    kernel::Kernel kernel{soc.machine(), kernel::variants().front()};
    soc.attach(kernel);
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    SmmuBench::store(soc, SmmuBench::kCommands, smmu::command::sync_msi(0x8020040, 83));
    SmmuBench::store(soc, SmmuBench::kCommands + 16, smmu::command::sync_msi(0x8020044, 84));
    unsigned came = 0;
    SimTime at;
    soc.machine().connect_interrupt(controller, "msi 83", [&] {
        ++came;
        at = soc.now();
    });
    kernel.spawn("driver", 0,
                 [&] { soc.machine().mmio_write(PhysAddr{SmmuBench::kRegisters + smmu::reg::CMDQ_PROD}, 4, 2); });
    REQUIRE(soc.run() == soc::Outcome::finished);
    kernel.finish();
    CHECK(came == 1);
    CHECK(at > ns(60));
    // A write beside the doorbell is lost, not an error.
    CHECK(soc.peek_register(PhysAddr{SmmuBench::kRegisters + smmu::reg::GERROR}, 4) == 0);
    CHECK(soc.peek_register(PhysAddr{SmmuBench::kRegisters + smmu::reg::CMDQ_CONS}, 4) == 2);
}
