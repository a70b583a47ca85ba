// `xlate why`: what limits a master, and what larger resources bring, by trial.
#include <algorithm>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

/// 256 B writes all over 16 MiB of single pages: nearly each waits in the TBU's write buffer for a walk.
std::string busy_nic(const Scratch& scratch) {
    REQUIRE(run_xlate(scratch, "init n.yaml --device nic --packet '256 B' --working-set '16 MiB'").status == 0);
    return "n.yaml";
}
const std::string kShort = " --set 'traffic[0].warmup=100' --set 'traffic[0].transfers=3000'";

const Json& trial(const Json& master, const std::string& key) {
    const Json& all = master["tried"];
    const auto found = std::find_if(all.begin(), all.end(), [&](const Json& one) {
        return one["key"].get<std::string>().find(key) != std::string::npos;
    });
    REQUIRE(found != all.end());
    return *found;
}

}  // namespace

TEST_CASE("why: the resource that limits brings the rate when it is larger, the others do not", "[cli][why]") {
    const Scratch scratch;
    REQUIRE(run_xlate(scratch, "run " + busy_nic(scratch) + kShort).status == 0);
    const Said said = run_xlate(scratch, "why out/n --json");
    REQUIRE(said.status == 0);
    CHECK(said.err.empty());
    const Json why = Json::parse(said.out);
    CHECK(why["schema"] == "xlate.why/1");
    const Json run = Json::parse(read_text(scratch.path("out/n/result.json")));
    CHECK(why["digest"] == run["digest"]);  // it is that run
    const Json& master = why["masters"][0];
    CHECK(master["limited_by"]["resource"] == "write buffer of the TBU (tbu.write_buffer)");
    CHECK(trial(master, "write_buffer")["gain"].get<double>() > 0.5);
    CHECK(trial(master, "walk_slots")["gain"].get<double>() < 0.05);
    CHECK(trial(master, "soc.pcie.bandwidth")["gain"].get<double>() < 0.05);
    CHECK(trial(master, "outstanding")["gain"].get<double>() < 0.05);
    CHECK(trial(master, "traffic[0].rate").contains("error"));  // the link does not carry twice the rate
    const Json& overhead = master["overhead"];
    CHECK(overhead["bandwidth_lost"].get<double>() > 0.3);  // the write buffer alone would bring half as much again
    CHECK(overhead["projected"].get<double>() > 0.1);
    CHECK(overhead["realised"].get<double>() > 0.1);
    const Json& slowest = master["slowest"];
    REQUIRE(slowest.size() == 5);
    CHECK(slowest[0]["latency_ns"] == run["masters"][0]["latency_ns"]["max"]);
    double sum = 0;
    for (const Json& ns : slowest[0]["parts_ns"]) sum += ns.get<double>();
    CHECK(sum == Approx(slowest[0]["latency_ns"].get<double>()));
    // Of 4,096 pages 2,900 transactions walk most; the ledger's walks of these are some of the master's.
    const Json& pages = master["pages"];
    REQUIRE(pages.size() == 5);
    double walks = 0, before = 1e18;
    for (const Json& page : pages) {
        CHECK(page["iova"].get<std::uint64_t>() % 4096 == 0);
        CHECK(page["walked"].get<int>() <= page["transactions"].get<int>());
        CHECK(page["walk_ns"].get<double>() <= before);
        before = page["walk_ns"].get<double>();
        walks += before;
    }
    CHECK(walks < master["breakdown_ns"]["walk"].get<double>() * 2900);
    CHECK(walks > 5 * master["breakdown_ns"]["walk"].get<double>());  // more than five of the mean
}

TEST_CASE("why: a config instead of a run, in words, and the same each time", "[cli][why]") {
    const Scratch scratch;
    busy_nic(scratch);
    // A run is cut behind its warm-up, also where that is longer.
    scratch.file(
        "w.yaml",
        "extends: n.yaml\ntraffic: [ { device: \"0000:00:01.0\", size: 256 B, warmup: 1000, transfers: 9000 } ]\n");
    const Said cut = run_xlate(scratch, "why w.yaml --transfers 800 --json");
    REQUIRE(cut.status == 0);
    CHECK(Json::parse(cut.out)["cut"] == true);
    CHECK(Json::parse(cut.out)["masters"][0]["slowest"][0]["number"].get<int>() <
          1200);  // a quarter of 800 behind 1000
    REQUIRE(run_xlate(scratch, "run n.yaml" + kShort).status == 0);
    const Said text = run_xlate(scratch, "why out/n 0000:00:01.0");
    CHECK(text.status == 0);
    CHECK(text.out.find("0000:00:01.0 of n: ") == 0);
    CHECK(text.out.find("limited by: write buffer of the TBU") != std::string::npos);
    CHECK(text.out.find("waiting for a slot or a buffer of the IOMMU") != std::string::npos);
    CHECK(text.out.find("  Busy or full, of its time:\n") != std::string::npos);
    CHECK(text.out.find("Tried, one at a time, with all else as it is:") != std::string::npos);
    CHECK(run_xlate(scratch, "why out/n -j 3").out == text.out);
}

