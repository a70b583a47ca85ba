// kernel.cost_spread: costs of kernel steps that differ each time, and calibrate as a user calls it.
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string config(const std::string& more) {
    return "name: s\nfirmware: { devicetree: " + board("quickstart") +
           " }\nsoc: { pci: [] }\ntraffic:\n  - { device: a000000.video, transfers: 1 }\nkernel: { cpus: 1" + more +
           " }\n" +
           "study:\n  repeat: 24\n  columns:\n    - { name: video ns, value: 'devices[\"a000000.video\"].probe_ns' }\n";
}

}  // namespace

TEST_CASE("cost spread: latency per device has a distribution, of the mean that it has without one",
          "[cli][calibrate]") {
    const Scratch scratch;
    scratch.file("s.yaml", config(""));
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out fixed").status == 0);
    const Json fixed = Json::parse(read_text(scratch.path("fixed/sweep.json")));
    const Json still = fixed["groups"][0]["values"][0];
    CHECK(still["min"] == still["max"]);
    CHECK(fixed["notes"].size() == 1);  // the seed changes nothing
    scratch.file("s.yaml", config(", cost_spread: 40%"));
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out varied").status == 0);
    const std::string text = read_text(scratch.path("varied/sweep.json"));
    const Json moved = Json::parse(text)["groups"][0]["values"][0];
    CHECK(moved["min"].get<double>() < still["mean"].get<double>());
    CHECK(moved["max"].get<double>() > still["mean"].get<double>() * 1.05);
    CHECK(moved["mean"].get<double>() == Approx(still["mean"].get<double>()).epsilon(0.15));
    // By the seed, and by nothing else.
    REQUIRE(run_xlate(scratch, "sweep s.yaml --out again -j 3").status == 0);
    CHECK(read_text(scratch.path("again/sweep.json")) == text);
    CHECK(run_xlate(scratch, "config show s.yaml").out.find("kernel.cost_spread") != std::string::npos);
    CHECK(run_xlate(scratch, "run s.yaml --set kernel.cost_spread=140%").status == 2);
}

TEST_CASE("calibrate: what it writes can be run, bad input is status 2", "[cli][calibrate]") {
    const Scratch scratch;
    const std::string trace = quoted(std::string(source_dir()) + "/configs/traces/boot.trace");
    REQUIRE(run_xlate(scratch, "calibrate " + trace + " -o costs.yaml").status == 0);
    const std::string yaml = read_text(scratch.path("costs.yaml"));
    CHECK(yaml.find("# Recorded under emulation (linux,dummy-virt): these times are rough") != std::string::npos);
    CHECK(yaml.find("    group_creation: ") != std::string::npos);
    CHECK(yaml.find("  cost_spread: ") != std::string::npos);
    scratch.file("run.yaml", yaml + "firmware: { devicetree: " + board("quickstart") + " }\n");
    CHECK(run_xlate(scratch, "run run.yaml --quiet --out r").status == 0);
    const Said json = run_xlate(scratch, "calibrate --json " + trace);
    CHECK(Json::parse(json.out)["schema"] == "xlate.calibration/1");
    scratch.file("none.txt", "[    0.000000] Booting Linux\n");
    const Said none = run_xlate(scratch, "calibrate none.txt");
    CHECK(none.status == 2);
    CHECK(none.err.find("none.txt: has no events of a trace") == 0);
    CHECK(run_xlate(scratch, "calibrate /nonexistent").status == 2);
}
