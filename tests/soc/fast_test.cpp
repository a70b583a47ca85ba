#include <numeric>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/soc/child.hpp"
#include "tests/soc/smmu_bench.hpp"

using namespace xlate;
using soc::Fidelity;
using tests::SmmuBench;

namespace {

struct Load {
    Fidelity fidelity = Fidelity::exact;
    const char* preset = "mmu-600-like";
    soc::Pattern pattern = soc::Pattern::linear;
    std::uint32_t outstanding = 1;
    std::uint64_t pages = 64;          ///< that are mapped,
    std::uint64_t pages_touched = 64;  ///< and that the masters touch
    Ratio reads{1, 1};
    std::vector<std::string> masters{"ant"};
    soc::PayloadMode payload = soc::PayloadMode::timing_only;
    bool enabled = true;
    SimTime max_time = kTimeNever;
};

/// Faults, counts and latency of a run as text: "ant r 500 w 0 f 0 sum 61000000 ...".
std::string run(const Load& load) {
    const firmware::Description board = SmmuBench::board(load.masters);
    soc::SocConfig config;
    config.fidelity = load.fidelity;
    config.cpu.count = 1;
    config.payload = load.payload;
    config.limits.max_time = load.max_time;
    config.iommu = *soc::iommu_preset(load.preset);
    for (std::size_t i = 0; i < load.masters.size(); ++i) {
        soc::MasterConfig master = SmmuBench::master(load.masters[i], static_cast<std::uint32_t>(2 + i));
        master.traffic.pattern = load.pattern;
        master.traffic.stride_bytes = 4096;
        master.traffic.read_share = load.reads;
        master.traffic.outstanding = load.outstanding;
        master.traffic.transfers = 500;
        config.masters.push_back(master);
    }
    soc::Soc soc{board, config};
    SmmuBench::install(soc, load.pages, static_cast<std::uint32_t>(load.masters.size()));
    if (load.enabled) SmmuBench::enable(soc);
    for (const std::string& name : load.masters) {
        soc.start_master(name, Iova{load.enabled ? SmmuBench::kIova : SmmuBench::kPages}, load.pages_touched * 4096);
    }
    soc.run();
    const soc::SocStats stats = soc.stats();
    std::ostringstream text;
    for (const soc::MasterStats& master : stats.masters) {
        text << master.device << " reads " << master.reads << " writes " << master.writes << " faults " << master.faults
             << " sum " << master.latency.sum_fs() << " max " << master.latency.max().fs << "\n";
        const std::uint64_t parts = std::accumulate(master.parts_fs.begin(), master.parts_fs.end(), std::uint64_t{0});
        if (parts != master.latency.sum_fs()) text << "the parts do not add up: " << parts << "\n";
        if (master.issued != master.reads + master.writes + master.faults + master.in_flight) text << "some are lost\n";
        if (stats.end < master.last_completion && load.max_time == kTimeNever) text << "it ended too early\n";
    }
    const soc::IommuStats& iommu = stats.iommus.at(0);
    text << "translations " << iommu.translations << " walks " << iommu.walks << " reads " << iommu.walk_reads
         << " tlb " << iommu.main_tlb.lookups << "/" << iommu.main_tlb.hits << " micro " << iommu.micro_tlb.lookups
         << "/" << iommu.micro_tlb.hits << " events " << iommu.counter("events") << " faults " << stats.faults_total
         << "\n";
    if (stats.transactions_lost != 0 && load.max_time == kTimeNever) text << "transactions are lost\n";
    return text.str();
}

std::string in(Fidelity fidelity, Load load) {
    load.fidelity = fidelity;
    return tests::in_child([load] { return run(load); });
}

std::uint64_t number_after(const std::string& text, const std::string& word) {
    const std::size_t at = text.find(word + " ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + word.size() + 1));
}

}  // namespace

TEST_CASE("fast: with nobody to compete with, every time is that of exact", "[soc][fast]") {
    Load load;
    const auto [pattern, preset] = GENERATE(table<soc::Pattern, const char*>({
        {soc::Pattern::linear, "mmu-600-like"},
        {soc::Pattern::strided, "mmu-600-like"},
        {soc::Pattern::random, "mmu-600-like"},
        {soc::Pattern::random, "tiny"},
        {soc::Pattern::strided, "gem5-default"},
    }));
    load.pattern = pattern;
    load.preset = preset;
    load.reads = {1, 2};
    const std::string exact = in(Fidelity::exact, load);
    INFO(preset << " " << exact);
    CHECK(number_after(exact, "reads") + number_after(exact, "writes") == 500);
    CHECK(in(Fidelity::fast, load) == exact);
}

TEST_CASE("fast: with the SMMU off, every time is that of exact", "[soc][fast]") {
    Load load;
    load.enabled = false;
    const std::string exact = in(Fidelity::exact, load);
    CHECK(number_after(exact, "reads") == 500);
    CHECK(in(Fidelity::fast, load) == exact);
}

TEST_CASE("fast: faults are those of exact, each with its record", "[soc][fast]") {
    Load load;
    load.pattern = soc::Pattern::strided;
    load.pages = 8;  // of 16 that are touched: half of the transactions fault
    load.pages_touched = 16;
    load.outstanding = 4;
    const std::string exact = in(Fidelity::exact, load);
    const std::string fast = in(Fidelity::fast, load);
    INFO(exact << fast);
    REQUIRE(number_after(exact, "faults") == 248);  // 31 rounds of 16 pages and 4 more: 31 times 8
    CHECK(number_after(fast, "faults") == number_after(exact, "faults"));
    CHECK(number_after(fast, "events") == number_after(exact, "events"));
    CHECK(number_after(fast, "reads") == number_after(exact, "reads"));
}

TEST_CASE("fast: four masters at once: the parts add up, nothing is lost, means are within 1 %", "[soc][fast]") {
    Load load;
    load.masters = {"ant", "bee", "cow", "doe"};
    load.pattern = soc::Pattern::random;
    load.outstanding = 8;
    load.reads = {2, 3};
    const auto preset = GENERATE("mmu-600-like", "tiny", "gem5-default");
    load.preset = preset;
    const std::string exact = in(Fidelity::exact, load);
    const std::string fast = in(Fidelity::fast, load);
    INFO(exact << fast);
    CHECK(fast.find("parts do not") == std::string::npos);
    CHECK(fast.find("lost") == std::string::npos);
    CHECK(fast.find("early") == std::string::npos);
    const auto sum = [](const std::string& text) {
        double all = 0;
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) all += static_cast<double>(number_after(line, "sum"));
        return all;
    };
    CHECK(sum(fast) == Approx(sum(exact)).epsilon(0.01));
}

