// Warm-up, steady state, and what bounds a master.
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string config(const std::string& traffic, const std::string& more = "") {
    return "firmware: { devicetree: " + board("quickstart") + " }\nsoc: { pci: []" + more +
           " }\ntraffic:\n  - { device: a000000.video, pattern: random, size: 64 B, working_set: 512 KiB, chunk: 4 "
           "KiB, " +
           traffic + " }\n";
}

Json result_of(const Scratch& scratch, const std::string& yaml, const std::string& arguments = "") {
    scratch.file("x.yaml", yaml);
    const Said said = run_xlate(scratch, "run x.yaml --quiet --out r " + arguments);
    INFO(said.err);
    REQUIRE(said.status == 0);
    return Json::parse(read_text(scratch.path("r/result.json")));
}

}  // namespace

TEST_CASE("warm-up: first transfers are left out of a master's statistics, and nothing else changes", "[cli][steady]") {
    const Scratch scratch;
    for (const std::string fidelity : {"", ", fidelity: fast"}) {
        const Json whole = result_of(scratch, config("transfers: 4000", fidelity))["masters"][0];
        CHECK_FALSE(whole.contains("warmup_left_out"));
        const Json all = result_of(scratch, config("transfers: 4000, warmup: 1000", fidelity));
        const Json& measured = all["masters"][0];
        CHECK(measured["warmup_left_out"] == 1000);
        CHECK(measured["reads"] == 3000);
        CHECK(measured["issued"] == 4000);
        CHECK(measured["bytes"] == 3000 * 64);
        // 128 pages miss once each, and then they are in the TLB: what is left is faster.
        CHECK(measured["latency_ns"]["mean"] < whole["latency_ns"]["mean"]);
        CHECK(measured["bandwidth_bytes_per_s"] > whole["bandwidth_bytes_per_s"]);
        double sum = 0;
        for (const auto& [part, ns] : measured["breakdown_ns"].items()) sum += ns.get<double>();
        if (fidelity.empty()) CHECK(sum == Approx(measured["latency_ns"]["mean"].get<double>()).margin(0.02));
        // The simulation is the same.
        CHECK(all["digest"] == result_of(scratch, config("transfers: 4000", fidelity))["digest"]);
    }
    const Json timed = result_of(scratch, config("transfers: 4000, warmup: 10 us"))["masters"][0];
    CHECK(timed["warmup_left_out"].get<std::uint64_t>() > 100);
    CHECK(timed["warmup_left_out"].get<std::uint64_t>() + timed["reads"].get<std::uint64_t>() == 4000);
}

TEST_CASE("warm-up: what is longer than the run is one message with its place", "[cli][steady]") {
    const Scratch scratch;
    const auto refused = [&](const std::string& traffic, const std::string& message) {
        scratch.file("x.yaml", config(traffic));
        const Said said = run_xlate(scratch, "run x.yaml --quiet --out r");
        INFO(said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(message) != std::string::npos);
    };
    refused("transfers: 100, warmup: 100", "traffic[0].warmup: 100 transfers are left out of 100: nothing is left");
    refused("transfers: 100, warmup: soon",
            "traffic[0].warmup: found 'soon'; expected a number of transfers, or a time");
    refused("transfers: 100, warmup: 1 s",
            "traffic[0].warmup: a warm-up of 1 s is longer than all traffic of a000000.video");
}

TEST_CASE("steady state: a run that its start dominates says so, and how to go on, a longer one had settled",
          "[cli][steady]") {
    const Scratch scratch;
    const Json brief = result_of(scratch, config("transfers: 400"))["masters"][0]["steady"];
    CHECK(brief["method"] == "batch means");
    CHECK(brief["settled"] == false);
    CHECK(brief["longer"].get<std::uint64_t>() >= 2);
    const Said said = run_xlate(scratch, "run x.yaml --out r");
    CHECK(said.out.find("a000000.video had not settled (batch means of ") != std::string::npos);
    CHECK(said.out.find("times as long") != std::string::npos);
    CHECK(result_of(scratch, config("transfers: 100000"))["masters"][0]["steady"]["settled"] == true);
    CHECK(result_of(scratch, config("transfers: 20000, warmup: 2000"))["masters"][0]["steady"]["settled"] == true);
    CHECK(result_of(scratch, config("transfers: 5"))["masters"][0]["steady"]["settled"].is_null());
}

