// Enhanced command queues in time: consumed side by side, each SYNC for its own queue.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;
namespace smmu = tests::smmu;
namespace reg = tests::smmu::reg;

namespace {

constexpr std::uint64_t kQueues = SmmuBench::kMemory + 0x20'0000;
constexpr std::uint32_t kStep = smmu::kControlPageBytes / 4;  // four queues in the control page
constexpr std::uint32_t kEn = 0x80000000;

firmware::Description board() {
    firmware::Description board = SmmuBench::board({"dma"});
    board.nodes[1].regs[0].size = 0x30000;
    return board;
}

soc::SocConfig config() {
    soc::SocConfig config = SmmuBench::gem5_machine();
    config.iommu.hardware.smmuv3 = iommu::smmuv3::full_features();
    config.iommu.hardware.smmuv3.ecmdq = 1;
    config.iommu.hardware.smmuv3.ecmdq_log2numq = 2;
    config.masters.push_back(SmmuBench::master("dma", 2));
    return config;
}

using Commands = std::vector<smmu::CommandWords>;

/// Queues `commands`, one list a queue, from the same moment on. Returns when each SYNC's message was written.
struct Seen final : soc::TraceSink {
    void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime, SimTime, bool) override {}
    void span(std::string_view, std::string_view what, SimTime start, SimTime end, std::uint64_t) override {
        if (what == "CMD_SYNC") syncs.push_back({start.fs / 1'000'000, end.fs / 1'000'000});
    }
    void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    json syncs = json::array();
};

std::string run(const std::vector<Commands>& queues, const soc::SocConfig& with) {
    const firmware::Description firmware = board();
    soc::Soc soc{firmware, with};
    Seen seen;
    soc.set_trace(&seen);
    SmmuBench::install(soc, 1);
    SmmuBench::enable(soc);
    for (std::uint32_t q = 0; q < queues.size(); ++q) {
        const std::uint64_t memory = kQueues + 0x1000 * q;
        for (std::size_t i = 0; i < queues[q].size(); ++i) SmmuBench::store(soc, memory + 16 * i, queues[q][i]);
        const std::uint32_t registers = smmu::kControlPages + kStep * q;
        SmmuBench::set(soc, registers + reg::ECMDQ_BASE, memory | 4, 8);
        SmmuBench::set(soc, registers + reg::ECMDQ_PROD, kEn);
    }
    for (std::uint32_t q = 0; q < queues.size(); ++q) {
        SmmuBench::set(soc, smmu::kControlPages + kStep * q + reg::ECMDQ_PROD, kEn | queues[q].size());
    }
    soc.run();
    json result;
    result["end"] = soc.now().fs / 1'000'000;
    result["syncs"] = seen.syncs;
    result["commands"] = soc.stats().iommus.at(0).commands;
    for (std::uint32_t q = 0; q < queues.size(); ++q) {
        const PhysAddr cons{SmmuBench::kRegisters + smmu::kControlPages + kStep * q + reg::ECMDQ_CONS};
        result["cons"].push_back(soc.peek_register(cons, 4) & ~std::uint64_t{kEn});
    }
    return result.dump();
}

const smmu::CommandWords kTlbi = smmu::command::tlbi(smmu::Opcode::TLBI_NH_ALL);
const smmu::CommandWords kSync = smmu::command::sync(0);

}  // namespace

// By hand, as in tcu_features_test.cpp: a fetch takes 34, decoding 2; a command ends a cycle later: 3 x 37 + 36 = 147
// for the SYNC, which finds all invalidations done. The second queue's fetches are two cycles behind the first's, since
// a packet's header keeps the crossbar for two.
TEST_CASE("soc: enhanced command queues are consumed side by side", "[soc][smmuv3][ecmdq]") {
    const Commands four{kTlbi, kTlbi, kTlbi, kSync};
    const json one = json::parse(tests::in_child([&] { return run({four}, config()); }));
    CHECK(one["syncs"] == json::array({json::array({147, 147})}));
    CHECK(one["end"] == 148);
    const json two = json::parse(tests::in_child([&] { return run({four, four}, config()); }));
    CHECK(two["syncs"] == json::array({json::array({147, 147}), json::array({149, 149})}));
    CHECK(two["end"] == 150);
    CHECK(two["cons"] == json::array({4, 4}));
    CHECK(two["commands"] == 8);
}

// An ATC_INV that nobody completes holds up its own queue for the time-out of 7 us, after 37 + 10 on the link. The
// other queue's SYNC is decoded at 2 + 37 + 36 = 75; its own invalidation was decoded at 38 and is back at 38 + 24.
TEST_CASE("soc: a SYNC waits for the invalidations of its own queue alone", "[soc][smmuv3][ecmdq]") {
    const Commands never{smmu::command::atc_inv(StreamId{9}, std::nullopt, 0, 52), kSync};
    const json two = json::parse(tests::in_child([&] {
        soc::SocConfig with = config();
        with.iommu.tcu.atc_timeout = us(7);
        return run({never, {kTlbi, kSync}}, with);
    }));
    CHECK(two["syncs"] == json::array({json::array({75, 75}), json::array({73, 36 + 7000})}));
    CHECK(two["cons"] == json::array({0x03800001, 2}));  // CERROR_ATC_INV_SYNC, ERR
}

TEST_CASE("soc: ECMDQs need a register space with room for their control page", "[soc][smmuv3][ecmdq]") {
    firmware::Description small = board();
    CHECK(soc::check(config(), small).empty());
    small.nodes[1].regs[0].size = 0x20000;
    const auto findings = soc::check(config(), small);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].path == "soc.iommu.features.ecmdq");
    CHECK(findings[0].what == "the register space of /smmuv3@9050000 has 128 KiB");
}
