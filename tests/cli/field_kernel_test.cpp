// Cases of corpus/field that the kernel model and SMMUv3's engine answer; values from its README.
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

/// The result of a config of corpus/field, which may end with any status.
Json field(const Scratch& scratch, const std::string& config, const std::string& options = "") {
    const std::string path = (*corpus() / "field" / config).string();
    const Said said = run_xlate(scratch, "run " + quoted(path) + " --out result " + options);
    INFO(said.out);
    INFO(said.err);
    REQUIRE((said.status == 0 || said.status == 1));
    return Json::parse(read_text(scratch.path("result/result.json")));
}

}  // namespace

// 31: the queue has 32,768 entries, so nothing is lost however fast the faults come.
TEST_CASE("field 31: stray requester ids leave a record each, and no overflow", "[cli][corpus]") {
    if (skip_without("field/31-stray")) return;
    const Scratch scratch;
    const Json result = field(scratch, "31-stray/two.yaml");
    CHECK(result["iommus"][0]["events"] == 1000);
    CHECK(result["faults_total"] == 1000);
    CHECK(read_text(scratch.path("result/console.log")).find("overflow") == std::string::npos);
}

// 08: named where it is not told when they come; waited for where it is.
TEST_CASE("field 08: an SMMU that waits for its clock and power controller", "[cli][corpus]") {
    if (skip_without("field/08-smmu-clock-late")) return;
    const Scratch scratch;
    const Json as_is = field(scratch, "08-smmu-clock-late/as-is.yaml");
    bool named = false;
    for (const Json& warning : as_is["warnings"]) {
        const std::string text = warning;
        named =
            named || (text.find("/soc/iommu@490d0000 waits for /soc/clock-controller@8c0000") != std::string::npos &&
                      text.find("clocks") != std::string::npos && text.find("power-domains") != std::string::npos);
    }
    CHECK(named);
    const std::string board = (*corpus() / "field/08-smmu-clock-late/board.dtb").string();
    const Said inspected = run_xlate(scratch, "inspect " + quoted(board));
    CHECK(inspected.out.find("waits for the driver of /soc/clock-controller@8c0000 (clocks, power-domains)") !=
          std::string::npos);

    const auto with_driver = [&](const char* at) {
        const std::string config = scratch.file(
            "late.yaml",
            "firmware: { devicetree: '" + board +
                "' }\nsoc: { pci: [] }\nkernel:\n  variant: linux-6.12\n  parameters: { "
                "deferred_probe_timeout: 1 }\n  modules:\n    - { name: generic-client, at: 0 ns }\n    - { "
                "name: mmcc-msm8996, device: /soc/clock-controller@8c0000, at: " +
                at + " }\ntraffic: [ { device: 900000.display, working_set: 64 KiB, transfers: 100 } ]\n");
        const Said said = run_xlate(scratch, "run " + quoted(config) + " --out late");
        INFO(said.err);
        REQUIRE(said.status == 0);
        const Json result = Json::parse(read_text(scratch.path("late/result.json")));
        for (const Json& warning : result["warnings"]) {
            CHECK(warning.get<std::string>().find("clock-controller") == std::string::npos);
        }
        for (const Json& device : result["devices"]) {
            if (device["name"] == "900000.display") return device;
        }
        return Json();
    };
    const Json in_time = with_driver("500 ms");
    CHECK(in_time["state"] == "bound");
    CHECK(in_time["group"] == 0);
    const Json too_late = with_driver("2 s");
    CHECK(too_late["state"] == "bound");
    CHECK(too_late["group"].is_null());
}

// 03: the second function's alias is refused; with the quirk both have ids of their own.
TEST_CASE("field 03: a bridge that aliases what is below it, and one that does not", "[cli][corpus]") {
    if (skip_without("field/03-bmc-vga-usb")) return;
    const Scratch scratch;
    const auto devices = [](const Json& result) {
        std::map<std::string, Json> all;
        for (const Json& device : result["devices"]) all[device["name"]] = device;
        return all;
    };
    auto usual = devices(field(scratch, "03-bmc-vga-usb/run.yaml"));
    CHECK(usual["0000:02:00.0"]["group"].is_number());
    CHECK(usual["0000:02:02.0"]["state"] == "bound");
    CHECK(usual["0000:02:02.0"]["group"].is_null());
    auto quirk = devices(field(scratch, "03-bmc-vga-usb/run.yaml", "--set 'soc.pci[0].below[0].quirks=[no-alias]'"));
    CHECK(quirk["0000:02:00.0"]["ids"] == Json::array({0x200}));
    CHECK(quirk["0000:02:02.0"]["ids"] == Json::array({0x210}));
    CHECK(quirk["0000:02:02.0"]["group"].is_number());
}

