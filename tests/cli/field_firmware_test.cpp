// Cases of corpus/field that firmware and the command line answer; values from its README.
#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"

using namespace xlate::tests;
using Json = nlohmann::json;

namespace {

std::string place(const std::string& name) { return (*corpus() / "field" / name).string(); }
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Ran {
    Said said;
    Json result;
    std::string console;
};

Ran ran(const Scratch& scratch, const std::string& config) {
    Ran all;
    all.said = run_xlate(scratch, "run " + quoted(config) + " --out result");
    INFO(all.said.out);
    INFO(all.said.err);
    REQUIRE((all.said.status == 0 || all.said.status == 1));
    all.result = Json::parse(read_text(scratch.path("result/result.json")));
    all.console = read_text(scratch.path("result/console.log"));
    return all;
}

bool warns(const Json& result, const std::string& part) {
    const auto& all = result["warnings"];
    return std::any_of(all.begin(), all.end(), [&](const Json& one) { return has(one.get<std::string>(), part); });
}

}  // namespace

TEST_CASE("field 09: writes to address 0 leave three translation faults of the first page", "[cli][corpus]") {
    if (skip_without("field/09-write-to-zero")) return;
    const Scratch scratch;
    const Json result = ran(scratch, place("09-write-to-zero/run.yaml")).result;
    REQUIRE(result["faults"].size() == 3);
    for (const Json& fault : result["faults"]) {
        CHECK(fault["reason"] == "F_TRANSLATION");
        CHECK(fault["iova"].get<std::uint64_t>() < 4096);
    }
}

TEST_CASE("field 11: a mapping beyond an IORT node's end is named, and ignored", "[cli][corpus]") {
    if (skip_without("field/11-iort-smmu-count-2")) return;
    const Scratch scratch;
    const Said said = run_xlate(scratch, "inspect " + quoted(place("11-iort-smmu-count-2/iort.dat")) + " " +
                                             quoted(place("11-iort-smmu-count-2/mcfg.dat")) + " " +
                                             quoted(place("11-iort-smmu-count-2/apic.dat")));
    CHECK(said.status == 0);
    CHECK(has(said.out, "2 ID mappings reach past the end of their node"));
    CHECK(has(said.out, "the mapping is ignored"));
    CHECK(ran(scratch, place("11-iort-smmu-count-2/run.yaml")).said.status == 0);
}

TEST_CASE("field 14: what QEMU's command says of SMMUs stands in the config, or a note says that it does not",
          "[cli][corpus]") {
    if (skip_without("field/14-qemu-user-smmu") || skip_without("field/18-acs-multifunction")) return;
    const Scratch scratch;
    const Said said =
        run_xlate(scratch, "init --firmware " + quoted(place("18-acs-multifunction/board.dtb")) + " --qemu-command " +
                               quoted(place("14-qemu-user-smmu/two-smmus.txt")) + " new.yaml");
    REQUIRE(said.status == 0);
    const std::string made = read_text(scratch.path("new.yaml"));
    CHECK(has(made, "arm-smmuv3 smmu0 of pcie.0"));
    CHECK(has(made, "arm-smmuv3 smmu1 of pcie.1 is left out"));
    for (const char* part : {"accel=on is left out", "ats: true", "ril: true", "ssid_bits: 20", "oas: 48"}) {
        INFO(part);
        CHECK(has(made, std::string("note: arm-smmuv3 smmu1 of pcie.1: ") +
                            (part[0] == 'a' && part[1] == 'c' ? "" : "so is its ") + part));
    }
    CHECK(has(made, "kernel parameter 'iommu=pt' means nothing on this architecture"));
    CHECK(has(made, "vfio-pci 0009:01:00.0 is a device of the host's: fill in its id, class and driver"));
}

TEST_CASE("field 15: a virtio-iommu that is a PCI function translates", "[cli][corpus]") {
    if (skip_without("field/15-virtio-iommu-dt")) return;
    const Scratch scratch;
    const std::string board = place("15-virtio-iommu-dt/board.dtb");
    const Said inspected = run_xlate(scratch, "inspect " + quoted(board));
    CHECK_FALSE(has(inspected.out, "virtio_iommu@10: reg"));  // a function's configuration space is no register window
    CHECK_FALSE(has(inspected.out, "in no row"));  // the one id that is left out of the map is the IOMMU's own
    const Ran run = ran(scratch, board);
    REQUIRE(run.result["groups"].size() == 2);
    REQUIRE(run.result["iommus"].size() == 2);
    bool translated = false;
    for (const Json& iommu : run.result["iommus"]) {
        if (iommu["arch"] == "virtio-iommu") translated = iommu["translations"].get<std::uint64_t>() > 0;
    }
    CHECK(translated);
    CHECK(run.result["faults_total"] == 0);
    CHECK(run.result["untranslated"].empty());
    CHECK(has(run.console, "virtio_iommu virtio0: input address: 64 bits"));
}