TEST_CASE("fast: moving bytes changes no time", "[soc][fast]") {
    Load load;
    load.payload = soc::PayloadMode::full;
    const std::string moved = in(Fidelity::fast, load);
    load.payload = soc::PayloadMode::timing_only;
    CHECK(moved == in(Fidelity::fast, load));
}

TEST_CASE("fast: a run that is cut short keeps its accounts", "[soc][fast]") {
    Load load;
    load.outstanding = 16;
    load.pattern = soc::Pattern::random;
    load.max_time = us(2);
    const std::string fast = in(Fidelity::fast, load);
    INFO(fast);
    CHECK(fast.find("ant reads") == 0);
    CHECK(fast.find("lost") == std::string::npos);
}

TEST_CASE("fast: the same run twice is the same", "[soc][fast][determinism]") {
    Load load;
    load.masters = {"ant", "bee", "cow"};
    load.pattern = soc::Pattern::random;
    load.outstanding = 16;
    const std::string first = in(Fidelity::fast, load);
    CHECK(first.find("cow reads 500") != std::string::npos);
    CHECK(in(Fidelity::fast, load) == first);
}

TEST_CASE("fast: who gives masters different priorities is told that the crossbar does not know them", "[soc][fast]") {
    const auto [fidelity, second, warns] = GENERATE(table<Fidelity, std::uint8_t, bool>({
        {Fidelity::fast, 3, true},
        {Fidelity::fast, 0, false},
        {Fidelity::exact, 3, false},
    }));
    const std::string said = tests::in_child([fidelity = fidelity, second = second] {
        const std::vector<std::string> names{"ant", "bee"};
        const firmware::Description board = SmmuBench::board(names);
        soc::SocConfig config;
        config.fidelity = fidelity;
        config.masters = {SmmuBench::master("ant", 2), SmmuBench::master("bee", 3)};
        config.masters[1].traffic.priority = second;
        const soc::Soc soc{board, config};
        std::string text;
        for (const std::string& warning : soc.warnings()) text += warning + "\n";
        return text;
    });
    INFO(said);
    CHECK((said.find("priorities of ant and bee do not act there") != std::string::npos) == warns);
}