// 16: memory above 4 GiB, a mask of 32 bits, no translation.
TEST_CASE("field 16: buffers bounce at a cost, and mapping fails when the pool is full", "[cli][corpus]") {
    if (skip_without("field/16-swiotlb-32bit")) return;
    const Scratch scratch;
    const Json bounced = field(scratch, "16-swiotlb-32bit/bounce.yaml");
    CHECK(bounced["kernel"]["swiotlb"]["bounces"] == 1000);
    CHECK(bounced["kernel"]["swiotlb"]["full"] == 0);
    CHECK(bounced["masters"][0]["faults"] == 0);
    const Json large = field(scratch, "16-swiotlb-32bit/mixedbig.yaml");
    CHECK(large["kernel"]["swiotlb"]["full"].get<int>() > 0);
    CHECK(read_text(scratch.path("result/console.log")).find("swiotlb buffer is full") != std::string::npos);
    // Without a pool the buffers stay where they are.
    const Json none = field(scratch, "16-swiotlb-32bit/bounce.yaml", "--set kernel.parameters.swiotlb=noforce");
    CHECK(none["masters"][0]["issued"] == 0);
    CHECK(none["warnings"][0].get<std::string>().find("of its mappings failed") != std::string::npos);
    CHECK(read_text(scratch.path("result/console.log")).find("overflow (mask ffffffff") != std::string::npos);
    // Translated, nothing bounces.
    const Json translated = field(scratch, "16-swiotlb-32bit/mixed0.yaml");
    CHECK_FALSE(translated["kernel"].contains("swiotlb"));
}

// 25: dev->driver read twice in dma_configure; gone with one read. AMBA has no repair in any release.
TEST_CASE("field 25: a driver that arrives between two reads is a NULL dereference", "[cli][corpus]") {
    if (skip_without("field/25-explore-two-iommus")) return;
    const Scratch scratch;
    const auto crashes = [&](const char* config, const char* variant) {
        const std::string path = (*corpus() / "field/25-explore-two-iommus" / config).string();
        const Said said = run_xlate(scratch, "explore " + quoted(path) + " --json --variant " + variant);
        INFO(said.err);
        const Json result = Json::parse(said.out);
        for (const Json& bug : result["bugs"]) {
            if (bug["kind"] == "null-dereference" && bug["where"].get<std::string>().rfind("DD7 in ", 0) == 0)
                return true;
        }
        return false;
    };
    CHECK(crashes("platform.yaml", "mainline-6.15"));
    CHECK(crashes("amba.yaml", "mainline-6.15"));
    CHECK_FALSE(crashes("platform.yaml", "mainline-6.15~X6"));
    CHECK_FALSE(crashes("amba.yaml", "mainline-6.15~X6"));
    CHECK_FALSE(crashes("platform.yaml", "mainline-6.15.1"));
    CHECK(crashes("amba.yaml", "mainline-6.15.1"));
}

// 27: pages of 64 KiB on a board whose SMMU has them.
TEST_CASE("field 27: a kernel of 16 KiB or 64 KiB pages maps by its granule", "[cli]") {
    const Scratch scratch;
    const std::string quickstart = quoted(std::string(source_dir()) + "/configs/quickstart.yaml");
    for (const char* pages : {"16 KiB", "64 KiB"}) {
        const Said said =
            run_xlate(scratch, "run " + quickstart + " --out pages --set soc.iommu.features.like=full --set " +
                                   quoted(std::string("kernel.page_size=") + pages));
        INFO(said.out);
        INFO(said.err);
        const Json result = Json::parse(read_text(scratch.path("pages/result.json")));
        CHECK(result["kernel"]["oops"].empty());
        CHECK(result["faults_total"] == 0);
        CHECK(result["iommus"][0]["walks"].get<int>() > 0);
    }
    const Said wrong = run_xlate(scratch, "run " + quickstart + " --set " + quoted("kernel.page_size=8 KiB"));
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("4 KiB, 16 KiB or 64 KiB") != std::string::npos);
    // Linux's arch/x86, arch/riscv and arch/arm have PAGE_SHIFT 12 alone.
    for (const char* arch : {"x86-vtd", "riscv", "msm-v0"}) {
        const std::string config = quoted(std::string(source_dir()) + "/configs/" + arch + ".yaml");
        const Said refused = run_xlate(scratch, "run " + config + " --set " + quoted("kernel.page_size=64 KiB"));
        CHECK(refused.status == 2);
        CHECK(refused.err.find("has pages of 4 KiB") != std::string::npos);
    }
}