TEST_CASE("why: the link of a PCIe port is tried, by lanes and generations", "[cli][why]") {
    const Scratch scratch;
    const std::string config = std::string(source_dir()) + "/configs/soc/pcie-switch.yaml";
    const auto tried = [&](const std::string& more) {
        const Said said = run_xlate(scratch, "run " + config + " --out out" + more +
                                                 " --set traffic[0].transfers=2000 --set traffic[1].transfers=2000");
        INFO(said.err);
        REQUIRE(said.status == 0);
        const Said why = run_xlate(scratch, "why out 0000:03:00.0 --json");
        REQUIRE(why.status == 0);
        return Json::parse(why.out)["masters"][0];
    };
    // Two drives share the switch's own link: four times as wide, it is no limit; their own links are not the limit.
    const Json master = tried("");
    CHECK(master["limited_by"]["resource"] == "link below the PCIe port 0000:00:01.0 (soc.pci[].link)");
    const Json& shared = trial(master, "soc.pci[0].link");
    CHECK(shared["key"] == "soc.pci[0].link.lanes");
    CHECK(shared["from"] == "x4 of generation 3");
    CHECK(shared["to"] == "x16 of generation 3");
    CHECK(shared["gain"].get<double>() > 0.5);
    CHECK(trial(master, "below[0].below[0].link")["gain"].get<double>() < 0.05);
    // With all lanes there are it is a newer generation.
    const Json wide = tried(" --set soc.pci[0].link.lanes=16 --set soc.pci[0].link.generation=1");
    CHECK(trial(wide, "soc.pci[0].link")["to"] == "x16 of generation 3");
}

TEST_CASE("why: the link of the root complex is tried where generation and lanes say what it carries", "[cli][why]") {
    const Scratch scratch;
    const std::string config = std::string(source_dir()) + "/configs/limits/small-reads.yaml";
    const Said said = run_xlate(scratch, "why --json " + config);
    INFO(said.err);
    REQUIRE(said.status == 0);
    const Json master = Json::parse(said.out)["masters"][0];
    const Json& link = trial(master, "soc.pcie.lanes");
    CHECK(link["to"] == "x16 of generation 4");
    CHECK_FALSE(link.contains("error"));
    CHECK(link["gain"].get<double>() < 0.05);
    // What cannot be tried names the key, and no line of a text that is no file.
    REQUIRE(run_xlate(scratch, "init n.yaml --device nic --rate '100 Gb/s'").status == 0);
    const Said refused = run_xlate(scratch, "why --json n.yaml --transfers 200");
    INFO(refused.err);
    REQUIRE(refused.status == 0);
    const Json why = Json::parse(refused.out);
    const Json& rate = trial(why["masters"][0], "traffic[0].rate");
    REQUIRE(rate.contains("error"));
    CHECK(rate["error"].get<std::string>().rfind("n.yaml: traffic[0].rate: ", 0) == 0);
}

TEST_CASE("why: what an IOMMU costs is not told of a function with ATS: each run has its requests", "[cli][why]") {
    const Scratch scratch;
    const std::string config = std::string(source_dir()) + "/configs/pri.yaml";
    const Said said = run_xlate(scratch, "why --json " + config);
    REQUIRE(said.status == 0);
    const Json master = Json::parse(said.out)["masters"][0];
    CHECK_FALSE(master.contains("overhead"));
    CHECK(master.contains("no_overhead"));
    CHECK(run_xlate(scratch, "why " + config).out.find("What its IOMMU costs is not told: its ATC") !=
          std::string::npos);
}

TEST_CASE("why: an interrupt is said, and is status 130", "[cli][why]") {
    const Scratch scratch;
    const std::string config = std::string(source_dir()) + "/configs/generated.yaml";
    const Said stopped = run_xlate(scratch, "why -j 1 " + config, "timeout --preserve-status -s INT 1");
    INFO(stopped.err);
    CHECK(stopped.status == 130);
    CHECK(stopped.err == "xlate: interrupted; nothing is kept\n");
    CHECK(stopped.out.empty());
}

TEST_CASE("why: what there is nothing to say about", "[cli][why]") {
    const Scratch scratch;
    busy_nic(scratch);
    REQUIRE(run_xlate(scratch, "run n.yaml" + kShort).status == 0);
    const Said other = run_xlate(scratch, "why out/n 0000:00:02.0");
    CHECK(other.status == 2);
    CHECK(other.err.find("no master '0000:00:02.0' had traffic; expected one of 0000:00:01.0") != std::string::npos);
    CHECK(run_xlate(scratch, "why nowhere").status == 2);
}
