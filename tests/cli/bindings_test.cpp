// A board of each family with one mistake in its binding: Linux's driver answers an error number, and a run says so and
// goes on with what is left. Numbers: of_xlate, probe_device and probe of the drivers under Linux drivers/iommu (6.12).
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"

using namespace xlate::tests;

namespace {

struct Change {
    const char* from;
    const char* to;
};
struct Mistake {
    const char* what;
    const char* board;  ///< configs/boards/BOARD.dts
    std::vector<Change> changes;
    const char* said;  ///< of what is left untranslated
    const char* arguments = "";
    const char* console = "";  ///< what Linux prints
};

const std::vector<Mistake>& mistakes() {
    static const char* const kOld = "--variant linux-6.1";
    static const std::vector<Mistake> all{
        {"dart: two cells",
         "dart",
         {{"#iommu-cells = <1>", "#iommu-cells = <2>"}, {"<&usb_dart 0>", "<&usb_dart 0 7>"}},
         "a010000.usb: id 0x0, 0x1 was refused at 9000000.iommu (-22, EINVAL)",
         "--set soc.iommu.dart.page_size='4 KiB'"},
        {"dart: two instances of different pages",
         "dart",
         {},
         "a010000.usb: id 0x0, 0x1 was refused at 9000000.iommu (-22, EINVAL)",
         "--set soc.iommu.dart.page_size='4 KiB' --set 'soc.iommus./iommu@9000000.dart.page_size=16 KiB'"},
        {"omap: neither 8 nor 32 TLB entries",
         "omap",
         {{"ti,#tlb-entries = <8>", "ti,#tlb-entries = <16>"}},
         "480bd400.mmu is failed: its driver's probe ended with -22, EINVAL",
         kOld},
        {"tegra: no interrupt",
         "tegra",
         {{"interrupts = <0 77 4>", "other = <0 77 4>"}},
         "70019000.memory-controller is failed: its driver's probe ended with -6, ENXIO"},
        {"exynos: no interrupt",
         "exynos",
         {{"interrupts = <0 ", "other = <0 "}},
         "13a00000.sysmmu is failed: its driver's probe ended with -6, ENXIO"},
        {"exynos: another clock",
         "exynos",
         {{"clock-names = \"aclk\", \"pclk\"", "clock-names = \"bogus\", \"pclk\""}},
         "13a00000.sysmmu is failed: its driver's probe ended with -38, ENOSYS",
         "",
         "Failed to get device clock(s)!"},
        {"mediatek: a larb beyond the last",
         "mediatek",
         {{"<&m4u 0x43>", "<&m4u 0x3e3>"}},
         "15021000.camera: id 0x3e3 was refused at 1401d000.iommu (-22, EINVAL)"},
        {"mediatek: a larb that is not there",
         "mediatek",
         {{"<&m4u 0x43>", "<&m4u 0xa3>"}},
         "15021000.camera: id 0xa3 was refused at 1401d000.iommu (-22, EINVAL)"},
        {"mediatek: ports of two larbs",
         "mediatek",
         {{"<&m4u 0x80>, <&m4u 0x82>", "<&m4u 0x80>, <&m4u 0x44>"}},
         "16000000.codec: id 0x80, 0x44 was refused at 1401d000.iommu (-22, EINVAL)",
         "",
         "Can only use one larb. Fail@larb4-2."},
        {"mediatek: no larbs",
         "mediatek",
         {{"mediatek,larbs = <&larb0>, <&larb2>, <&larb4>;", ""}},
         "1401d000.iommu is failed: its driver's probe ended with -2, ENOENT",
         "",
         "mm dts parse fail"},
        {"mediatek: two cells",
         "mediatek",
         {{"#iommu-cells = <1>", "#iommu-cells = <2>"}, {"<&m4u 0x43>", "<&m4u 0x43 0>"}},
         "15021000.camera: id 0x43 was refused at 1401d000.iommu (-22, EINVAL)",
         "",
         "invalid #iommu-cells(2) property for IOMMU"},
        {"mediatek-v1: another clock",
         "mediatek_v1",
         {{"clock-names = \"bclk\"", "clock-names = \"other\""}},
         "10205000.iommu is failed: its driver's probe ended with -2, ENOENT",
         kOld},
        {"mediatek-v1: two cells, which end the registration",
         "mediatek_v1",
         {{"#iommu-cells = <1>", "#iommu-cells = <2>"}, {"<&m4u 32>", "<&m4u 32 0>"}},
         "10205000.iommu is failed: its driver's probe ended with -22, EINVAL",
         kOld,
         "invalid #iommu-cells(2) property for IOMMU"},
        {"ipmmu: a root without an interrupt",
         "ipmmu",
         {{"interrupts = <0 ", "other = <0 "}},
         "e67b0000.iommu is failed: its driver's probe ended with -6, ENXIO"},
        {"msm-iommu: a context bank that is not there",
         "msm-iommu",
         {{"<&iommu 9>", "<&iommu 6>"}},
         "1b00000.camera: id 0x6 was refused at 1ef0000.iommu (-22, EINVAL)"},
        {"msm-iommu: a context bank beyond the last",
         "msm-iommu",
         {{"<&iommu 9>", "<&iommu 99>"}},
         "1b00000.camera: id 0x63 was refused at 1ef0000.iommu (-22, EINVAL)"},
        {"msm-iommu: two cells",
         "msm-iommu",
         {{"#iommu-cells = <1>", "#iommu-cells = <2>"}, {"<&iommu 9>", "<&iommu 9 9>"}},
         "1b00000.camera: id 0x9 was refused at 1ef0000.iommu (-22, EINVAL)",
         "",
         "incorrect number of iommu params found"},
        {"msm-v0: a clock less",
         "msm_v0",
         {{"clock-names = \"smmu_pclk\", \"iommu_clk\"", "clock-names = \"iommu_clk\""}},
         "7500000.iommu is failed: its driver's probe ended with -2, ENOENT",
         kOld,
         "could not get smmu_pclk"},
        {"msm-v0: no number of context banks",
         "msm_v0",
         {{"qcom,ncb", "qcom,other"}},
         "7500000.iommu is failed: its driver's probe ended with -22, EINVAL",
         kOld,
         "could not get ncb"},
        {"sun50i: no reset",
         "sun50i",
         {{"resets = <&reset 0>;", ""}},
         "30f0000.iommu is failed: its driver's probe ended with -2, ENOENT"},
        {"sprd: no registers",
         "sprd",
         {{"reg = <0x0 0x63000000", "other = <0x0 0x63000000"}},
         "iommu@63000000 is failed: its driver's probe ended with -22, EINVAL"},
        {"verisilicon: no interrupt",
         "verisilicon",
         {{"interrupts = <0 109 4>;", ""}},
         "fdca0000.iommu is failed: its driver's probe ended with -6, ENXIO"},
        {"bcm2712: a shared cache that no driver binds to",
         "bcm2712",
         {{"compatible = \"brcm,bcm2712-iommuc\"", "compatible = \"xlate,none\""}},
         "1000005100.iommu is deferred, last -517, EPROBE_DEFER"},
        {"riscv: no interrupt",
         "riscv",
         {{"interrupts = <36>, <37>, <38>, <39>;", ""}},
         "3010000.iommu is failed: its driver's probe ended with -19, ENODEV"},
    };
    return all;
}

std::string replaced(std::string text, const Change& change) {
    const std::size_t at = text.find(change.from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, std::string(change.from).size(), change.to);
}

}  // namespace