TEST_CASE("limited by: the busiest resource, with the key that sizes it", "[cli][steady]") {
    const Scratch scratch;
    const auto limit = [&](const std::string& traffic, const std::string& more = "") {
        return result_of(scratch, config(traffic, more))["masters"][0]["limited_by"];
    };
    // 64 B each 100 ns: nothing is busy but the wait for the next.
    const Json paced = limit("transfers: 2000, interval: 100 ns");
    CHECK(paced["resource"] == "its own pace (traffic[].interval)");
    CHECK(paced["share"].get<double>() > 0.97);
    // 1 GB/s of memory.
    const Json memory = limit("transfers: 4000, outstanding: 64, warmup: 500", ", memory: { bandwidth: 1 GB/s }");
    CHECK(memory["resource"] == "bandwidth of memory (soc.memory.bandwidth)");
    CHECK(memory["share"].get<double>() > 0.9);
    // One at a time: its own outstanding transfers.
    const Json alone = limit("transfers: 2000, outstanding: 1, warmup: 500");
    CHECK(alone["resource"] == "its own outstanding transfers (traffic[].outstanding) and their latency");
    CHECK(alone["share"].get<double>() > 0.9);
}

TEST_CASE("limited by: the one walker of a Rockchip IOMMU, and with four of them its masters are faster",
          "[cli][steady]") {
    const Scratch scratch;
    const auto run = [&](const std::string& more) {
        const std::string config = quoted(std::string(source_dir()) + "/configs/rockchip.yaml");
        const Said said = run_xlate(scratch, "run " + config + " --quiet --set 'expect=[]' --out r" + more);
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(read_text(scratch.path("r/result.json")))["masters"];
    };
    const Json one = run(""), four = run(" --set soc.iommu.tcu.walk_slots=4");
    std::size_t bounded = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        if (one[i]["limited_by"]["resource"] != "walk slots of the core (tcu.walk_slots)") continue;
        ++bounded;
        CHECK(four[i]["bandwidth_bytes_per_s"].get<double>() > 1.05 * one[i]["bandwidth_bytes_per_s"].get<double>());
    }
    CHECK(bounded == 3);
}

TEST_CASE("limited by: the driver that maps around each transfer, and with more of its tasks it is faster",
          "[cli][steady]") {
    const Scratch scratch;
    const auto run = [&](const std::string& tasks) {
        return result_of(
            scratch, config("transfers: 2000, mapping: per-transfer, outstanding: 32, tasks: " + tasks))["masters"][0];
    };
    const Json one = run("1"), four = run("4");
    CHECK(one["limited_by"]["resource"] == "map and unmap around each transfer by its driver (traffic[].tasks)");
    CHECK(one["limited_by"]["share"].get<double>() > 0.5);
    CHECK(four["bandwidth_bytes_per_s"].get<double>() > 1.5 * one["bandwidth_bytes_per_s"].get<double>());
}

TEST_CASE("case 04: sized as the machine was, passthrough, lazy and strict come near what was published",
          "[cli][steady]") {
    if (skip_without("field/04-grace-strict")) return;
    const Scratch scratch;
    const std::string study = quoted((*corpus() / "field/04-grace-strict/sized.yaml").string());
    const Said said = run_xlate(scratch, "sweep " + study + " --out s");
    INFO(said.err);
    REQUIRE(said.status == 0);
    const Json points = Json::parse(read_text(scratch.path("s/sweep.json")))["points"];
    REQUIRE(points.size() == 3);
    const double published[] = {8.25, 8.2, 1.4};  // million I/O a second
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(points[i]["values"][0].get<double>() == Approx(published[i]).epsilon(0.3));
        const std::string directory = points[i]["directory"];
        const Json result = Json::parse(read_text(scratch.path("s/" + directory + "/result.json")));
        for (const Json& master : result["masters"]) CHECK(master["steady"]["settled"] == true);
    }
}

