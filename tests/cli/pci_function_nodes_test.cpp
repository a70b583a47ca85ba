// Nodes of a device tree that are PCI functions, and buses whose devices are none: whose memory, and whose ids, count.
// Linux: of_iommu_configure() asks the host bridge's iommu-map of a PCI function; of_iommu_get_resv_regions() asks the
// node of the device itself, from 6.3 on (5cef282e295f), and warns of size 0 from 6.8 on (bb57f6705960).
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate::tests;
using namespace std::string_view_literals;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::uint32_t kSmmu = 1, kFrame = 2, kPcie = 3, kNic = 4, kDisplay = 5, kGic = 9;
constexpr std::uint32_t kFrameBase = 0x8c000000, kFrameBytes = 0x800000;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string blob_of(TreeBuilder& tree) {
    const std::vector<std::uint8_t> blob = tree.finish();
    return {blob.begin(), blob.end()};
}

/// A CPU, memory, an SMMUv3, and a region whose row of addresses is `row`.
void begin(TreeBuilder& tree, const std::vector<std::uint32_t>& row) {
    tree.cells("#address-cells", {1}).cells("#size-cells", {1}).cells("interrupt-parent", {kGic});
    tree.open("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.open("cpu@0").text("device_type", "cpu").text("compatible", "arm,cortex-a72").cells("reg", {0}).close();
    tree.close();
    tree.open("memory@80000000").text("device_type", "memory").cells("reg", {0x80000000, 0x10000000}).close();
    tree.open("gic@8000000").text("compatible", "arm,gic-v3").cells("reg", {0x8000000, 0x10000, 0x80a0000, 0x20000});
    tree.flag("interrupt-controller").cells("#interrupt-cells", {3}).cells("phandle", {kGic}).close();
    tree.open("reserved-memory").cells("#address-cells", {1}).cells("#size-cells", {1}).flag("ranges");
    tree.open("frame@8c000000").cells("reg", {kFrameBase, kFrameBytes});
    tree.cells("iommu-addresses", row).cells("phandle", {kFrame}).close().close();
    tree.open("smmu@9050000").text("compatible", "arm,smmu-v3").cells("reg", {0x9050000, 0x20000});
    tree.cells("interrupts", {0, 74, 1, 0, 75, 1, 0, 76, 1, 0, 77, 1});
    tree.text("interrupt-names", "eventq\0priq\0cmdq-sync\0gerror"sv).flag("dma-coherent");
    tree.cells("#iommu-cells", {1}).cells("phandle", {kSmmu}).close();
}

/// Opens the host bridge, with a map.
void open_pcie(TreeBuilder& tree, bool with_frame) {
    tree.open("pcie@10000000").text("compatible", "pci-host-ecam-generic").text("device_type", "pci");
    tree.cells("reg", {0x10000000, 0x1000000}).cells("bus-range", {0, 15});
    tree.cells("#address-cells", {3}).cells("#size-cells", {2}).flag("dma-coherent");
    tree.cells("ranges", {0x2000000, 0, 0x20000000, 0x20000000, 0, 0x1000000});
    tree.cells("iommu-map", {0, kSmmu, 0x1000, 0x1000}).cells("phandle", {kPcie});
    if (with_frame) tree.cells("memory-region", {kFrame});
}

/// Function 00:10.0 has a node, which the frame is for.
std::string board_of_function() {
    TreeBuilder tree;
    begin(tree, {kNic, 0x2000000, 0, kFrameBase, 0, kFrameBytes});
    open_pcie(tree, false);
    tree.open("ethernet@10,0").text("compatible", "pci1131,e101").cells("reg", {0x8000, 0, 0, 0, 0});
    tree.cells("memory-region", {kFrame}).cells("phandle", {kNic}).close().close();
    return blob_of(tree);
}

/// So has function 01:00.0, behind the root port 00:00.0.
std::string board_behind_port() {
    TreeBuilder tree;
    begin(tree, {kNic, 0x2000000, 0, kFrameBase, 0, kFrameBytes});
    open_pcie(tree, false);
    tree.open("pci@0,0").text("device_type", "pci").cells("reg", {0, 0, 0, 0, 0});
    tree.cells("#address-cells", {3}).cells("#size-cells", {2}).flag("ranges");
    tree.open("wifi@0,0").text("compatible", "pci17cb,1107").cells("reg", {0x10000, 0, 0, 0, 0});
    tree.cells("memory-region", {kFrame}).cells("phandle", {kNic}).close().close().close();
    return blob_of(tree);
}

/// The host bridge's own node has the frame.
std::string board_of_host() {
    TreeBuilder tree;
    begin(tree, {kPcie, kFrameBase, kFrameBytes});
    open_pcie(tree, true);
    tree.close();
    return blob_of(tree);
}

/// A display behind the SMMU, with the frame or with a row without a byte.
std::string board_of_display(std::uint32_t bytes) {
    TreeBuilder tree;
    begin(tree, {kDisplay, bytes == 0 ? 0 : kFrameBase, bytes});
    tree.open("display@14000000").text("compatible", "field,display").cells("reg", {0x14000000, 0x8000});
    tree.cells("iommus", {kSmmu, 7}).cells("memory-region", {kFrame}).cells("phandle", {kDisplay}).close();
    return blob_of(tree);
}

/// Functions with `iommus` and `iommu-map`, one of them behind a port; NXP's management complex.
std::string board_of_useless_properties() {
    TreeBuilder tree;
    begin(tree, {kDisplay, 0, 0x1000});
    open_pcie(tree, false);
    tree.open("pci@0,0").text("device_type", "pci").cells("reg", {0, 0, 0, 0, 0}).cells("bus-range", {1, 15});
    tree.cells("#address-cells", {3}).cells("#size-cells", {2}).flag("ranges");
    tree.open("wifi@0").text("compatible", "pci17cb,1107").cells("reg", {0x10000, 0, 0, 0, 0});
    tree.cells("iommus", {kSmmu, 0x55}).close().close();
    tree.open("ethernet@10,0").text("compatible", "pci1131,e101").cells("reg", {0x8000, 0, 0, 0, 0});
    tree.cells("iommu-map", {0, kSmmu, 0x100, 0x1000}).close().close();
    tree.open("fsl-mc@c000000").text("compatible", "fsl,qoriq-mc").cells("reg", {0xc000000, 0x40});
    tree.cells("msi-parent", {kGic}).cells("iommu-map", {0, kSmmu, 0x200, 0x10}).close();
    return blob_of(tree);
}

/// Of `run` with that variant.
Json result_of(const Scratch& scratch, const std::string& input, const std::string& variant) {
    const Said said = run_xlate(scratch, "run " + input + " --out r --variant " + variant);
    CAPTURE(said.out, said.err);
    REQUIRE(has(said.out, "Results: "));
    return Json::parse(read_text(scratch.path("r/result.json")));
}

/// "start type" of each region but that of messages, of all groups.
std::string regions_of(const Json& result) {
    std::string text;
    for (const Json& group : result["groups"]) {
        if (!group.contains("reserved_regions")) continue;
        for (const Json& one : group["reserved_regions"]) {
            if (one["type"] != "msi") text += one["start"].dump() + " " + one["type"].get<std::string>() + ";";
        }
    }
    return text;
}

std::string warnings_of(const Json& result) {
    std::string text;
    for (const Json& one : result["warnings"]) text += one.get<std::string>() + "\n";
    return text;
}

}  // namespace