TEST_CASE("bindings: what a driver refuses is answered with Linux's error number, and said", "[cli][bindings]") {
    if (std::system("command -v dtc > /dev/null 2>&1") != 0) {
        WARN("skipped: there is no dtc (Debian: device-tree-compiler)");
        SUCCEED();
        return;
    }
    for (const Mistake& mistake : mistakes()) {
        const Scratch scratch;
        std::string text = read_text(std::string(source_dir()) + "/configs/boards/" + mistake.board + ".dts");
        INFO(mistake.what);
        for (const Change& change : mistake.changes) text = replaced(text, change);
        scratch.file("b.dts", text);
        REQUIRE(std::system(("dtc -q -I dts -O dtb -o '" + scratch.path("b.dtb") + "' '" + scratch.path("b.dts") + "'")
                                .c_str()) == 0);
        scratch.file("b.yaml", "firmware: { devicetree: b.dtb }\n");
        const Said said = run_xlate(scratch, std::string("run b.yaml --out r ") + mistake.arguments);
        INFO(said.out << said.err);
        CHECK(said.status == 0);
        CHECK(said.out.find(mistake.said) != std::string::npos);
        CHECK(read_text(scratch.path("r/console.log")).find(mistake.console) != std::string::npos);
    }
}

TEST_CASE("bindings: a swgroup that Tegra does not know has a group, as in Linux, and is named", "[cli][bindings]") {
    if (std::system("command -v dtc > /dev/null 2>&1") != 0) {
        WARN("skipped: there is no dtc (Debian: device-tree-compiler)");
        SUCCEED();
        return;
    }
    const Scratch scratch;
    const std::string text = read_text(std::string(source_dir()) + "/configs/boards/tegra.dts");
    scratch.file("b.dts", replaced(text, {"iommus = <&mc 25>", "iommus = <&mc 99>"}));
    REQUIRE(std::system(
                ("dtc -q -I dts -O dtb -o '" + scratch.path("b.dtb") + "' '" + scratch.path("b.dts") + "'").c_str()) ==
            0);
    const Said said = run_xlate(scratch, "run b.dtb --set kernel.arch=arm --out r");
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.out.find("54080000.camera(0x63,0x63)") != std::string::npos);
    CHECK(read_text(scratch.path("r/console.log")).find("group from swgroup 99 not found") != std::string::npos);
}
