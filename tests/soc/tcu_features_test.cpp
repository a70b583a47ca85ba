// What a TCU may do beyond the default: merge walks of several TBUs, go by priority, fetch several commands at once.
#include <map>

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using nlohmann::json;
using tests::SmmuBench;
namespace smmu = tests::smmu;

namespace {

/// Two masters, a TBU each, one clock of 1 GHz; memory and back 33 ns.
soc::SocConfig config(std::uint64_t transfers, std::uint32_t outstanding) {
    soc::SocConfig config = SmmuBench::gem5_machine();
    for (const std::uint32_t node : {2U, 3U}) {
        soc::MasterConfig master = SmmuBench::master(node == 2 ? "a" : "b", node);
        master.traffic.pattern = soc::Pattern::strided;
        master.traffic.transfers = transfers;
        master.traffic.outstanding = outstanding;
        config.masters.push_back(master);
    }
    return config;
}

soc::SocStats run(const soc::SocConfig& config, std::uint64_t pages) {
    const firmware::Description board = SmmuBench::board({"a", "b"});
    soc::Soc soc{board, config};
    SmmuBench::install(soc, pages, 2);
    SmmuBench::enable(soc);
    for (const char* master : {"a", "b"}) soc.start_master(master, Iova{SmmuBench::kIova}, pages * 4096);
    soc.run();
    return soc.stats();
}

/// When the last of three CFGI_ALL and a SYNC is done.
std::string commands(std::uint32_t per_fetch, const std::map<std::string, soc::PortParams>& tbus = {}) {
    const firmware::Description board = SmmuBench::board({"a", "b"});
    soc::SocConfig with = config(1, 1);
    with.iommu.tcu.commands_per_fetch = per_fetch;
    with.iommu.tbus = tbus;
    soc::Soc soc{board, with};
    SmmuBench::install(soc, 1, 2);
    SmmuBench::enable(soc);
    for (std::uint64_t i = 0; i < 3; ++i)
        SmmuBench::store(soc, SmmuBench::kCommands + 16 * i, smmu::command::cfgi_all());
    SmmuBench::store(soc, SmmuBench::kCommands + 48, smmu::command::sync(0));
    SmmuBench::set(soc, smmu::reg::CMDQ_PROD, 4);
    soc.run();
    return json{{"end", soc.now().fs},
                {"cons", soc.peek_register(PhysAddr{SmmuBench::kRegisters + smmu::reg::CMDQ_CONS}, 4)},
                {"commands", soc.stats().iommus.at(0).commands}}
        .dump();
}

}  // namespace

// By hand. A fetch takes 34, decoding 2; a command ends a cycle later. One by one: the SYNC is decoded at
// 3 x 37 + 36 = 147, all invalidations (10 + 4 there, 10 back) are done by then; the queue is done at 148.
// Four in one fetch: decoded at 36, 39, 42, 45; the third's invalidation is applied and answered at 42 + 24 = 66: 67.
TEST_CASE("soc: one fetch may bring four commands", "[soc][smmuv3]") {
    const json one = json::parse(tests::in_child([] { return commands(1); }));
    CHECK(one["cons"] == 4);
    CHECK(one["commands"] == 4);
    CHECK(one["end"] == ns(148).fs);
    const json four = json::parse(tests::in_child([] { return commands(4); }));
    CHECK(four["cons"] == 4);
    CHECK(four["commands"] == 4);
    CHECK(four["end"] == ns(67).fs);
}

// As above, with TBU b at 60 there and 50 back: the third invalidation is decoded at 42 and answered at 42 + 60 + 4 +
// 50 = 156, the nearer TBU's answers are long there. One by one it is decoded at 2 x 37 + 36 = 110: 110 + 114 = 224.
TEST_CASE("soc: a SYNC waits for the answer of the farthest TBU", "[soc][smmuv3]") {
    soc::PortParams far;
    far.link_to_tcu = Cycles{60};
    far.link_from_tcu = Cycles{50};
    const json four = json::parse(tests::in_child([&] { return commands(4, {{"b", far}}); }));
    CHECK(four["end"] == ns(157).fs);
    const json one = json::parse(tests::in_child([&] { return commands(1, {{"b", far}}); }));
    CHECK(one["end"] == ns(225).fs);
}

TEST_CASE("soc: two TBUs that miss on one page walk once, if the TCU merges", "[soc][smmuv3]") {
    const auto measure = [](bool merge) {
        return json::parse(tests::in_child([merge] {
            soc::SocConfig with = config(1, 1);
            with.iommu.tcu.tlb.shape.enabled = true;
            with.iommu.tcu.merge_walks = merge;
            const soc::SocStats stats = run(with, 1);
            const soc::IommuStats& iommu = stats.iommus.at(0);
            return json{{"walks", iommu.walks},
                        {"merged", iommu.merged_walks},
                        {"hits", iommu.tcu_tlb.hits},
                        {"reads", stats.masters.at(0).reads + stats.masters.at(1).reads}}
                .dump();
        }));
    };
    CHECK(measure(false) == json{{"walks", 2}, {"merged", 0}, {"hits", 0}, {"reads", 2}});
    CHECK(measure(true) == json{{"walks", 1}, {"merged", 1}, {"hits", 1}, {"reads", 2}});
}

TEST_CASE("soc: with priorities, a master of a higher one waits less for the only walk slot", "[soc][smmuv3]") {
    const auto measure = [](bool priorities) {
        return json::parse(tests::in_child([priorities] {
            soc::SocConfig with = config(400, 8);
            with.iommu.tcu.walk_slots = 1;
            with.iommu.tcu.priorities = priorities;
            with.masters[1].traffic.priority = 1;
            with.masters[1].traffic.outstanding = 1;
            with.masters[0].traffic.transfers = 8000;  // as long as the other one runs
            const soc::SocStats stats = run(with, 1024);
            return json{{"b", stats.masters.at(1).latency.sum_fs() / 400}}.dump();
        }));
    };
    const json by_age = measure(false);
    const json by_priority = measure(true);
    // By age it waits for most of the other's eight walks of some 40 ns, by priority for the rest of one.
    CHECK(by_age["b"].get<std::uint64_t>() > ns(250).fs);
    CHECK(by_priority["b"].get<std::uint64_t>() < ns(200).fs);
}