TEST_CASE("field 17: no IOVA lies in a window of the host bridge, and what does not fit is refused", "[cli][corpus]") {
    if (skip_without("field/17-pci-window-iova")) return;
    const Scratch scratch;
    for (const char* config : {"w224.yaml", "w240.yaml"}) {
        const Json result = ran(scratch, place(std::string("17-pci-window-iova/") + config)).result;
        REQUIRE(!result["faults"].empty());
        // dma-ranges: 512 MiB from 0; the bridge's window: 256 MiB from 256 MiB.
        for (const Json& fault : result["faults"]) CHECK(fault["iova"].get<std::uint64_t>() < 0x1000'0000);
    }
    const Ran refused = ran(scratch, place("17-pci-window-iova/two-k.yaml"));
    CHECK(has(refused.console, "failed to map 335544320 bytes for DMA"));
    CHECK(has(refused.said.out, "0000:00:01.0 is failed: its driver's probe ended with -5, EIO"));
}

TEST_CASE("field 18: on a device tree ports with and without ACS share one group", "[cli][corpus]") {
    if (skip_without("field/18-acs-multifunction")) return;
    const Scratch scratch;
    for (const char* config : {"true.yaml", "false.yaml", "usual.yaml"}) {
        INFO(config);
        CHECK(ran(scratch, place(std::string("18-acs-multifunction/") + config)).result["groups"].size() == 1);
    }
}

TEST_CASE("field 19: an ATC is used only where SMMU and firmware both allow ATS, and else the reason is said",
          "[cli][corpus]") {
    if (skip_without("field/19-ats-attribute")) return;
    const Scratch scratch;
    const Json off = ran(scratch, place("19-ats-attribute/ats.yaml")).result;
    CHECK(warns(off, "0000:00:01.0: its atc is not used: IDR0.ATS"));
    const Json silent = ran(scratch, place("19-ats-attribute/noats.yaml")).result;
    CHECK(warns(silent, "0000:00:01.0: its atc is not used: firmware does not say that"));
    std::string text = read_text(place("19-ats-attribute/ats.yaml"));
    const std::string wrong = "ats: false";
    text.replace(text.find(wrong), wrong.size(), "ats: true");
    for (const char* table : {"iort-ats.dat", "mcfg.dat", "apic.dat"})
        scratch.file(table, read_text(place(std::string("19-ats-attribute/") + table)));
    const Json both = ran(scratch, scratch.file("both.yaml", text)).result;
    CHECK_FALSE(warns(both, "its atc is not used"));
    CHECK(both["iommus"][0]["ats_requests"].get<std::uint64_t>() > 0);
}

TEST_CASE("field 20: windows that are too small end the SMMU's probe, and its clients wait for the timeout",
          "[cli][corpus]") {
    if (skip_without("field/20-espi-and-small-regs")) return;
    const Scratch scratch;
    const Ran small = ran(scratch, place("20-espi-and-small-regs/small.dtb"));
    CHECK(has(small.console, "MMIO region too small"));
    CHECK(has(small.console, "[   10."));
    CHECK(has(small.said.out, "its IOMMU never became ready"));
    CHECK(ran(scratch, place("20-espi-and-small-regs/agilex.dtb")).result["groups"].size() == 1);
    CHECK(ran(scratch, place("20-espi-and-small-regs/espi.dtb")).result["groups"].size() == 1);
    // <2 4 4>: the extended range of shared interrupts begins at 4096.
    CHECK(has(run_xlate(scratch, "inspect " + quoted(place("20-espi-and-small-regs/espi.dtb"))).out,
              "ESPI 4: INTID 4100"));
}

TEST_CASE("field 28: firmware without dma-coherent overrides COHACC", "[cli][corpus]") {
    if (skip_without("field/28-rk3588-guide")) return;
    const Scratch scratch;
    CHECK(has(ran(scratch, place("28-rk3588-guide/board.dtb")).console,
              "IDR0.COHACC overridden by FW configuration (false)"));
}
