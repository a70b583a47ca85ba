// Keys without effect are named, with their place; no config of the tree has one.
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "study/config/config.hpp"
#include "study/config/idle_keys.hpp"
#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::study;
using namespace xlate::tests;

namespace {

std::string idle(const std::string& traffic, const std::string& more = "") {
    const Config config = parse_config(
        "firmware: { generate: devicetree }\ntraffic: [ { device: a, " + traffic + " } ]\n" + more, "c.yaml");
    std::string all;
    for (const std::string& one : idle_keys(config)) all += one + "\n";
    return all;
}

}  // namespace

TEST_CASE("idle keys: what another key makes useless is named with its place", "[study][config]") {
    CHECK(idle("stride: 8 KiB") == "traffic[0].stride has no effect: pattern is linear, not strided (c.yaml:2:33)\n");
    CHECK(idle("stride: 8 KiB, pattern: strided").empty());
    CHECK(idle("stride: 4 KiB").empty());  // the default: a resolved config has it
    CHECK(idle("burst: 4").find("traffic[0].burst has no effect: there is no burst_gap") == 0);
    CHECK(idle("burst: 4, burst_gap: 10 ns").empty());
    CHECK(idle("chunk: 4 KiB, mapping: per-transfer").find("mapping is per-transfer, not once") != std::string::npos);
    CHECK(idle("buffer: 4 KiB").find("traffic[0].buffer has no effect: mapping is once, not per-transfer") == 0);
    CHECK(idle("tasks: 4").find("traffic[0].tasks has no effect") == 0);
    CHECK(idle("tasks: 4, mapping: per-transfer").empty());
    CHECK(idle("tasks: 4, mapping: ring").empty());
    CHECK(idle("tasks: 4, mapping: on-demand").find("mapping is on-demand, not per-transfer or ring") !=
          std::string::npos);
    CHECK(idle("size: 64 B", "soc: { memory: { timings: ddr4-3200, banks: 8 } }\n")
              .find("soc.memory.banks has no effect") == 0);
}

TEST_CASE("idle keys: a run says so in its warnings, and no config of the tree has one", "[cli][config]") {
    const Scratch scratch;
    scratch.file("c.yaml",
                 "firmware: { devicetree: " + board("quickstart") +
                     " }\nsoc: { pci: [] }\ntraffic: [ { device: a000000.video, transfers: 10, tasks: 4 } ]\n");
    CHECK(run_xlate(scratch, "run c.yaml --out r").out.find("traffic[0].tasks has no effect: mapping is once") !=
          std::string::npos);
    std::size_t configs = 0;
    const std::filesystem::path folder = std::string(source_dir()) + "/configs";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        const std::string path = entry.path().string();
        if (entry.path().extension() != ".yaml" || path.find("/explore/") != std::string::npos) continue;
        CAPTURE(path);
        ++configs;
        for (const std::string& one : idle_keys(load_config(path))) FAIL_CHECK(one);
    }
    CHECK(configs >= 40);
}
