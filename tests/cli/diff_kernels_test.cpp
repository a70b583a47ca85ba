#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

const std::string kTree = quoted(std::string(source_dir()) + "/configs/quickstart.yaml");

}  // namespace

TEST_CASE("diff-kernels: what differs, with the capability that explains it, and status 1", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "diff-kernels linux-6.12 linux-7.3 " + kTree);
    CHECK(said.status == 1);
    CHECK(said.err.empty());
    CHECK(said.out.find("linux-6.12 -> linux-7.3\n") != std::string::npos);
    CHECK(said.out.find("[parse_in_probe]") != std::string::npos);
    CHECK(said.out.find("parse_in_probe: firmware is parsed in the probe path") != std::string::npos);
    const auto json =
        nlohmann::json::parse(run_xlate(scratch, "diff-kernels --json linux-6.12 linux-7.3 " + kTree).out);
    CHECK(json["schema"] == "xlate.diff-kernels/1");
    CHECK(!json["differences"].empty());
    for (const auto& one : json["differences"]) {
        CHECK(!one["because"].empty());
        CHECK(one["from"] != one["to"]);
    }
}

TEST_CASE("diff-kernels: the same kernel twice differs in nothing, and that is status 0", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "diff-kernels linux-7.3 linux-7.3 " + kTree);
    CHECK(said.status == 0);
    CHECK(said.out.find("nothing differs") != std::string::npos);
}

TEST_CASE("diff-kernels: of a release without a variant the nearest older one is taken, and that is said", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "diff-kernels 6.12.107 v6.14-rc2 " + kTree);
    CHECK(said.status == 0);
    CHECK(said.out.find("linux-6.12 -> linux-6.12\n") != std::string::npos);
    CHECK(said.out.find("Linux 6.14 is no variant; linux-6.12 stands for it: the nearest before it") !=
          std::string::npos);
    const Said stable = run_xlate(scratch, "diff-kernels 6.12.76 6.18.20+deb13 " + kTree);
    CHECK(stable.out.find("linux-6.12.75 -> linux-6.18+acs_in_dma_configure\n") != std::string::npos);
}

TEST_CASE("diff-kernels: a variant that there is not is named with the nearest one", "[cli]") {
    const Scratch scratch;
    const Said later = run_xlate(scratch, "diff-kernels linux-6.12 linux-9.1 " + kTree);
    CHECK(later.status == 2);
    CHECK(later.err.find("'linux-9.1' is later than every variant") != std::string::npos);
    CHECK(later.err.find("did you mean 'linux-7.3'?") != std::string::npos);
    const Said typo = run_xlate(scratch, "diff-kernels linux-6.1x linux-7.3 " + kTree);
    CHECK(typo.status == 2);
    CHECK(typo.err.find("did you mean 'linux-6.1'?") != std::string::npos);
    // Of a release without a variant the last one before it, however its name begins.
    for (const auto& [name, nearest] :
         {std::pair("7.3", "linux-7.3"), std::pair("v7.4", "linux-7.3"), std::pair("mainline-6.16", "linux-6.16"),
          std::pair("linux-6.13", "linux-6.12")}) {
        const Said said = run_xlate(scratch, fmt::format("run {} --variant {}", kTree, name));
        CHECK(said.status == 2);
        CHECK(said.err.find(fmt::format("did you mean '{}'?", nearest)) != std::string::npos);
    }
    CHECK(run_xlate(scratch, "diff-kernels linux-6.12 linux-7.3").status == 2);
    CHECK(run_xlate(scratch, "diff-kernels --matrix linux-6.12 linux-7.3 " + kTree).status == 2);
}

TEST_CASE("diff-kernels --matrix: every variant once, those of one outcome on one line", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "diff-kernels --matrix --json " + kTree);
    CHECK(said.status == 0);
    const auto json = nlohmann::json::parse(said.out);
    CHECK(json["schema"] == "xlate.diff-kernels-matrix/1");
    std::size_t variants = 0;
    bool newest = false;
    for (const auto& row : json["rows"]) {
        variants += row["variants"].size();
        for (const std::string name : row["variants"]) newest = newest || name == "linux-7.3";
    }
    CHECK(newest);
    CHECK(variants >= 70);
    CHECK(json["rows"].size() < variants / 3);
}

