// configs/papers against what was published (docs/spec/published-figures.md), as docs/validation.md says: each within
// its bounds, and the other way round, that the bound tells something. Runs are short; the sweeps themselves are
// longer.
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

Json result_of(const std::string& paper, const std::vector<std::string>& sets) {
    const Scratch scratch;
    std::string command =
        "run " + quoted(std::string(source_dir()) + "/configs/papers/" + paper + ".yaml") + " --quiet --out r";
    for (const std::string& set : sets) command += " --set " + quoted(set);
    const Said said = run_xlate(scratch, command);
    INFO(said.err);
    REQUIRE(said.status == 0);
    return Json::parse(read_text(scratch.path("r/result.json")));
}

double gigabits(const Json& master) { return master["bandwidth_bytes_per_s"].get<double>() * 8 / 1e9; }
double number(const Json& value) { return value.get<double>(); }

}  // namespace

TEST_CASE("papers A: strict mode at 100 Gb/s: reads a page within 10 %, throughput within 15 %", "[cli][papers]") {
    struct Row {
        const char* replies;
        double misses, reads, rate;
    };
    for (const Row& row : {Row{"19", 1.30, 1.76, 79.6}, Row{"77", 2.20, 4.36, 35.5}}) {
        CAPTURE(row.replies);
        const Json result = result_of(
            "vtd-strict-100g", {"traffic[0].transfers=6000", "traffic[0].ring.replies=" + std::string(row.replies)});
        const Json &unit = result["iommus"][1], &master = result["masters"][0];
        const double pages = number(master["writes"]) / 16;
        CHECK(number(unit["walks"]) / pages == Approx(row.misses).epsilon(0.05));
        CHECK(number(unit["walk_reads"]) / pages == Approx(row.reads).epsilon(0.10));
        // Of what was moved, received pages alone.
        const double received = number(master["writes"]) * 256 / number(master["bytes"]);
        CHECK(gigabits(master) * received == Approx(row.rate).epsilon(0.15));
    }
    // Upper levels are read again because flushes drop them, whatever the size of their caches: with a kernel that
    // gives the hint (IH) no read is above the page's own.
    const Json hinted = result_of("vtd-strict-100g", {"traffic[0].transfers=6000", "kernel.variant=linux-6.19"});
    const double walks = number(hinted["iommus"][1]["walks"]);
    CHECK(number(hinted["iommus"][1]["walk_reads"]) < 1.05 * walks);
}

TEST_CASE("papers B: cores of a guest: up to 8, a fall at 16, and the lock that does it", "[cli][papers]") {
    std::vector<double> rates;
    for (const char* cores : {"1", "4", "8", "16"}) {
        CAPTURE(cores);
        const Json result = result_of("vtd-guest-cores", {"traffic[0].tasks=" + std::string(cores)});
        const Json& master = result["masters"][0];
        rates.push_back(gigabits(master));
        CHECK(number(result["iommus"][1]["walks"]) / number(master["issued"]) == Approx(1).epsilon(0.02));
        const std::string limit = master["limited_by"]["resource"];
        CHECK((limit == "lock domain->cache_lock (kernel.locks)") == (std::string(cores) == "16"));
    }
    CHECK(rates[0] < rates[1]);
    CHECK(rates[1] < rates[2]);
    CHECK(rates[2] > 5 * rates[3]);
    CHECK(rates[0] == Approx(43.5).epsilon(0.25));
    CHECK(rates[2] == Approx(229).epsilon(0.25));
}

TEST_CASE("papers C: what map and unmap cost, within 20 % of the variant's column", "[cli][papers]") {
    struct Row {
        const char* variant;
        const char* buffer;
        double map, unmap;
    };
    for (const Row& row : {Row{"linux-6.12", "4 KiB", 65, 87}, Row{"linux-6.12", "1 MiB", 518, 321},
                           Row{"linux-6.19", "4 KiB", 55, 69}, Row{"linux-6.19", "1 MiB", 391, 210}}) {
        CAPTURE(row.variant, row.buffer);
        const Json dma = result_of("map-cost", {"kernel.variant=" + std::string(row.variant),
                                                "traffic[0].buffer=" + std::string(row.buffer)})["kernel"]["dma"];
        CHECK(number(dma["map_ns"]) == Approx(row.map).epsilon(0.2));
        CHECK(number(dma["unmap_ns"]) == Approx(row.unmap).epsilon(0.2));
    }
}

TEST_CASE("papers D: 8 walkers and a buffer of 8 carry 800 Gb/s, 7 of either do not", "[cli][papers]") {
    const auto with = [](const char* walkers, const char* buffer) {
        return result_of("800gbe", {"soc.iommu.core.walk_slots=" + std::string(walkers),
                                    "soc.iommu.port.xlate_slots=" + std::string(buffer)});
    };
    const Json enough = with("8", "8");
    CHECK(gigabits(enough["masters"][0]) == Approx(800).epsilon(0.005));
    CHECK(number(enough["iommus"][0]["walk_ns"]["mean"]) == 300);
    CHECK(number(enough["iommus"][0]["walk_reads"]) == 3 * number(enough["iommus"][0]["walks"]));
    CHECK(gigabits(with("7", "64")["masters"][0]) < 780);
    CHECK(gigabits(with("8", "7")["masters"][0]) < 780);
}

