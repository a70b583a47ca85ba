// What a kernel's log says of the SMMUs that its drivers found, as a config: held against what the run prints.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "study/config/config.hpp"
#include "study/init/machine/machine_config.hpp"
#include "study/run/firmware_input.hpp"
#include "study/run/run.hpp"
#include "tests/corpus.hpp"
#include "tests/soc/child.hpp"

using namespace xlate;
using namespace xlate::study;
namespace fs = std::filesystem;

namespace {

const std::string kStart = "[    0.000000] Linux version 6.17.0 (gcc) #1 SMP\n";

LogIommus iommus_of(const std::string& text) { return read_kernel_log(kStart + text, "dmesg.txt").iommus; }

bool has_note(const LogIommu& iommu, const std::string& part) {
    for (const std::string& note : iommu.notes()) {
        if (note.find(part) != std::string::npos) return true;
    }
    return false;
}

/// What `driver` prints in a console from the line with `first` to that with `last`, without time and device.
std::string lines_between(const std::string& console, const std::string& driver, const std::string& first,
                          const std::string& last) {
    std::string all;
    std::istringstream stream(console);
    for (std::string line; std::getline(stream, line);) {
        const std::size_t at = line.find(driver + ": ");
        if (at == std::string::npos) continue;
        if (line.back() == '\r') line.pop_back();
        const std::string text = line.substr(at + driver.size() + 2);
        if (all.empty() && text.find(first) == std::string::npos) continue;
        all += text.substr(text.find_first_not_of(" \t")) + "\n";
        if (text.find(last) != std::string::npos) break;
    }
    return all;
}

/// The console of a run of the config that `init` makes of a board and a log.
std::string console_of(const fs::path& board, const std::string& log) {
    const firmware::Description description = read_firmware({board.string()}).description;
    const std::string yaml =
        machine_config(description, {board.string()}, read_kernel_log(log, "boot.log"), std::nullopt);
    Config config = parse_config(yaml, (board.parent_path() / "log.yaml").string());
    return run(config, {}).console;
}

}  // namespace

TEST_CASE("kernel log: what drivers print of SMMUs is their hardware here", "[study][init]") {
    // Bits of ARM_SMMU_FEAT_*: TRANS_S1 9, PRI 4, ATS 5, SEV 6, MSI 7, RANGE_INV 15.
    const LogIommus iommus = iommus_of(
        "[ 1.0] arm-smmu-v3 9050000.iommu: option mask 0x0\n"
        "[ 1.0] arm-smmu-v3 9050000.iommu: ias 48-bit, oas 48-bit (features 0x00008235)\n"
        "[ 1.0] arm-smmu-v3.1.auto: oas 44-bit (features 0x000002c5)\n"
        "[ 1.0] arm-smmu-v3 arm-smmu-v3.2.auto: oas 52-bit (features 0x00008205)\n"
        "[ 1.0] arm-smmu 5000000.iommu: \tstream matching with 83 register groups\n"
        "[ 1.0] arm-smmu 5000000.iommu: \t64 context banks (0 stage-2 only)\n"
        "[ 1.0] arm-smmu 5000000.iommu: \t64 context banks (0 stage-2 only)\n"
        "[ 1.0] arm-smmu: context banks (\narm-smmu-v3: (features\narm-smmu-v3 x: (features 0x\n");
    REQUIRE(iommus.size() == 4);
    CHECK(iommus.at("9050000.iommu").entry() ==
          "features: { oas: 48, ats: true, pri: true, msi: false, sev: false, ril: true }");
    CHECK(iommus.at("9050000.iommu").notes().size() == 0);
    CHECK(iommus.at("arm-smmu-v3.1.auto").entry() ==
          "features: { oas: 44, ats: false, pri: false, msi: true, sev: true, ril: false }");
    CHECK(iommus.at("arm-smmu-v3.2.auto").entry() ==
          "features: { oas: 48, ats: false, pri: false, msi: false, sev: false, ril: true }");
    CHECK(has_note(iommus.at("arm-smmu-v3.2.auto"), "oas 52-bit: 48 are the most here"));
    CHECK(iommus.at("5000000.iommu").entry() == "smmuv2: { stream_groups: 83, context_banks: 64 }");
    CHECK(has_note(iommus.at("5000000.iommu"), "the log lacks the line of its version"));
}

// An Ampere Altra's: the features of its dmesg as public reports have them.
TEST_CASE("kernel log: stages, stalls and HYP of an SMMUv3 are a set of features", "[study][init]") {
    const LogIommus iommus = iommus_of(
        "arm-smmu-v3 arm-smmu-v3.0.auto: option mask 0x10\n"
        "arm-smmu-v3 arm-smmu-v3.0.auto: ias 52-bit, oas 52-bit (features 0x020c1eff)\n"
        "arm-smmu-v3 arm-smmu-v3.0.auto: allocated 262144 entries for cmdq\n"
        "arm-smmu-v3 arm-smmu-v3.0.auto: allocated 32768 entries for evtq\n"
        "arm-smmu-v3 arm-smmu-v3.1.auto: ias 40-bit, oas 36-bit (features 0x00000205)\n"
        "arm-smmu-v3 arm-smmu-v3.1.auto: IDR0.COHACC overridden by FW configuration (true)\n");
    const LogIommu& first = iommus.at("arm-smmu-v3.0.auto");
    CHECK(first.entry() ==
          "features: { like: mmu-600-like, oas: 48, ats: true, pri: true, msi: true, sev: true, ril: false }");
    for (const char* const note :
         {"big-endian tables: in the log, not in `like: mmu-600-like`", "E2H", "oas 52-bit", "features 0x2000000",
          "option mask 0x10", "262144 entries for cmdq: no key says it; here they are 65536"})
        CHECK(has_note(first, note));
    CHECK_FALSE(has_note(first, "evtq"));
    CHECK_FALSE(has_note(first, "stage 2"));
    const LogIommu& second = iommus.at("arm-smmu-v3.1.auto");
    CHECK(second.entry() == "features: { oas: 36, ats: false, pri: false, msi: false, sev: false, ril: false }");
    CHECK(has_note(second, "ias 40-bit"));
    CHECK(has_note(second, "IDR0.COHACC 0"));
}

