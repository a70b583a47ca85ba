// SoCs of several interconnects, channels and recordings through the program: every config of configs/soc runs, and
// what is wrong in one ends in a message with its place.
#include <algorithm>
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
    CHECK(said("pci: [ { slot: \"00:01.0\", driver: nvme, link: { generation: 3 } } ]")
              .find("only root ports and downstream ports of switches have a link below them") != std::string::npos);
    CHECK(said("pci: [ { slot: \"00:01.0\", kind: root-port, link: { generation: 3, lanes: 5 } } ]")
              .find("1, 2, 4, 8 or 16") != std::string::npos);
    CHECK(said("fidelity: fast, check_protocol: true").find("soc.fidelity: exact") != std::string::npos);
    CHECK(said("iommu: { partitions: { p: { share: 25%, masters: [a000000.vide] } } }")
              .find("no master is called 'a000000.vide'; expected one such as 'a000000.video'") != std::string::npos);
    CHECK(said("interconnect: { foreign: noc }").find("no foreign interconnect 'noc' is linked into this program") !=
          std::string::npos);
}

TEST_CASE("soc configs: two drives behind a PCIe switch share its link, ACS says who is in a group", "[cli][soc]") {
    const Scratch scratch;
    const auto run = [&](const std::string& acs, unsigned lanes) {
        write(scratch.path("c.yaml"),
              "firmware: { generate: acpi }\n"
              "soc:\n"
              "  board: { masters: [], iommus: [ { name: smmu } ], pcie: [ { iommu: smmu } ] }\n"
              "  memory: { bandwidth: 100 GB/s }\n"
              "  interconnect: { width: 32 B }\n"
              "  iommu: { tbu: { write_buffer: 512 } }\n"
              "  check_protocol: true\n"
              "  pcie: { bandwidth: 32 GB/s }\n"
              "  pci:\n"
              "    - slot: \"00:01.0\"\n"
              "      kind: root-port\n"
              "      link: { generation: 3, lanes: " +
                  std::to_string(lanes) +
                  " }\n"
                  "      below:\n"
                  "        - slot: \"00.0\"\n"
                  "          kind: switch-upstream\n"
                  "          below:\n"
                  "            - { slot: \"00.0\", kind: switch-downstream, acs: " +
                  acs +
                  ", link: { generation: 3, lanes: 4 }, below: [ { slot: \"00.0\", driver: nvme } ] }\n"
                  "            - { slot: \"01.0\", kind: switch-downstream, acs: " +
                  acs +
                  ", link: { generation: 3, lanes: 4 }, below: [ { slot: \"00.0\", driver: nvme } ] }\n"
                  "traffic:\n"
                  "  - { device: \"0000:03:00.0\", read: 0%, size: 256 B, outstanding: 64, transfers: 4000 }\n"
                  "  - { device: \"0000:04:00.0\", read: 0%, size: 256 B, outstanding: 64, transfers: 4000 }\n");
        const Said said = run_xlate(scratch, "run c.yaml --quiet --out r");
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(read_text(scratch.path("r/result.json")));
    };
    const auto group = [](const Json& result, const std::string& name) {
        for (const Json& device : result["devices"]) {
            if (device["name"] == name) return device["group"];
        }
        return Json();
    };
    const auto both = [](const Json& result) {
        return result["masters"][0]["bandwidth_bytes_per_s"].get<double>() +
               result["masters"][1]["bandwidth_bytes_per_s"].get<double>();
    };
    const Json shared = run("true", 4), wide = run("true", 8), without = run("false", 4);
    // Without ACS in a downstream port, what is behind it is in the port's group (kernel-probe.md section 11).
    CHECK(group(shared, "0000:03:00.0") != group(shared, "0000:02:00.0"));
    CHECK(group(shared, "0000:03:00.0") != group(shared, "0000:04:00.0"));
    CHECK(group(without, "0000:03:00.0") == group(without, "0000:02:00.0"));
    // 256 of 280 bytes of x4: 3.60 GB/s for both, while both are there; with x8 each has its own x4.
    CHECK(both(shared) == Approx(4 * 984'615'384.0 * 256 / 280).epsilon(0.08));
    CHECK(both(wide) == Approx(8 * 984'615'384.0 * 256 / 280).epsilon(0.05));
    CHECK(shared["protocol"]["violations"] == 0);
    const auto limit = [](const Json& result) { return result["masters"][0]["limited_by"]["resource"]; };
    CHECK(limit(shared) == "link below the PCIe port 0000:00:01.0 (soc.pci[].link)");
    CHECK(limit(wide) == "link below the PCIe port 0000:02:00.0 (soc.pci[].link)");
}

TEST_CASE("soc configs: an endpoint's translation cache works over a port's link, and its messages pay for it",
          "[cli][soc]") {
    const Scratch scratch;
    const auto run = [&](const std::string& link) {
        write(scratch.path("c.yaml"),
              "firmware: { devicetree: ats.dtb }\n"
              "soc:\n"
              "  iommu: { features: { ats: true } }\n"
              "  pci: [ { slot: \"00:02.0\", kind: root-port, " +
                  link +
                  " below: [ { slot: \"00.0\", driver: e1000e, atc: { entries: 64 } } ] } ]\n"
                  "traffic: [ { device: \"0000:01:00.0\", pattern: random, working_set: 256 KiB, outstanding: 1, "
                  "transfers: 300, chunk: 4 KiB } ]\n");
        const Said said = run_xlate(scratch, "run c.yaml --quiet --out r");
        INFO(said.err);
        REQUIRE(said.status == 0);
        return Json::parse(read_text(scratch.path("r/result.json")));
    };
    const Json without = run(""), with = run("link: { bandwidth: 8 GB/s, latency: 100 ns },");
    CHECK(with["masters"][0]["atc"]["translated"] == 300);
    CHECK(with["masters"][0]["atc"]["invalidations"] == without["masters"][0]["atc"]["invalidations"]);
    CHECK(with["iommus"][0]["atc_timeouts"] == 0);
    // 100 ns more each way: an access that hits its cache pays both once, one that asks before pays them twice.
    const auto mean = [](const Json& result) { return result["masters"][0]["latency_ns"]["mean"].get<double>(); };
    CHECK(mean(with) > mean(without) + 200);
    CHECK(mean(with) < mean(without) + 450);
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

TEST_CASE("run: links of PCIe ports resolve to themselves, by generation and by bandwidth", "[cli][run]") {
    Scratch scratch;
    write(scratch.path("c.yaml"),
          "firmware: { devicetree: quickstart.dtb }\n"
          "soc:\n"
          "  pci:\n"
          "    - { slot: \"00:01.0\", kind: root-port, link: { generation: 3, lanes: 2 }, below: [ { slot: \"00.0\", "
          "driver: nvme } ] }\n"
          "    - { slot: \"00:02.0\", kind: root-port, link: { bandwidth: 1 GB/s }, below: [ { slot: \"00.0\", driver: "
          "nvme } ] }\n"
          "traffic:\n"
          "  - { device: \"0000:01:00.0\", transfers: 400 }\n"
          "  - { device: \"0000:02:00.0\", transfers: 400 }\n"
          "expect: [ faults == 0, 'links[\"pcie.0000:00:02.0\"].packets > 0' ]\n");
    const Said first = run_xlate(scratch, "run c.yaml --out r");
    CHECK(first.err == "");
    REQUIRE(first.status == 0);
    const Said again = run_xlate(scratch, "run r/config.resolved.yaml --out again");
    INFO(again.err);
    REQUIRE(again.status == 0);
    CHECK(run_xlate(scratch, "compare r again").out == "the same\n");
}