TEST_CASE("function nodes: memory of a PCI function's own node is mapped for that function", "[cli][pci]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_function());
    scratch.file("c.yaml",
                 "firmware: { devicetree: b.dtb }\n"
                 "soc: { pci: [ { slot: '00:10.0', driver: e1000e }, { slot: '00:02.0', driver: nvme } ] }\n");
    CHECK(has(run_xlate(scratch, "inspect b.dtb").out,
              "/pcie@10000000/ethernet@10,0: 0x8c000000-0x8c7fffff: memory since firmware, mapped one to one from "
              "Linux 6.3 on (before, it does not read it)"));
    const std::string direct = std::to_string(kFrameBase) + " direct;";
    for (const char* variant : {"base", "linux-6.12"}) {
        INFO(variant);
        const Json result = result_of(scratch, "c.yaml", variant);
        CHECK(regions_of(result) == direct);
        CHECK_FALSE(has(warnings_of(result), "iommu-addresses"));
    }
    const Json before = result_of(scratch, "c.yaml", "linux-6.1");
    CHECK(regions_of(before).empty());
    CHECK(has(warnings_of(before),
              "/reserved-memory/frame@8c000000: iommu-addresses for /pcie@10000000/ethernet@10,0 "
              "(0x8c000000-0x8c7fffff): ignored by this kernel, which does not read it (from 6.3 on)"));
}

TEST_CASE("function nodes: the node of a function behind a port is found by way of the port's", "[cli][pci]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_behind_port());
    const auto regions_with = [&](const std::string& slot) {
        scratch.file("c.yaml",
                     "firmware: { devicetree: b.dtb }\nsoc: { pci: [ { slot: '00:00.0', kind: root-port, "
                     "below: [ { slot: '" +
                         slot + "', driver: nvme } ] } ] }\n");
        return regions_of(result_of(scratch, "c.yaml", "linux-6.12"));
    };
    CHECK(regions_with("00.0") == std::to_string(kFrameBase) + " direct;");
    CHECK(regions_with("01.0").empty());
}

