// A boot framebuffer goes on scanning through the SMMU's reset, its driver's probe and the attach (IORT RMR).
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/acpi_tables.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

constexpr std::uint64_t kFrame = 0x90000000, kFrameBytes = 0x200000;

std::string bytes_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

/// Function 00:01.0 reads the frame from power-on on, far beyond the end of the boot.
Json scan(const Scratch& scratch, std::uint8_t revision, std::uint64_t from) {
    IortWriter iort(revision);
    const std::uint32_t smmu = iort.smmu_v3(0x9050000);
    iort.root_complex(0, {{0, 0xFFFF, 0, smmu, 0}});
    iort.rmr(kFrame, kFrameBytes, {{0, 0, 8, smmu, 1}});
    scratch.file("iort.dat", bytes_of(iort.finish()));
    scratch.file("mcfg.dat", bytes_of(sample_mcfg()));
    const std::string config = scratch.file(
        "scan.yaml",
        "firmware: { acpi: [ iort.dat, mcfg.dat ] }\n"
        "soc:\n  memory: { base: 0x80000000, size: 1 GiB }\n"
        "  pci: [ { slot: '00:01.0', driver: nvme } ]\n"
        "traffic:\n  - { device: '0000:00:01.0', pattern: linear, read: 100%, size: 64 B, working_set: 64 KiB,\n"
        "      transfers: 3000, interval: 1 us, map_delay: 20 ms }\n"
        "rogues: [ { device: '0000:00:01.0', at: 0 ns, iova: " +
            std::to_string(from) + ", size: 1 MiB } ]\nlimits: { sim_time: 10 ms }\n");
    const Said said = run_xlate(scratch, "run " + quoted(config) + " --out result");
    INFO(said.out);
    INFO(said.err);
    return Json::parse(read_text(scratch.path("result/result.json")));
}

}  // namespace

TEST_CASE("run: memory that the IORT reserves for a stream is never out of its reach", "[cli][acpi]") {
    const Scratch scratch;
    const Json result = scan(scratch, 6, kFrame);
    CHECK(result["sim"]["boot_ns"].get<double>() < 3e6);  // so that the scan outlasts it
    CHECK(result["faults_total"] == 0);
    CHECK(result["masters"][0]["reads"].get<int>() > 2000);
    CHECK(result["devices"][0]["name"].is_string());
    bool direct = false;
    for (const Json& group : result["groups"]) {
        if (!group.contains("reserved_regions")) continue;
        for (const Json& region : group["reserved_regions"]) {
            direct = direct || (region["type"] == "direct" && region["start"] == kFrame &&
                                region["end"] == kFrame + kFrameBytes - 1);
        }
    }
    CHECK(direct);
    bool told = false;
    for (const Json& warning : result["warnings"]) {
        told = told || warning.get<std::string>().find("_DSM keeps firmware's PCI configuration") != std::string::npos;
    }
    CHECK(told);
}

TEST_CASE("run: elsewhere, and in a table too old for reserved ranges, the same scan faults", "[cli][acpi]") {
    const Scratch scratch;
    CHECK(scan(scratch, 6, kFrame + kFrameBytes)["faults_total"].get<int>() > 0);
    CHECK(scan(scratch, 3, kFrame)["faults_total"].get<int>() > 0);
}