// As a Qualcomm RB1 (QRB2210) prints it.
TEST_CASE("kernel log: what an SMMUv2 prints is its ID registers", "[study][init]") {
    const std::string start =
        "arm-smmu 15000000.iommu: SMMUv2 with:\narm-smmu 15000000.iommu: \tstage 1 translation\n"
        "arm-smmu 15000000.iommu: \tnon-coherent table walk\n"
        "arm-smmu 15000000.iommu: \t(IDR0.CTTW overridden by FW configuration)\n"
        "arm-smmu 15000000.iommu: \tstream matching with 41 register groups\n"
        "arm-smmu 15000000.iommu: \t50 context banks (0 stage-2 only)\n"
        "arm-smmu 15000000.iommu: \tSupported page sizes: 0x61311000\n";
    const std::string end =
        "arm-smmu 15000000.iommu: \tStage-1: 36-bit VA -> 36-bit IPA\n"
        "arm-smmu 15000000.iommu: \tpreserved 3 boot mappings\n";
    const LogIommus iommus = iommus_of(start + end);
    // IDR0: S1TS 30, SMS 27, ATOSNS 26, NUMIRPT 50, CTTW 14, NUMSIDB 15, NUMSMRG 41. IDR2: 4 and 64 KiB tables (12,
    // 14), VMID16S 15, and 36 bits (code 1) thrice.
    CHECK(iommus.at("15000000.iommu").entry() ==
          "smmuv2: { stream_groups: 41, context_banks: 50 }, registers: { 0x20: 0x4c325e29, 0x28: 0x0000d111 }");
    CHECK(has_note(iommus.at("15000000.iommu"), "3 boot mappings"));
    // Cut off: nothing is put together.
    const LogIommus cut = iommus_of(start);
    CHECK(cut.at("15000000.iommu").entry() == "smmuv2: { stream_groups: 41, context_banks: 50 }");
    CHECK(has_note(cut.at("15000000.iommu"), "the log lacks the lines of its address sizes"));
    const LogIommus many = iommus_of("arm-smmu a.iommu: \tstream matching with 200 register groups\n");
    CHECK(many.at("a.iommu").entry() == "smmuv2: { stream_groups: 128 }");
    CHECK(has_note(many.at("a.iommu"), "200 register groups: 128 are the most here"));
}

// Recorded boots: the config of the log alone boots to the same lines.
TEST_CASE("kernel log: a run of its config prints what the log has of an SMMU", "[study][init]") {
    if (xlate::tests::skip_without("linux-boot-families")) return;
    const fs::path root = *xlate::tests::corpus();
    struct Case {
        const char *folder, *driver, *first, *last;
    };
    const char *const v2 = "arm-smmu 7f000000.iommu", *const with = "SMMUv2 with:", *const banks = "boot mappings";
    for (const Case& one :
         {Case{"linux-boot-families/dt-smmuv2-dma-6.12", v2, with, banks},
          Case{"linux-boot-families/dt-smmuv2-nomatch-6.12", v2, with, banks},
          Case{"linux-boot-families/dt-smmuv2-legacy-6.12", v2, with, banks},
          Case{"linux-boot-families/dt-smmuv2-64k-noa32-pt-6.12", v2, with, banks},
          Case{"linux-boot-families/dt-smmuv2-s2only-6.12", v2, with, banks},
          Case{"linux-boot-newer/dt-smmuv3-6.16", "arm-smmu-v3 9050000.smmuv3", "features 0x00008305", "features"}}) {
        const fs::path folder = root / one.folder;
        if (!fs::exists(folder / "boot.log")) continue;
        std::ifstream stream(folder / "boot.log", std::ios::binary);
        const std::string log{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        INFO(one.folder);
        const std::string ours = xlate::tests::in_child([&] { return console_of(folder / "board.dtb", log); });
        const std::string theirs = lines_between(log, one.driver, one.first, one.last);
        CHECK_FALSE(theirs.empty());
        CHECK(lines_between(ours, one.driver, one.first, one.last) == theirs);
    }
}

TEST_CASE("kernel log: an SMMU that firmware does not have is told", "[study][init]") {
    const firmware::Description none;
    const std::string yaml = machine_config(
        none, {"board.dtb"}, read_kernel_log(kStart + "arm-smmu-v3.7.auto: oas 44-bit (features 0x00000205)\n", "l"),
        std::nullopt);
    CHECK(yaml.find("# note: arm-smmu-v3.7.auto: no IOMMU of this firmware") != std::string::npos);
}