namespace {

std::string config_file(const std::string& name) {
    return quoted(std::string(source_dir()) + "/configs/" + name + ".yaml");
}

}  // namespace

TEST_CASE("inspect --variant: the groups of that kernel, and who has none and why", "[cli]") {
    const Scratch scratch;
    const std::string board = config_file("smmuv2_bad_entry");
    const Said was = run_xlate(scratch, "inspect --variant linux-6.12 " + board);
    CHECK(was.status == 0);
    CHECK(was.out.find("\nGroups to expect of linux-6.12, booted without time\n    0 DMA      a000000.video 0x1\n"
                       "    1 DMA      a010000.camera 0x2\n  no group: a020000.dma: bound to") != std::string::npos);
    CHECK(was.out.find("-22 from of_iommu_configure") != std::string::npos);
    const Said is = run_xlate(scratch, "inspect --variant 7.3.4+deb13 " + board);
    CHECK(is.out.find("none: nothing is translated") != std::string::npos);
    CHECK(is.out.find("no group: a000000.video: deferred (platform: supplier 9050000.iommu not ready)") !=
          std::string::npos);
    CHECK(is.out.find("no group: 9050000.iommu: failed (-22 of a020000.dma)") != std::string::npos);

    const auto json = nlohmann::json::parse(run_xlate(scratch, "inspect --json --variant linux-6.12 " + board).out);
    CHECK(json["kernel_groups"]["variant"] == "linux-6.12");
    CHECK(json["kernel_groups"]["groups"].size() == 2);
    CHECK(json["kernel_groups"]["without"][0]["errors"][0]["ret"] == -22);

    const Said between = run_xlate(scratch, "inspect --variant 6.14 " + board);
    CHECK(between.out.find("Linux 6.14 is no variant; linux-6.12 stands for it: the nearest before it") !=
          std::string::npos);
    CHECK(run_xlate(scratch, "inspect --variant linux-9.1 " + board).status == 2);
}

// Before 6.15 the notifier's question at a function's creation finds no entries, and nobody asks again.
TEST_CASE("inspect: a function that no driver binds to has no group, and why that is", "[cli]") {
    const Scratch scratch;
    scratch.file("c.yaml", "firmware: {devicetree: " + board("quickstart") +
                               "}\nsoc:\n  pci: [{slot: '00:01.0', driver: none}, {slot: '00:02.0', driver: nvme}]\n");
    const std::string why = "no driver binds to it, and this kernel looks for a device's IOMMU when one does";
    for (const std::string variant : {"linux-6.1", "linux-6.12"}) {
        INFO(variant);
        const Said groups = run_xlate(scratch, "inspect c.yaml --variant " + variant);
        CHECK(groups.out.find("  no group: 0000:00:01.0: unbound: " + why) != std::string::npos);
        const auto json = nlohmann::json::parse(
            run_xlate(scratch, "inspect c.yaml --json --variant " + variant).out)["kernel_groups"];
        REQUIRE(json["without"].size() == 1);
        CHECK(json["without"][0]["name"] == "0000:00:01.0");
        CHECK(json["without"][0]["why"] == why);
        CHECK(run_xlate(scratch, "run c.yaml --out r --variant " + variant).status == 0);
        const auto result = nlohmann::json::parse(read_text(scratch.path("r/result.json")));
        REQUIRE(result["untranslated"].size() == 1);
        CHECK(result["untranslated"][0]["kind"] == "no-driver");
        CHECK(result["untranslated"][0]["why"] == why);
    }
    CHECK(run_xlate(scratch, "inspect c.yaml --variant linux-7.2").out.find("no group") == std::string::npos);
    const std::string way = run_xlate(scratch, "inspect c.yaml --why 0000:00:01.0").out;
    CHECK(way.find("no driver binds to it (driver: none): Linux before 6.15") != std::string::npos);
    CHECK(way.find(" from Linux 6.15 on, as far as firmware says") != std::string::npos);
    CHECK(run_xlate(scratch, "inspect c.yaml --why 0000:00:02.0").out.find("6.15") == std::string::npos);
}

