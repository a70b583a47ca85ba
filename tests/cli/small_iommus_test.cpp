// What depends on the release of Linux, or on the driver alone, for the IOMMUs of SoCs: `inspect` says it, and `run`
// does it. Sources: commits 2d70fdd9b5c9 (exynos-iommu, 6.17), 9d7b779e3004 (apple-dart, 6.15); ipmmu-vmsa.c,
// soc_needs_opt_in[], devices_allowlist[]; match table of rockchip-iommu.c.
#include <initializer_list>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/firmware/tree_builder.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

std::string blob_of(TreeBuilder& tree) {
    const std::vector<std::uint8_t> blob = tree.finish();
    return {blob.begin(), blob.end()};
}

/// CPU, 256 MiB of memory at 0x80000000, an interrupt controller and a clock, of a board with these compatibles.
void begin(TreeBuilder& tree, std::string_view compatible) {
    tree.text("compatible", compatible);
    tree.cells("#address-cells", {1}).cells("#size-cells", {1}).cells("interrupt-parent", {9});
    tree.open("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.open("cpu@0").text("device_type", "cpu").text("compatible", "arm,cortex-a53").cells("reg", {0}).close();
    tree.close();
    tree.open("memory@80000000").text("device_type", "memory").cells("reg", {0x80000000, 0x10000000}).close();
    tree.open("gic@8000000").text("compatible", "arm,gic-v3").cells("reg", {0x8000000, 0x10000, 0x80a0000, 0x20000});
    tree.flag("interrupt-controller").cells("#interrupt-cells", {3}).cells("phandle", {9}).close();
    tree.open("clock").text("compatible", "fixed-clock").cells("clock-frequency", {400000000});
    tree.cells("#clock-cells", {0}).cells("phandle", {8}).close();
}

void iommu(TreeBuilder& tree, const char* name, const char* compatible, std::uint32_t address, std::uint32_t phandle,
           std::uint32_t cells) {
    tree.open(name).text("compatible", compatible).cells("reg", {address, 0x4000}).cells("#iommu-cells", {cells});
    tree.cells("clocks", {8}).text("clock-names", "sysmmu");
    tree.cells("interrupts", {0, 32 + phandle, 4}).cells("phandle", {phandle}).close();
}

/// A display whose picture firmware shows, behind one IOMMU.
std::string lit_panel(const char* compatible) {
    TreeBuilder tree;
    begin(tree, "field,board");
    tree.open("reserved-memory").cells("#address-cells", {1}).cells("#size-cells", {1}).flag("ranges");
    tree.open("framebuffer@87000000").cells("reg", {0x87000000, 0x400000});
    tree.cells("iommu-addresses", {2, 0x87000000, 0x400000}).cells("phandle", {3}).close().close();
    iommu(tree, "iommu@14860000", compatible, 0x14860000, 1, 0);
    tree.open("display@14830000").text("compatible", "field,display").cells("reg", {0x14830000, 0x8000});
    tree.cells("iommus", {1}).cells("memory-region", {3}).cells("phandle", {2}).close();
    return blob_of(tree);
}

std::string three_darts() {
    TreeBuilder tree;
    begin(tree, "field,board");
    iommu(tree, "iommu@30000000", "apple,t6000-dart", 0x30000000, 1, 1);
    iommu(tree, "iommu@30010000", "apple,t6000-dart", 0x30010000, 2, 1);
    iommu(tree, "iommu@30020000", "apple,t6000-dart", 0x30020000, 3, 1);
    tree.open("isp@38000000").text("compatible", "field,isp").cells("reg", {0x38000000, 0x10000});
    tree.cells("iommus", {1, 0, 2, 0, 3, 0}).close();
    return blob_of(tree);
}

/// A display subsystem behind Qualcomm's SMMU.
std::string qcom(std::string_view client) {
    TreeBuilder tree;
    begin(tree, "field,board");
    // Without its driver the SMMU's is deferred.
    tree.open("firmware").open("scm").text("compatible", "qcom,scm").close().close();
    tree.open("iommu@15000000").text("compatible", std::string_view("qcom,sm8450-smmu-500\0arm,mmu-500", 32));
    tree.cells("reg", {0x15000000, 0x100000}).cells("#iommu-cells", {2}).cells("#global-interrupts", {1});
    tree.cells("interrupts", {0, 64, 4, 0, 65, 4, 0, 66, 4, 0, 67, 4, 0, 68, 4}).cells("phandle", {1}).close();
    tree.open("display@ae00000").text("compatible", client).cells("reg", {0xae00000, 0x1000});
    tree.cells("iommus", {1, 0x1c00, 2}).close();
    return blob_of(tree);
}

std::string rcar(std::string_view compatible) {
    TreeBuilder tree;
    begin(tree, compatible);
    iommu(tree, "iommu@e6740000", "renesas,ipmmu-r8a7796", 0xe6740000, 1, 1);
    for (const char* const name : {"mmc@ee100000", "dma@ee200000"}) {
        tree.open(name).text("compatible", "field,master");
        tree.cells("reg", {name[0] == 'm' ? 0xee100000 : 0xee200000, 0x2000}).cells("iommus", {1, 32}).close();
    }
    return blob_of(tree);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json result_of(const Scratch& scratch, const std::string& arguments) {
    const Said said = run_xlate(scratch, "run " + arguments + " --out r");
    CAPTURE(said.out, said.err);
    REQUIRE(has(said.out, "Results: "));
    return Json::parse(read_text(scratch.path("r/result.json")));
}

}  // namespace

TEST_CASE("small IOMMUs: the Exynos driver asks for firmware's memory from Linux 6.17 on", "[cli][exynos]") {
    const Scratch scratch;
    scratch.file("b.dtb", lit_panel("samsung,exynos-sysmmu"));
    CHECK(has(run_xlate(scratch, "inspect b.dtb").out,
              "/display@14830000: 0x87000000-0x873fffff: memory since firmware, mapped one to one from Linux 6.17 on "
              "(before, exynos-sysmmu does not ask for it)"));
    CHECK_FALSE(result_of(scratch, "b.dtb --variant linux-6.16")["groups"][0].contains("reserved_regions"));
    Json newer = result_of(scratch, "b.dtb --variant linux-6.17");
    REQUIRE(newer["groups"][0].contains("reserved_regions"));
    CHECK(newer["groups"][0]["reserved_regions"][0]["start"] == 0x87000000);
    CHECK(newer["groups"][0]["reserved_regions"][0]["type"] == "direct");
}

TEST_CASE("small IOMMUs: a driver that asks for no memory of firmware maps none", "[cli][rockchip]") {
    const Scratch scratch;
    scratch.file("b.dtb", lit_panel("rockchip,iommu"));
    CHECK(has(run_xlate(scratch, "inspect b.dtb").out,
              "memory since firmware, not mapped by Linux: its driver rockchip-iommu does not ask for it"));
    CHECK_FALSE(result_of(scratch, "b.dtb")["groups"][0].contains("reserved_regions"));
}

TEST_CASE("small IOMMUs: a device may have three DARTs from Linux 6.15 on", "[cli][dart]") {
    const Scratch scratch;
    scratch.file("b.dtb", three_darts());
    scratch.file("c.yaml", "firmware: { devicetree: b.dtb }\nkernel: { page_size: 16 KiB }\n");
    CHECK(result_of(scratch, "c.yaml --variant linux-6.12")["groups"].empty());
    Json newer = result_of(scratch, "c.yaml --variant mainline-6.15.1");
    REQUIRE(newer["groups"].size() == 1);
    CHECK(newer["groups"][0]["devices"] == Json::array({"38000000.isp"}));
    CHECK(newer["masters"][0]["faults"] == 0);
}

TEST_CASE("small IOMMUs: Qualcomm's displays get identity from the release on that lists them", "[cli][smmuv2]") {
    struct Row {
        const char* client;
        const char* before;
        const char* since;
    };
    for (const Row& row : {Row{"qcom,sar2130p-mdss", "mainline-6.15.1", "linux-6.16"},
                           Row{"qcom,glymur-mdss", "linux-6.18", "linux-6.19"}}) {
        CAPTURE(row.client);
        const Scratch scratch;
        scratch.file("b.dtb", qcom(row.client));
        Json before = result_of(scratch, std::string("b.dtb --variant ") + row.before);
        CHECK(before["groups"][0]["type"] == "DMA");
        Json since = result_of(scratch, std::string("b.dtb --variant ") + row.since);
        CHECK(since["groups"][0]["type"] == "identity");
    }
}

TEST_CASE("small IOMMUs: --why knows whom a driver turns away", "[cli][ipmmu]") {
    const Scratch scratch;
    scratch.file("denied.dtb", rcar("renesas,r8a7796"));
    scratch.file("some.dtb", rcar("renesas,r8a77965"));
    CHECK(has(run_xlate(scratch, "inspect denied.dtb --why ee100000.mmc").out,
              "not translated: the driver ipmmu-vmsa uses no IPMMU of r8a7796: the SoC is on its deny list"));
    CHECK(has(run_xlate(scratch, "inspect some.dtb --why ee100000.mmc").out, "translated by /iommu@e6740000"));
    const Said other = run_xlate(scratch, "inspect some.dtb --why ee200000.dma --json");
    CHECK(Json::parse(other.out)["end"] == "refused");
    // A vendor's name that Linux does not bind to.
    scratch.file("npu.dtb", lit_panel("rockchip,iommu-v2"));
    CHECK(has(run_xlate(scratch, "inspect npu.dtb --why 14830000.display").out, "not translated: no driver"));
}

TEST_CASE("small IOMMUs: of several the one that did not come is named", "[cli][run]") {
    const Scratch scratch;
    TreeBuilder tree;
    begin(tree, "field,board");
    iommu(tree, "iommu@e6740000", "rockchip,rk3568-iommu", 0xe6740000, 1, 0);
    iommu(tree, "iommu@e6750000", "field,no-such-iommu", 0xe6750000, 2, 0);
    tree.open("dma@ee200000").text("compatible", "field,master").cells("reg", {0xee200000, 0x2000});
    tree.cells("iommus", {1, 2}).close();
    scratch.file("b.dtb", blob_of(tree));
    const Json untranslated = result_of(scratch, "b.dtb")["untranslated"];
    REQUIRE(untranslated.size() == 1);
    CHECK(has(untranslated[0]["why"].get<std::string>(), "/iommu@e6750000"));
    CHECK_FALSE(has(untranslated[0]["why"].get<std::string>(), "e6740000"));
}

TEST_CASE("small IOMMUs: an SMMUv2 has as many stream groups as firmware's masters need", "[cli][run]") {
    const Scratch scratch;
    TreeBuilder tree;
    begin(tree, "field,board");
    tree.open("firmware").open("scm").text("compatible", "qcom,scm").close().close();
    tree.open("iommu@15000000").text("compatible", std::string_view("qcom,msm8996-smmu-v2\0qcom,smmu-v2", 33));
    tree.cells("reg", {0x15000000, 0x40000}).cells("#iommu-cells", {1}).cells("#global-interrupts", {1});
    tree.cells("interrupts", {0, 64, 4, 0, 65, 4, 0, 66, 4}).cells("phandle", {1}).close();
    tree.open("codec@c00000").text("compatible", "field,codec").cells("reg", {0xc00000, 0x1000});
    tree.cells("iommus", {1, 0,  1, 1,  1, 2,  1, 3,  1, 4,  1, 5,  1, 6,  1, 7,  1, 8,  1, 9,
                          1, 10, 1, 11, 1, 12, 1, 13, 1, 14, 1, 15, 1, 16, 1, 17, 1, 18, 1, 19});
    tree.close();
    scratch.file("b.dtb", blob_of(tree));
    const Json result = result_of(scratch, "b.dtb");
    CHECK(result["untranslated"].empty());
    CHECK(result["faults_total"] == 0);
    CHECK(has(read_text(scratch.path("r/console.log")), "stream matching with 20 register groups"));
    CHECK(has(run_xlate(scratch, "run b.dtb --set soc.iommu.smmuv2.stream_groups=16").out, "ENOSPC"));
}

TEST_CASE("small IOMMUs: a module of no driver's name is said", "[cli][run]") {
    const Scratch scratch;
    scratch.file("b.dtb", lit_panel("samsung,exynos-sysmmu"));
    scratch.file("m.yaml",
                 "firmware: { devicetree: b.dtb }\nkernel: { modules: [ { name: exynos-iommmu }, { name: nvme } ] }\n");
    const Said said = run_xlate(scratch, "run m.yaml");
    CAPTURE(said.out, said.err);
    CHECK(has(said.out, "kernel.modules[0]: 'exynos-iommmu' changes nothing: no driver here has that name"));
    CHECK_FALSE(has(said.out, "kernel.modules[1]"));
}
