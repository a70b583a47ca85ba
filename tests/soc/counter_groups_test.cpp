#include <catch2/catch.hpp>

#include "iommu/smmuv3/pmcg.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using iommu::smmuv3::PmcgEvent;
using tests::SmmuBench;

namespace {

constexpr std::uint64_t kFirstPage = 0x9080000;

/// A group's two pages, `number` apart from the first group's.
std::uint64_t page(std::uint64_t group, unsigned number) { return kFirstPage + group * 0x20000 + number * 0x10000; }

firmware::Node counters(std::uint64_t group) {
    firmware::Node node;
    node.path = "/pmu@" + std::to_string(group);
    node.name = "pmu@" + std::to_string(group);
    node.parent = firmware::NodeIndex{0};
    node.compatible = {"arm,smmu-v3-pmcg"};
    for (unsigned number = 0; number < 2; ++number)
        node.regs.push_back({page(group, number), 0x1000, page(group, number), ""});
    return node;
}

/// Counter n counts event `events[n]` of every stream.
void count(soc::Soc& soc, std::uint64_t group, const std::vector<PmcgEvent>& events) {
    const auto set = [&](std::uint32_t offset, std::uint64_t value, unsigned size) {
        soc.poke_register(PhysAddr{page(group, 0) + offset}, size, value);
    };
    for (std::uint32_t i = 0; i < events.size(); ++i) {
        set(0x400 + 4 * i, static_cast<std::uint64_t>(events[i]) | 1U << 29, 4);  // EVTYPER, FILTER_SID_SPAN
        set(0xA00 + 4 * i, 0xFFFFFFFF, 4);                                        // SMR
    }
    set(0xC00, (std::uint64_t{1} << events.size()) - 1, 8);  // CNTENSET0
    set(0xE04, 1, 4);                                        // CR.E
}

std::uint64_t counted(soc::Soc& soc, std::uint64_t group, unsigned counter) {
    return soc.peek_register(PhysAddr{page(group, 1) + 4 * counter}, 4);
}

soc::SocConfig config() {
    soc::SocConfig config;
    config.cpu.count = 1;
    config.iommu = *soc::iommu_preset("tiny");
    config.iommu.pmcg.counters = 8;
    for (const std::uint32_t node : {2U, 3U}) {
        soc::MasterConfig master = SmmuBench::master(node == 2 ? "a" : "b", node);
        master.traffic.pattern = soc::Pattern::random;
        master.traffic.transfers = node * 400;
        master.traffic.outstanding = 8;
        config.masters.push_back(master);
    }
    return config;
}

}  // namespace

