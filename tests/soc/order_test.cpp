#include <map>

#include <catch2/catch.hpp>

#include <systemc>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using tests::SmmuBench;

namespace {

/// Wakes at times of its own, as an unrelated module of somebody else would.
class Bystander : public sc_core::sc_module {
public:
    Bystander(const sc_core::sc_module_name& name, std::uint64_t period) : sc_core::sc_module(name), period_(period) {
        SC_HAS_PROCESS(Bystander);
        SC_THREAD(live);
    }

private:
    void live() {
        for (int i = 0; i < 2000; ++i) wait(sc_core::sc_time::from_value(period_));
    }
    std::uint64_t period_;
};

/// Statistics of a busy SoC by device name, as text. `order`: in which the masters are configured and built.
std::string run_with(const std::vector<std::uint32_t>& order, unsigned bystanders) {
    const std::vector<std::string> names{"ant", "bee", "cow", "doe"};
    const firmware::Description board = SmmuBench::board(names);
    soc::SocConfig config;
    config.cpu.count = 1;
    config.iommu = *soc::iommu_preset("tiny");
    for (const std::uint32_t which : order) {
        soc::MasterConfig master = SmmuBench::master(names[which], 2 + which);
        master.traffic.pattern = which % 2 == 0 ? soc::Pattern::random : soc::Pattern::linear;
        master.traffic.read_share = {which, 3};
        master.traffic.outstanding = 8;
        master.traffic.transfers = 500;
        config.masters.push_back(master);
    }
    soc::Soc soc{board, config};
    std::vector<std::unique_ptr<Bystander>> others;
    for (unsigned i = 0; i < bystanders; ++i) {
        others.push_back(std::make_unique<Bystander>(("bystander" + std::to_string(i)).c_str(), ns(10 + i).fs));
    }
    SmmuBench::install(soc, 64, 4);
    SmmuBench::enable(soc);
    for (const std::uint32_t which : order) soc.start_master(names[which], Iova{SmmuBench::kIova}, 64 * 4096);
    soc.run();
    const soc::SocStats stats = soc.stats();
    std::map<std::string, std::string> lines;
    for (const soc::MasterStats& master : stats.masters) {
        std::string& line = lines[master.device];
        line = std::to_string(master.reads) + " " + std::to_string(master.writes) + " " +
               std::to_string(master.latency.sum_fs()) + " " + std::to_string(master.last_completion.fs);
        for (const std::uint64_t part : master.parts_fs) line += " " + std::to_string(part);
    }
    std::string text = std::to_string(stats.digest) + " " + std::to_string(stats.iommus.at(0).walks) + "\n";
    for (const auto& [name, line] : lines) text += name + " " + line + "\n";
    return text;
}

}  // namespace

TEST_CASE("soc: the order of construction and unrelated SystemC modules change nothing", "[soc][determinism]") {
    const std::string first = tests::in_child([] { return run_with({0, 1, 2, 3}, 0); });
    INFO(first);
    REQUIRE(first.find("ant 0 500 ") != std::string::npos);
    CHECK(tests::in_child([] { return run_with({0, 1, 2, 3}, 0); }) == first);
    CHECK(tests::in_child([] { return run_with({3, 1, 0, 2}, 0); }) == first);
    CHECK(tests::in_child([] { return run_with({2, 3, 1, 0}, 3); }) == first);
}

TEST_CASE("soc: the parts of the ledger add up to the latency, and what was issued has ended", "[soc][ledger]") {
    const firmware::Description board = SmmuBench::board({"ant", "bee"});
    soc::SocConfig config;
    config.cpu.count = 1;
    config.iommu = *soc::iommu_preset("tiny");
    config.payload = soc::PayloadMode::full;
    for (std::uint32_t i = 0; i < 2; ++i) {
        soc::MasterConfig master = SmmuBench::master(i == 0 ? "ant" : "bee", 2 + i);
        master.traffic.pattern = soc::Pattern::random;
        master.traffic.read_share = {1, 2};
        master.traffic.size_bytes = i == 0 ? 64 : 1000;
        master.traffic.transfers = 2000;
        config.masters.push_back(master);
    }
    /// Every transaction by itself, not just the sum.
    struct Watch final : soc::TraceSink {
        std::uint64_t total_fs = 0;
        std::uint64_t seen = 0;
        void transaction(std::string_view, std::uint64_t, std::uint64_t, bool, SimTime start, SimTime end,
                         bool) override {
            total_fs += (end - start).fs;
            ++seen;
        }
        void span(std::string_view, std::string_view, SimTime, SimTime, std::uint64_t) override {}
        void instant(std::string_view, std::string_view, SimTime, std::uint64_t) override {}
    } watch;
    soc::Soc soc{board, config};
    soc.set_trace(&watch);
    SmmuBench::install(soc, 100, 2);
    SmmuBench::enable(soc);
    soc.start_master("ant", Iova{SmmuBench::kIova}, 128 * 4096);  // 28 pages are not mapped
    soc.start_master("bee", Iova{SmmuBench::kIova}, 128 * 4096);
    REQUIRE(soc.run() == soc::Outcome::finished);
    const soc::SocStats stats = soc.stats();
    std::uint64_t all = 0;
    for (const soc::MasterStats& master : stats.masters) {
        std::uint64_t sum = 0;
        for (const std::uint64_t part : master.parts_fs) sum += part;
        CHECK(sum == master.latency.sum_fs());
        CHECK(master.issued == master.reads + master.writes + master.faults);
        CHECK(master.in_flight == 0);
        CHECK(master.faults > 0);
        all += sum;
    }
    CHECK(all == watch.total_fs);
    CHECK(watch.seen == 4000);
    CHECK(stats.transactions_lost == 0);
    CHECK(stats.faults_total == stats.masters[0].faults + stats.masters[1].faults);
    CHECK(stats.iommus[0].translations == 4000);
}