TEST_CASE("case 04: the run says that the write buffer bounds passthrough", "[cli][steady]") {
    if (skip_without("field/04-grace-strict")) return;
    const Scratch scratch;
    const std::string study = quoted((*corpus() / "field/04-grace-strict/study.yaml").string());
    const Said said = run_xlate(scratch, "run " + study + " --set kernel.parameters.iommu.passthrough=1 --out r");
    INFO(said.out);
    CHECK(said.status == 0);
    CHECK(said.out.find("limited by: write buffer of the TBU (tbu.write_buffer), busy ") != std::string::npos);
    CHECK(said.out.find("had not settled") != std::string::npos);
}

TEST_CASE("traffic by time: nothing begins after it, and what is under way ends", "[cli][steady]") {
    const Scratch scratch;
    for (const std::string more : {"", ", fidelity: fast"}) {
        const Json result = result_of(scratch, config("time: 20 us, interval: 100 ns", more));
        const Json& master = result["masters"][0];
        CHECK(master["ended_by"] == "time");
        // One each 100 ns, and the last ends within the one in whose time it began.
        CHECK(master["issued"].get<std::uint64_t>() >= 200);
        CHECK(master["issued"].get<std::uint64_t>() <= 220);
        CHECK(master["reads"] == master["issued"]);
    }
    // Whichever comes first.
    const Json few = result_of(scratch, config("time: 20 us, interval: 100 ns, transfers: 50"))["masters"][0];
    CHECK(few["issued"] == 50);
    CHECK_FALSE(few.contains("ended_by"));
}

TEST_CASE("traffic by time: a driver that maps around each transfer stops, too, and unmaps all", "[cli][steady]") {
    const Scratch scratch;
    for (const char* mapping : {"mapping: per-transfer", "mapping: ring, ring: { descriptors: 16 }"}) {
        CAPTURE(mapping);
        const Json result = result_of(
            scratch, "firmware: { devicetree: " + board("quickstart") +
                         " }\nsoc: { pci: [] }\ntraffic:\n  - { device: a010000.dma, size: 2 KiB, outstanding: 4, " +
                         mapping + ", time: 100 us }\n");
        const Json& master = result["masters"][0];
        CHECK(master["ended_by"] == "time");
        CHECK(master["reads"].get<std::uint64_t>() > 20);
        CHECK(result["sim"]["outcome"] == "finished");
        CHECK(result["faults_total"] == 0);
        // A ring's 16 descriptors stay posted.
        const auto dma = result["kernel"]["dma"];
        const int posted = std::string(mapping).find("ring") == std::string::npos ? 0 : 16;
        CHECK(dma["maps"].get<int>() == dma["unmaps"].get<int>() + posted);
    }
}

TEST_CASE("traffic until settled: ends when its latency has, and not before", "[cli][steady]") {
    const Scratch scratch;
    const Json settled = result_of(scratch, config("until_settled: true, warmup: 1000"))["masters"][0];
    CHECK(settled["ended_by"] == "settled");
    CHECK(settled["steady"]["settled"] == true);
    CHECK(settled["issued"].get<std::uint64_t>() >= 1024);
    CHECK(settled["issued"].get<std::uint64_t>() < 100'000);
    // The same mean as a run of a fixed length has.
    const Json longer = result_of(scratch, config("transfers: 60000, warmup: 1000"))["masters"][0];
    CHECK(settled["latency_ns"]["mean"].get<double>() ==
          Approx(longer["latency_ns"]["mean"].get<double>()).epsilon(0.05));
    // At most so many.
    const Json cut = result_of(scratch, config("until_settled: true, transfers: 1000"))["masters"][0];
    CHECK(cut["issued"] == 1000);
    CHECK_FALSE(cut.contains("ended_by"));
}