TEST_CASE("papers D: nested, 15 reads need 37 walkers, with caches 98 ns, 2 walkers and a buffer of 13",
          "[cli][papers]") {
    const auto nested = [](std::vector<std::string> more) {
        std::vector<std::string> sets{"soc.iommu.riscv.like=nested", "traffic[0].segments=1024",
                                      "traffic[0].working_set=32 MiB", "traffic[0].transfers=8000"};
        sets.insert(sets.end(), more.begin(), more.end());
        return result_of("800gbe", sets);
    };
    const Json enough = nested({"soc.iommu.core.walk_slots=37"});
    CHECK(gigabits(enough["masters"][0]) == Approx(800).epsilon(0.005));
    CHECK(number(enough["iommus"][0]["walk_ns"]["mean"]) == Approx(1500).epsilon(0.001));
    CHECK(number(enough["iommus"][0]["walk_reads"]) == 15 * number(enough["iommus"][0]["walks"]));
    CHECK(gigabits(nested({"soc.iommu.core.walk_slots=36"})["masters"][0]) < 790);

    const auto cached = [&](const char* walkers, const char* buffer, const char* ahead = "0") {
        return nested({"soc.iommu.riscv.leaf_read=line", "soc.iommu.riscv.walk_fill=end",
                       "soc.iommu.core.walk_cache.enabled=true", "soc.iommu.core.walk_cache.latency=0 cycles",
                       "soc.iommu.core.ipa_cache.enabled=true", "soc.iommu.core.ipa_cache.latency=0 cycles",
                       "soc.iommu.port.micro_tlb.enabled=true", "soc.iommu.port.micro_tlb.entries=1",
                       "soc.iommu.port.micro_tlb.latency=3 cycles", "soc.iommu.port.tlb.entries=64",
                       "traffic[0].warmup=400", "soc.iommu.core.walk_slots=" + std::string(walkers),
                       "soc.iommu.port.xlate_slots=" + std::string(buffer),
                       "soc.iommu.port.prefetch=" + std::string(ahead)});
    };
    const auto latency = [](const Json& result, const char* which) {
        return number(result["masters"][0]["latency_ns"][which]);
    };
    const Json plenty = cached("64", "64"), two = cached("2", "64"), thirteen = cached("64", "13");
    CHECK(number(two["iommus"][0]["latency_ns"]["mean"]) == Approx(98).margin(0.5));
    CHECK(number(plenty["iommus"][0]["latency_ns"]["mean"]) == Approx(97.61).epsilon(0.01));
    CHECK(number(plenty["iommus"][0]["walk_reads"]) / 8000 == Approx(0.267).epsilon(0.01));
    CHECK(number(plenty["iommus"][0]["walks"]) == 1000);             // one for the line of 8
    CHECK(number(plenty["iommus"][0]["latency_ns"]["min"]) == 7.5);  // a hit: 3 cycles of 400 MHz
    for (const Json& fits : {two, thirteen}) {
        CHECK(gigabits(fits["masters"][0]) == Approx(800).epsilon(0.001));
        CHECK(latency(fits, "mean") == latency(plenty, "mean"));
        CHECK(latency(fits, "max") == latency(plenty, "max"));
    }
    // One less, and something waits; the rate is carried all the same.
    CHECK(latency(cached("1", "64"), "mean") != latency(plenty, "mean"));
    CHECK(latency(cached("64", "12"), "max") > latency(plenty, "max"));
    // The next line fetched ahead: nothing is waited for, one walker and a place in the buffer are enough.
    const Json ahead = cached("1", "1", "2");
    CHECK(gigabits(ahead["masters"][0]) == Approx(800).epsilon(0.001));
    CHECK(number(ahead["iommus"][0]["walks"]) == 1001);
    CHECK(latency(ahead, "p99") == Approx(107.5).epsilon(0.002));
}

TEST_CASE("papers F: others' misses delay a small DMA behind an MMU-500 by up to 1.8 times and more", "[cli][papers]") {
    const auto mean = [](const char* walkers, const char* more) {
        const Json result = result_of("mmu500-interference",
                                      {"soc.iommus[\"/soc/iommu@9050000\"].tcu.walk_slots=" + std::string(walkers),
                                       "traffic[1].outstanding=8", more});
        for (const Json& master : result["masters"]) {
            if (master["device"] == "a010000.dma") return number(master["latency_ns"]["mean"]);
        }
        return 0.0;
    };
    const double alone = mean("2", "traffic[1].transfers=0");
    REQUIRE(alone > 0);
    CHECK(mean("2", "traffic[1].working_set=64 KiB") == Approx(alone).epsilon(0.02));
    CHECK(mean("2", "traffic[1].working_set=16 MiB") == Approx(1.79 * alone).epsilon(0.1));
    CHECK(mean("4", "traffic[1].working_set=16 MiB") == Approx(alone).epsilon(0.02));
}