TEST_CASE("function nodes: memory of the host bridge's node is nobody's behind it", "[cli][pci]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_host());
    const std::string text =
        "of the bus' own device, in front of which no IOMMU is: what is behind it has nodes of "
        "its own or none, and gets neither mapping nor reservation";
    CHECK(has(run_xlate(scratch, "inspect b.dtb").out,
              "/pcie@10000000: 0x8c000000-0x8c7fffff: memory since firmware, " + text));
    const Json result = result_of(scratch, "b.dtb", "linux-6.12");
    CHECK(regions_of(result).empty());
    CHECK(has(warnings_of(result), "iommu-addresses for /pcie@10000000 (0x8c000000-0x8c7fffff): " + text));
}

TEST_CASE("function nodes: a kernel that reads no iommu-addresses says so", "[cli]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_display(kFrameBytes));
    const std::string ignored = "ignored by this kernel, which does not read it (from 6.3 on)";
    const std::string of_display = "/display@14000000: 0x8c000000-0x8c7fffff: memory since firmware, ";
    CHECK(has(run_xlate(scratch, "inspect b.dtb --variant linux-6.1").out, of_display + ignored));
    CHECK(has(run_xlate(scratch, "inspect b.dtb --variant linux-6.12").out, of_display + "mapped one to one (/res"));
    CHECK(has(warnings_of(result_of(scratch, "b.dtb", "linux-6.1")), ignored));
    const Json newer = result_of(scratch, "b.dtb", "linux-6.12");
    CHECK(regions_of(newer) == std::to_string(kFrameBase) + " direct;");
    CHECK_FALSE(has(warnings_of(newer), "iommu-addresses"));
}

TEST_CASE("function nodes: a row of size 0 is Linux's warning from 6.8 on", "[cli]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_display(0));
    const Said inspected = run_xlate(scratch, "inspect b.dtb");
    CHECK(has(inspected.out, "the row of /display@14000000 has size 0"));
    CHECK_FALSE(has(inspected.out, "Reserved for devices"));
    const std::string line = "14000000.display: Cannot reserve IOVA region of 0 size";
    const auto console_of = [&](const std::string& variant) {
        CHECK(regions_of(result_of(scratch, "b.dtb", variant)).empty());
        return read_text(scratch.path("r/console.log"));
    };
    CHECK(has(console_of("linux-6.12"), line));
    CHECK_FALSE(has(console_of("base"), line));
    CHECK(has(warnings_of(Json::parse(read_text(scratch.path("r/result.json")))),
              "iommu-addresses for /display@14000000 (0x0): its size is 0, which spoils the IOVAs of kernels"));
    CHECK_FALSE(has(console_of("linux-6.1"), line));
}

TEST_CASE("function nodes: iommus and iommu-map of a function's node put nothing behind an IOMMU", "[cli][pci]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_useless_properties());
    const std::string text = run_xlate(scratch, "inspect b.dtb").out;
    CAPTURE(text);
    CHECK(has(text, "none with a node of their own"));
    CHECK(has(text, "/pcie@10000000/pci@0,0/wifi@0: iommus: of a PCI function: no driver of Linux reads it here"));
    CHECK(has(text, "functions behind /pcie@10000000: by topology"));
    CHECK_FALSE(has(text, "functions behind /pcie@10000000/ethernet@10,0"));
    CHECK(has(text, "/pcie@10000000/ethernet@10,0: iommu-map: no driver of Linux looks ids up here"));
    const std::string why = run_xlate(scratch, "inspect b.dtb --why /pcie@10000000/pci@0,0/wifi@0").out;
    CAPTURE(why);
    CHECK(has(why, "the node of a PCI function, 0000:01:00.0 by its address: Linux makes no platform device of it"));
    CHECK(has(why, "its iommus is read by no driver of Linux"));
    CHECK(has(why, "id 0x1100"));
    CHECK_FALSE(has(why, "0x55"));
    scratch.file("c.yaml",
                 "firmware: { devicetree: b.dtb }\nsoc: { pci: [ { slot: '00:00.0', kind: root-port, "
                 "below: [ { slot: '01:00.0', driver: nvme } ] } ] }\n");
    const Json result = result_of(scratch, "c.yaml", "linux-6.12");
    CHECK_FALSE(has(result.dump(), "wifi@0"));
    REQUIRE(result["masters"].size() == 1);
}

TEST_CASE("function nodes: objects of a management complex are no PCI functions, and not simulated", "[cli]") {
    const Scratch scratch;
    scratch.file("b.dtb", board_of_useless_properties());
    const std::string text = run_xlate(scratch, "inspect b.dtb").out;
    CAPTURE(text);
    CHECK(has(text, "DPAA2 objects of /fsl-mc@c000000: one group for each container; not modelled"));
    CHECK_FALSE(has(text, "functions behind /fsl-mc@c000000"));
    CHECK(has(text, "msi-parent of /fsl-mc@c000000: messages of DPAA2 objects: their interrupts are not simulated"));
    CHECK(has(warnings_of(result_of(scratch, "b.dtb", "linux-6.12")),
              "/fsl-mc@c000000: the objects of DPAA2 that its management complex makes, network interfaces among them, "
              "are not simulated"));
}
