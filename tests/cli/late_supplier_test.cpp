// An SMMU whose clock's driver is a module that comes after Linux has stopped waiting for it.
// Linux: arm_smmu_device_probe() takes its clocks by devm_clk_bulk_get_all(), which has no timeout; its masters wait
// for it by driver_deferred_probe_check_state(), which has.
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/arm_machine.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

TEST_CASE("late suppliers: an SMMUv2 comes with its clock, after its master, which is said", "[cli][smmuv2]") {
    const Scratch scratch;
    TreeBuilder tree;
    open_arm_machine(tree);
    tree.open("clock-controller@3d90000").text("compatible", "field,cc").cells("reg", {0x3d90000, 0x9000});
    tree.cells("#clock-cells", {1}).cells("phandle", {2}).close();
    tree.open("iommu@5da0000").text("compatible", "arm,mmu-500").cells("reg", {0x5da0000, 0x40000});
    tree.cells("#iommu-cells", {1}).cells("#global-interrupts", {1}).cells("phandle", {1});
    tree.cells("interrupts", {0, 64, 4, 0, 65, 4}).cells("clocks", {2, 1}).close();
    tree.open("cdsp@5d00000").text("compatible", "field,cdsp").cells("reg", {0x5d00000, 0x40000});
    tree.cells("iommus", {1, 0x10}).close();
    const std::vector<std::uint8_t> blob = tree.finish();
    scratch.file("b.dtb", std::string(blob.begin(), blob.end()));
    scratch.file("c.yaml",
                 "firmware: { devicetree: b.dtb }\nkernel: { modules: [ { name: cc, device: "
                 "/clock-controller@3d90000, at: 20 s } ] }\n");
    const Said said = run_xlate(scratch, "run c.yaml --out r");
    CAPTURE(said.out, said.err);
    REQUIRE(said.status == 0);
    const Json result = Json::parse(read_text(scratch.path("r/result.json")));
    for (const Json& one : result["devices"]) {
        if (one["name"] == "5da0000.iommu") CHECK(one["state"] == "bound");
    }
    REQUIRE(result["untranslated"].size() == 1);
    CHECK(result["untranslated"][0]["kind"] == "iommu-not-ready");
    CHECK(result["untranslated"][0]["why"] ==
          "Linux no longer waited for its IOMMU 5da0000.iommu (-110, ETIMEDOUT), which came later");
    CHECK(read_text(scratch.path("r/console.log")).find("arm-smmu 5da0000.iommu: failed to get clocks -517") !=
          std::string::npos);
}
