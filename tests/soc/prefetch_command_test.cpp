// CMD_PREFETCH_CONFIG and CMD_PREFETCH_ADDR in time.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;
namespace smmu = tests::smmu;

namespace {

/// One command, and a read a microsecond later; when all was over without the read, and how long that took.
json run(const smmu::CommandWords& command, bool on) {
    return json::parse(tests::in_child([&] {
        json result;
        const firmware::Description board = SmmuBench::board({"dma"});
        soc::SocConfig config = SmmuBench::gem5_machine();
        config.iommu = *soc::iommu_preset("gem5-default");
        config.iommu.tcu.prefetch_commands = on;
        soc::MasterConfig master = SmmuBench::master("dma", 2);
        master.traffic.transfers = 1;
        master.traffic.start_delay = us(1);
        config.masters.push_back(master);
        soc::Soc soc{board, config};
        SmmuBench::install(soc, 2);
        SmmuBench::enable(soc);
        SmmuBench::store(soc, SmmuBench::kCommands, command);
        SmmuBench::set(soc, smmu::reg::CMDQ_PROD, 1);
        soc.start_master("dma", Iova{SmmuBench::kIova}, 4096);
        soc.run();
        const soc::SocStats stats = soc.stats();
        result["latency"] = stats.masters.at(0).latency.max().fs / 1'000'000;
        result["config_reads"] = stats.iommus.at(0).counter("config_reads");
        result["events"] = stats.iommus.at(0).counter("events");
        result["translations"] = stats.iommus.at(0).translations;
        return result.dump();
    }));
}

}  // namespace

// A cold read takes 240 (timing_log_test.cpp): 2 x 34 of it are STE and CD, and 114 the walk, which takes 40 when the
// tables above the last level are in the walk caches.
TEST_CASE("soc: PREFETCH_CONFIG saves a read its configuration, PREFETCH_ADDR the upper tables too", "[soc][smmuv3]") {
    const auto config = smmu::command::prefetch_config(StreamId{SmmuBench::kStream});
    const auto address = [](std::uint32_t stream, std::uint64_t at) {
        smmu::CommandWords words = smmu::command::prefetch_config(StreamId{stream});
        smmu::cmd::OPCODE.set(words, static_cast<std::uint64_t>(smmu::Opcode::PREFETCH_ADDR));
        smmu::cmd::ADDR.set_address(words, at);
        return words;
    };
    CHECK(run(config, false)["latency"] == 240);
    CHECK(run(config, true)["latency"] == 240 - 68);
    CHECK(run(address(SmmuBench::kStream, SmmuBench::kIova), true)["latency"] == 240 - 68 - 74);
    // Nothing is mapped there: no record, no transaction, and the configuration is known all the same.
    const json nowhere = run(address(SmmuBench::kStream, 0x7000'0000), true);
    CHECK(nowhere["latency"] == 240 - 68);
    CHECK(nowhere["events"] == 0);
    CHECK(nowhere["translations"] == 1);
    // A stream without a valid STE: no record either.
    const json nobody = run(address(SmmuBench::kStream + 1, 0x1000), true);
    CHECK(nobody["latency"] == 240);
    CHECK(nobody["events"] == 0);
}
