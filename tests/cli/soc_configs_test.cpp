// SoCs of several interconnects, channels and recordings through the program: every config of configs/soc runs, and
// what is wrong in one ends in a message with its place.
#include <filesystem>
#include <fstream>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::filesystem::path configs() { return std::filesystem::path(source_dir()) / "configs"; }

void write(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

constexpr const char* kTraced =
    "firmware: { devicetree: quickstart.dtb }\n"
    "soc: { pci: [] }\n"
    "traffic: [ { device: a000000.video, pattern: trace, trace: t.csv } ]\n";

}  // namespace

TEST_CASE("soc configs: each boots and holds its expectations, and interconnects and channels change its times",
          "[cli][soc]") {
    std::vector<std::filesystem::path> files{configs() / "trace.yaml"};
    for (const auto& entry : std::filesystem::directory_iterator(configs() / "soc")) {
        if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() >= 4);
    for (const std::filesystem::path& file : files) {
        INFO(file);
        const Scratch scratch;
        const Said said = run_xlate(scratch, "run " + quoted(file.string()) + " --quiet --out r");
        INFO(said.err);
        CHECK(said.status == 0);
        CHECK(Json::parse(read_text(scratch.path("r/result.json")))["faults"].empty());
    }
}

TEST_CASE("soc configs: a recording with a malformed line ends with file, line and column, status 2", "[cli][soc]") {
    const Scratch scratch;
    write(scratch.path("c.yaml"), kTraced);
    write(scratch.path("t.csv"), "time_ns,offset,size,op\n0,0,64,r\n1,0,64,q\n");
    const Said said = run_xlate(scratch, "run c.yaml --out r");
    CHECK(said.status == 2);
    CHECK(said.err.find("t.csv:3:8: found 'q'; expected r or w") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch.path("r/result.json")));
    std::filesystem::remove(scratch.path("t.csv"));
    const Said none = run_xlate(scratch, "run c.yaml --out r");
    CHECK(none.status == 2);
    CHECK(none.err.find("there is no file 't.csv'") != std::string::npos);
}

TEST_CASE("soc configs: what does not fit together is said by its key, status 2", "[cli][soc]") {
    const Scratch scratch;
    const auto said = [&](const std::string& soc) {
        write(scratch.path("c.yaml"), "firmware: { devicetree: quickstart.dtb }\nsoc: { " + soc + " }\n");
        const Said result = run_xlate(scratch, "run c.yaml --out r");
        CHECK(result.status == 2);
        return result.err;
    };
    CHECK(said("memory: { timings: ddr4-3200, latency: 60 ns }").find("c.yaml:2:") != std::string::npos);
    CHECK(said("memory: { timing: { tRCD: 20 } }").find("there are no timings that it could change") !=
          std::string::npos);
    CHECK(said("memory: { timings: ddr4-3200, timing: { tRCT: 20 } }").find("did you mean 'tRCD'") !=
          std::string::npos);
    CHECK(said("memory: { timings: ddr9 }").find("ddr4-3200") != std::string::npos);
    CHECK(said("interconnects: { a: { parent: b } }").find("there is no interconnect 'b'") != std::string::npos);
    CHECK(said("interconnects: { a: { parent: b }, b: { parent: a } }").find("the way up never ends: a -> b -> a") !=
          std::string::npos);
    CHECK(said("placement: { cpu: a }").find("soc.placement.cpu") != std::string::npos);
    CHECK(said("fidelity: fast, memory: { channels: 2 }").find("soc.fidelity: exact") != std::string::npos);
    CHECK(said("memory: { foreign: dramsim }").find("c.yaml:2:27: soc.memory.foreign: no foreign memory 'dramsim'") !=
          std::string::npos);
    CHECK(said("memory: { foreign_options: { a: 1 } }").find("there is no foreign part that they are for") !=
          std::string::npos);
    CHECK(
        said("interconnect: { kind: mesh, routes: { \"0,0 -> 1,1\": \"1,0 0,0 0,1 1,1\" } }").find("the route loops") !=
        std::string::npos);
    CHECK(said("interconnect: { kind: torus }").find("mesh") != std::string::npos);
    CHECK(said("regulators: { a000000.vide: { bytes: 1 KiB } }")
              .find("c.yaml:2:22: soc.regulators[\"a000000.vide\"]: there is no master and no port") !=
          std::string::npos);
    CHECK(said("system_cache: { size: 1000 B }").find("a multiple of ways x line x channels, 1024 B") !=
          std::string::npos);
    CHECK(said("pcie: { lanes: 4 }").find("soc.pcie.generation") != std::string::npos);
    CHECK(said("pcie: { generation: 3, bandwidth: 1 GB/s }").find("one of the two") != std::string::npos);
    CHECK(said("pcie: { generation: 3, lanes: 3 }").find("1, 2, 4, 8 or 16") != std::string::npos);
}

TEST_CASE("run: a mesh, a cache before memory, regulators and a PCIe generation are data, and resolve to themselves",
          "[cli][run]") {
    Scratch scratch;
    write(scratch.path("c.yaml"),
          "firmware: { devicetree: quickstart.dtb }\n"
          "soc:\n"
          "  interconnect: { kind: mesh, columns: 2, rows: 2, nodes: { memory: \"1,1\", cpus: \"0,0\" } }\n"
          "  system_cache: { size: 256 KiB, allocate: reads }\n"
          "  regulators: { a000000.video: { bytes: 1 KiB, window: 1 us } }\n"
          "  pci: [ { slot: \"00:01.0\", driver: nvme } ]\n"
          "  pcie: { generation: 4, lanes: 8, max_payload: 256 B, max_read_request: 512 B, nonposted_credits: 16 }\n"
          "traffic:\n"
          "  - { device: a000000.video, transfers: 400 }\n"
          "  - { device: \"0000:00:01.0\", size: 1 KiB, transfers: 400 }\n"
          "expect:\n"
          "  - faults == 0\n"
          "  - masters[0].reads == 400\n"
          "  - masters[0].bandwidth_bytes_per_s < 1100000000\n"
          "  - regulators[0].held > 10\n"
          "  - system_cache.walks.lookups > 10\n"
          "  - links[0].packets > 0\n");
    const Said first = run_xlate(scratch, "run c.yaml --out r");
    CHECK(first.err == "");
    REQUIRE(first.status == 0);
    REQUIRE(run_xlate(scratch, "run r/config.resolved.yaml --out again").status == 0);
    CHECK(run_xlate(scratch, "compare r again").out == "the same\n");
}
