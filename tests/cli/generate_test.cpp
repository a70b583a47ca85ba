// firmware.generate, and traffic by pattern.
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string board_config(const std::string& more = "") {
    return "name: made\n"
           "firmware: { generate: devicetree }\n"
           "soc:\n"
           "  board: { cpus: 2, masters: [ { name: video }, { name: gpu, count: 3, ids: 2 } ] }\n"
           "  memory: { size: 2 GiB }\n"
           "traffic:\n"
           "  - { device: '*.gpu', transfers: 100 }\n"
           "  - { device: a020000.gpu, transfers: 50 }\n" +
           more;
}

}  // namespace

TEST_CASE("generate: a board from soc.board boots, its masters do DMA, its tree is among the results",
          "[cli][generate]") {
    const Scratch scratch;
    scratch.file("made.yaml", board_config("expect: [ kernel.oops == 0, faults == 0 ]\n"));
    const Said said = run_xlate(scratch, "run made.yaml --quiet --out r");
    INFO(said.err);
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    REQUIRE(result["masters"].size() == 3);
    CHECK(result["masters"][0]["device"] == "a010000.gpu");
    CHECK(result["masters"][0]["reads"] == 100);
    for (const Json& master : result["masters"])
        CHECK(master["reads"] == (master["device"] == "a020000.gpu" ? 50 : 100));
    CHECK(result["groups"].size() >= 4);
    // The tree as a file is the same board.
    std::string by_file = board_config("expect: [ kernel.oops == 0, faults == 0 ]\n");
    by_file.replace(by_file.find("generate: devicetree"), 20, "devicetree: r/generated.dtb");
    by_file.replace(by_file.find("  board: "), by_file.find("  memory") - by_file.find("  board: "), "");
    by_file.replace(by_file.find("  memory: { size: 2 GiB }"), 25, "  payload: timing-only");
    scratch.file("file.yaml", by_file);
    const Said again = run_xlate(scratch, "run file.yaml --quiet --out f");
    INFO(again.err);
    REQUIRE(again.status == 0);
    CHECK(Json::parse(read_text(scratch.path("f/result.json")))["digest"] == result["digest"]);
    // So is the resolved config.
    REQUIRE(run_xlate(scratch, "run r/config.resolved.yaml --quiet --out s").status == 0);
    CHECK(Json::parse(read_text(scratch.path("s/result.json")))["digest"] == result["digest"]);
    CHECK(read_text(scratch.path("s/generated.dtb")) == read_text(scratch.path("r/generated.dtb")));
    const Said inspected = run_xlate(scratch, "inspect made.yaml");
    CHECK(inspected.out.find("/soc/gpu@a030000  /soc/iommu@9050000: 0x8005, 0x8006") != std::string::npos);
}

TEST_CASE("generate: what is wrong is named with its place", "[cli][generate]") {
    const Scratch scratch;
    const auto wrong = [&](const std::string& text, const std::string& message) {
        scratch.file("w.yaml", text);
        const Said said = run_xlate(scratch, "run w.yaml --out w");
        INFO(text << said.err);
        CHECK(said.status == 2);
        CHECK(said.err.find(message) != std::string::npos);
    };
    wrong("firmware: { generate: uboot }\n",
          "w.yaml:1:23: firmware.generate: 'uboot' cannot be made; expected devicetree or acpi");
    wrong("firmware: { devicetree: " + board("quickstart") + " }\nsoc: { board: { cpus: 2 } }\n",
          "w.yaml:2:15: soc.board: the firmware says what the board is");
    wrong("firmware: { generate: devicetree }\nsoc: { board: { masters: [ { iommu: smmuu } ] } }\n",
          "w.yaml:2:37: soc.board.masters[0].iommu: there is no IOMMU 'smmuu'; expected one of smmu; did you mean "
          "'smmu'?");
    wrong("firmware: { generate: devicetree }\nsoc: { board: { mastres: [] } }\n", "did you mean 'masters'?");
    wrong("firmware: { generate: devicetree }\nsoc: { memory: { size: 1 TiB } }\n",
          "w.yaml:2:16: soc.memory: 0x40000000 to 0x10040000000 collides with devices");
    wrong("firmware: { generate: devicetree }\ntraffic: [ { device: '*.gpu' } ]\n",
          "w.yaml:2:22: traffic[0].device: no master behind an IOMMU is called '*.gpu'");
}
