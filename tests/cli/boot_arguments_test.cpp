// `bootargs` of a device tree's /chosen are the kernel's command line, as Linux takes them (setup_machine_fdt()).
#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

/// The quickstart board with `bootargs`, as board.dtb; false: there is no dtc.
bool write_board(const Scratch& scratch, const std::string& bootargs) {
    if (std::system("command -v dtc > /dev/null 2>&1") != 0) {
        WARN("skipped: there is no dtc (Debian: device-tree-compiler)");
        SUCCEED();
        return false;
    }
    std::string text = read_text(std::string(source_dir()) + "/configs/boards/quickstart.dts");
    const std::size_t at = text.find("chosen {");
    REQUIRE(at != std::string::npos);
    text.insert(at + 8, " bootargs = \"" + bootargs + "\";");
    scratch.file("b.dts", text);
    REQUIRE(std::system(("dtc -q -I dts -O dtb -o '" + scratch.path("board.dtb") + "' '" + scratch.path("b.dts") + "'")
                            .c_str()) == 0);
    return true;
}

std::string domain_of(const Json& result, const std::string& device) {
    for (const Json& one : result["devices"]) {
        if (one["name"] == device) return one["domain"];
    }
    return "not there";
}

}  // namespace

TEST_CASE("boot arguments: parameters and CPUs of /chosen count, and a run says so", "[cli][bootargs]") {
    const Scratch scratch;
    if (!write_board(scratch,
                     "console=ttyAMA0 root=/dev/vda1 iommu.passthrough=0 maxcpus=1 dma_debug=off "
                     "swiotlb=maybe iommu.passthrough=1 -- iommu.passthrough=0"))
        return;
    const Said said = run_xlate(scratch, "run board.dtb --out r");
    INFO(said.out << said.err);
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    CHECK(domain_of(result, "0000:00:01.0") == "identity");
    const auto says = [&](const std::string& text) { return said.out.find(text) != std::string::npos; };
    CHECK(says("assumed: kernel.parameters.iommu.passthrough is not given: 1, as bootargs of /chosen say"));
    CHECK(says("assumed: kernel.cpus is not given: 1 of 4, as bootargs of /chosen say (maxcpus=1)"));
    CHECK(says("warning: bootargs of /chosen: kernel parameter 'dma_debug=off' is not modelled"));
    CHECK(says("warning: bootargs of /chosen: kernel parameter 'swiotlb=maybe' is left out: found 'maybe'"));
    CHECK_FALSE(says("root"));
    const Said inspect = run_xlate(scratch, "inspect board.dtb");
    CHECK(inspect.out.find(
              "  /chosen: iommu.passthrough=1: a run takes it where `kernel.parameters` has no word on it\n") !=
          std::string::npos);
    const Json facts = Json::parse(run_xlate(scratch, "inspect board.dtb --json").out)["boot_arguments"];
    CHECK(facts.size() == 4);
}

TEST_CASE("boot arguments: what the config gives counts, and the difference is said", "[cli][bootargs]") {
    const Scratch scratch;
    if (!write_board(scratch, "iommu.passthrough=1 nosmp arm-smmu-v3.disable-bypass=1")) return;
    const Said said = run_xlate(scratch,
                                "run board.dtb --out r --set kernel.cpus=2 --set kernel.parameters.iommu.passthrough=0 "
                                "--set kernel.parameters.arm-smmu-v3.disable_bypass=1");
    INFO(said.out << said.err);
    REQUIRE(said.status == 0);
    CHECK(domain_of(Json::parse(read_text(scratch.path("r/result.json"))), "0000:00:01.0") == "DMA");
    CHECK(said.out.find("assumed: kernel.parameters.iommu.passthrough is 0, whatever bootargs of /chosen say (1)") !=
          std::string::npos);
    CHECK(said.out.find("disable_bypass is") == std::string::npos);
    CHECK(said.out.find("kernel.cpus") == std::string::npos);
}

// Linux 734554fdfce6 (6.10).
TEST_CASE("boot arguments: a parameter that a kernel no longer has is said to change nothing", "[cli][bootargs]") {
    const Scratch scratch;
    if (!write_board(scratch, "quiet")) return;
    // Stream 0x20 is that of no device.
    scratch.file("c.yaml",
                 "firmware: { devicetree: board.dtb }\nsoc: { pci: [ { slot: '00:01.0', driver: nvme } ] }\nkernel: { "
                 "parameters: { arm-smmu-v3.disable_bypass: 0 } }\ntraffic: [ { device: '0000:00:01.0', transfers: 5, "
                 "requester_id: '0x20' } ]\n");
    const char* const text =
        "warning: kernel.parameters.arm-smmu-v3.disable_bypass changes nothing: it means nothing from Linux 6.10 on "
        "(734554fdfce6): streams without a domain abort";
    for (const auto& [variant, retired] :
         {std::pair("mainline-6.8", false), std::pair("mainline-6.11", true), std::pair("linux-6.12", true)}) {
        const Said said = run_xlate(scratch, std::string("run c.yaml --out r --variant ") + variant);
        INFO(variant << said.out << said.err);
        REQUIRE(said.status == 0);
        CHECK((said.out.find(text) != std::string::npos) == retired);
        const Json result = Json::parse(read_text(scratch.path("r/result.json")));
        REQUIRE(result["faults"].size() == 5);
        CHECK(result["faults"][0]["reason"] == (retired ? "ABORT" : "DECODE_ERROR"));
    }
}

TEST_CASE("boot arguments: a number of CPUs that is none is said", "[cli][bootargs]") {
    const Scratch scratch;
    if (!write_board(scratch, "maxcpus=two")) return;
    const Said said = run_xlate(scratch, "inspect board.dtb");
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.out.find("kernel parameter 'maxcpus=two' is not modelled") != std::string::npos);
    CHECK(said.out.find("a run takes it") == std::string::npos);
}

TEST_CASE("boot arguments: two kernels on one board have them, too", "[cli][bootargs]") {
    const Scratch scratch;
    if (!write_board(scratch, "iommu.passthrough=1")) return;
    const Said said = run_xlate(scratch, "diff-kernels linux-6.12 linux-6.16 board.dtb");
    INFO(said.out << said.err);
    CHECK(said.out.find("bootargs of /chosen say") != std::string::npos);
}