TEST_CASE("soc: performance counters and statistics of the same run agree", "[soc][smmuv3][pmcg]") {
    firmware::Description board = SmmuBench::board({"a", "b"});
    for (std::uint64_t group = 0; group < 3; ++group) board.nodes.push_back(counters(group));
    soc::Soc soc{board, config()};
    CHECK(soc.warnings().empty());
    SmmuBench::install(soc, 256, 2);
    SmmuBench::enable(soc);
    count(soc, 0,
          {PmcgEvent::cycles, PmcgEvent::transactions, PmcgEvent::tlb_miss, PmcgEvent::config_cache_miss,
           PmcgEvent::walk_access, PmcgEvent::config_access, PmcgEvent::ats_requests, PmcgEvent::ats_translated});
    for (const std::uint64_t group : {1U, 2U}) count(soc, group, {PmcgEvent::transactions, PmcgEvent::tlb_miss});
    soc.start_master("a", Iova{SmmuBench::kIova}, 256 * 4096);
    soc.start_master("b", Iova{SmmuBench::kIova}, 64 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats all = soc.stats();
    const soc::IommuStats& stats = all.iommus.at(0);
    // Each TBU has one master.
    CHECK(counted(soc, 1, 0) == 800);
    CHECK(counted(soc, 2, 0) == 1200);
    CHECK(counted(soc, 1, 0) + counted(soc, 2, 0) == stats.translations);
    CHECK(stats.main_tlb.lookups - stats.main_tlb.hits > 100);
    CHECK(counted(soc, 1, 1) + counted(soc, 2, 1) == stats.main_tlb.lookups - stats.main_tlb.hits);
    CHECK(counted(soc, 0, 0) == all.end.fs / kFsPerNs);  // 1 GHz
    // What asks the TCU: every miss but those that waited for another one, and looked again.
    CHECK(counted(soc, 0, 1) == stats.config_cache.lookups);
    CHECK(counted(soc, 0, 2) == 0);  // it has no TLB
    CHECK(counted(soc, 0, 3) == stats.config_cache.lookups - stats.config_cache.hits);
    CHECK(counted(soc, 0, 4) == stats.walk_reads);
    CHECK(counted(soc, 0, 5) == stats.counter("config_reads"));
    CHECK(counted(soc, 0, 6) == 0);
    CHECK(counted(soc, 0, 7) == 0);
    CHECK(stats.walk_reads > 100);
    CHECK(stats.bypassed == 0);
}

// Issue 13, item 13: what software asked to fetch is in both.
TEST_CASE("soc: performance counters and statistics agree on what PREFETCH commands fetch", "[soc][smmuv3][pmcg]") {
    firmware::Description board = SmmuBench::board({"a", "b"});
    board.nodes.push_back(counters(0));
    soc::SocConfig with = config();
    with.iommu.tcu.prefetch_commands = true;
    with.iommu.tcu.tlb.shape.enabled = true;
    soc::Soc soc{board, with};
    SmmuBench::install(soc, 256, 2);
    SmmuBench::enable(soc);
    count(soc, 0,
          {PmcgEvent::cycles, PmcgEvent::transactions, PmcgEvent::tlb_miss, PmcgEvent::config_cache_miss,
           PmcgEvent::walk_access, PmcgEvent::config_access, PmcgEvent::ats_requests, PmcgEvent::ats_translated});
    for (std::uint64_t i = 0; i < 8; ++i) {
        tests::smmu::CommandWords words = tests::smmu::command::prefetch_config(StreamId{SmmuBench::kStream});
        tests::smmu::cmd::OPCODE.set(words, static_cast<std::uint64_t>(tests::smmu::Opcode::PREFETCH_ADDR));
        tests::smmu::cmd::ADDR.set_address(words, SmmuBench::kIova + i * 4096);
        SmmuBench::store(soc, SmmuBench::kCommands + 16 * i, words);
    }
    SmmuBench::set(soc, tests::smmu::reg::CMDQ_PROD, 8);
    soc.start_master("a", Iova{SmmuBench::kIova}, 256 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats all = soc.stats();
    const soc::IommuStats& stats = all.iommus.at(0);
    CHECK(stats.commands == 8);
    CHECK(counted(soc, 0, 1) == stats.counter("translations"));
    CHECK(counted(soc, 0, 2) == stats.tcu_tlb.lookups - stats.tcu_tlb.hits);
    CHECK(counted(soc, 0, 3) == stats.config_cache.lookups - stats.config_cache.hits);
    CHECK(counted(soc, 0, 4) == stats.walk_reads);
    CHECK(counted(soc, 0, 5) == stats.counter("config_reads"));
    CHECK(stats.counter("ste_fetches") + stats.counter("cd_fetches") ==
          stats.counter("config_reads"));     // one level each
    CHECK(stats.walks > stats.walk.count());  // the shell times walks of transactions alone
}

TEST_CASE("soc: an overflow of a counter sends its message to memory", "[soc][smmuv3][pmcg]") {
    firmware::Description board = SmmuBench::board({"a", "b"});
    for (std::uint64_t group = 0; group < 2; ++group) board.nodes.push_back(counters(group));
    soc::Soc soc{board, config()};
    SmmuBench::install(soc, 256, 2);
    SmmuBench::enable(soc);
    constexpr std::uint64_t kDoorbell = SmmuBench::kMemory + 0x9000;
    count(soc, 1, {PmcgEvent::transactions});
    const auto set = [&](unsigned number, std::uint32_t offset, std::uint64_t value, unsigned size) {
        soc.poke_register(PhysAddr{page(1, number) + offset}, size, value);
    };
    set(1, 0x000, 0xFFFFFFFF - 799, 4);  // overflows with the last of 800 transactions
    set(0, 0xE58, kDoorbell, 8);         // IRQ_CFG0
    set(0, 0xE60, 0x1234, 4);            // IRQ_CFG1
    set(0, 0xC40, 1, 8);                 // INTENSET0
    set(0, 0xE50, 1, 4);                 // IRQ_CTRL
    soc.start_master("a", Iova{SmmuBench::kIova}, 256 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    CHECK(counted(soc, 1, 0) == 0);
    CHECK(soc.peek_register(PhysAddr{page(1, 1) + 0xC80}, 8) == 1);
    std::uint8_t word[4];
    REQUIRE(soc.peek(PhysAddr{kDoorbell}, word, sizeof word));
    CHECK(load_le(word, 4) == 0x1234);
}

TEST_CASE("soc: a counter group beyond the last TBU is said and counts nothing", "[soc][smmuv3][pmcg]") {
    firmware::Description board = SmmuBench::board({"a", "b"});
    for (std::uint64_t group = 0; group < 4; ++group) board.nodes.push_back(counters(group));
    soc::Soc soc{board, config()};
    REQUIRE(soc.warnings().size() == 1);
    CHECK(soc.warnings().front() == "/pmu@3: /smmuv3@9050000 has no TBU left whose counter group this could be");
    CHECK(soc.peek_register(PhysAddr{page(3, 0) + 0xE00}, 4) == 0);
}

TEST_CASE("soc: traffic that passes a disabled SMMU counts as bypassed", "[soc][smmuv3]") {
    const firmware::Description board = SmmuBench::board({"a", "b"});
    soc::Soc soc{board, config()};
    SmmuBench::install(soc, 1, 2);
    soc.start_master("a", Iova{SmmuBench::kMemory}, 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats all = soc.stats();
    CHECK(all.masters.at(0).reads == 800);
    CHECK(all.iommus.at(0).translations == 800);
    CHECK(all.iommus.at(0).bypassed == 800);
}