TEST_CASE("variants: of a release that there is not, the one that stands for it is named", "[cli]") {
    const Scratch scratch;
    for (const auto& [name, nearest] : {std::pair("linux-7.4", "linux-7.3"), std::pair("linux-6.14", "linux-6.12"),
                                        std::pair("linux-6.12.80", "linux-6.12"), std::pair("linux-6.5", "base"),
                                        std::pair("6.6.5", "murphy-6.7"), std::pair("linux-9", "linux-7.3")}) {
        INFO(name);
        const Said said = run_xlate(scratch, std::string("run --variant ") + name + " " + kTree);
        CHECK(said.status == 2);
        CHECK(said.err.find(std::string("did you mean '") + nearest + "'?") != std::string::npos);
    }
}

TEST_CASE("init: of a kernel between two variants the nearest older one is taken, and that is said", "[cli]") {
    const Scratch scratch;
    const std::string tree = quoted(board("quickstart"));
    struct Row {
        const char* kernel;
        const char* variant;
        const char* said;
    };
    for (const Row& row :
         {Row{"6.14.3", "linux-6.12", "Linux 6.14 is no variant; linux-6.12 stands for it: the nearest before it"},
          Row{"7.4.1+deb13-arm64", "linux-7.3", "Linux 7.4 is no variant; linux-7.3 stands for it: the nearest"},
          Row{"5.10.0-30-arm64", "linux-6.1", "Linux 5.10 is no variant; linux-6.1 stands for it: the oldest"},
          Row{"6.6.32-amd64", "murphy-6.7", "murphy-6.7 stands for it: its one-lock fix is in 6.6.5"},
          Row{"6.8.0-45-generic", "mainline-6.8", ""}, Row{"6.11.4", "mainline-6.11", ""},
          Row{"6.15.0", "mainline-6.15", ""}, Row{"6.15.7", "mainline-6.15.1", ""},
          Row{"6.12.76+deb13-arm64", "linux-6.12.75", ""}}) {
        INFO(row.kernel);
        const std::string command =
            scratch.file("command.txt", std::string("qemu-system-aarch64 -machine virt -kernel vmlinuz-") + row.kernel);
        const Said said = run_xlate(scratch, "init --force " + quoted(scratch.path("x.yaml")) + " --firmware " + tree +
                                                 " --qemu-command " + quoted(command));
        CHECK(said.status == 0);
        if (*row.said == 0)
            CHECK(said.err.empty());
        else
            CHECK(said.err.find(row.said) != std::string::npos);
        CHECK(read_text(scratch.path("x.yaml")).find(std::string("  variant: ") + row.variant + " ") !=
              std::string::npos);
    }
}

TEST_CASE("run: an architecture that none of the board's CPUs has is refused", "[cli]") {
    const Scratch scratch;
    for (const char* command : {"run", "diff-kernels linux-6.12 linux-7.3"}) {
        const Said riscv =
            run_xlate(scratch, std::string(command) + " --set kernel.arch=arm64 " + config_file("riscv"));
        CHECK(riscv.status == 2);
        CHECK(riscv.err.find(
                  "kernel.arch: no kernel of arm64 runs on this board: its CPUs are RISC-V's; expected riscv") !=
              std::string::npos);
        const Said arm = run_xlate(scratch, std::string(command) + " --set kernel.arch=riscv " + kTree);
        CHECK(arm.status == 2);
        CHECK(arm.err.find("its CPUs are Arm's; expected arm64 or arm") != std::string::npos);
    }
}

TEST_CASE("diff-kernels: a driver that a kernel has not yet is said", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "diff-kernels linux-6.12 linux-6.16 " + config_file("riscv"));
    CHECK(said.status == 1);
    CHECK(said.out.find("linux-6.12 has no driver riscv-iommu, which came with Linux 6.13") != std::string::npos);
}

TEST_CASE("run: the summary names newer kernels and the command that compares", "[cli]") {
    const Scratch scratch;
    const std::string board = config_file("smmuv2_bad_entry");
    CHECK(run_xlate(scratch, "run --variant linux-6.12 " + board)
              .out.find("newer kernels: linux-6.16 to linux-7.3; `xlate diff-kernels linux-6.12 linux-7.3 CONFIG` says "
                        "what changes\n") != std::string::npos);
    CHECK(run_xlate(scratch, "run --variant linux-7.3 " + board).out.find("newer kernels") == std::string::npos);
}
