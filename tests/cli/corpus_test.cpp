// Every board of the corpus with an SMMUv3 boots from its device tree alone.
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"

using namespace xlate::tests;

namespace {

void boots(const std::string& name) {
    if (skip_without_corpus()) return;
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted((*corpus() / name).string()) + " --out result");
    INFO(said.out);
    INFO(said.err);
    REQUIRE(said.status == 0);
    const auto result = nlohmann::json::parse(read_text(scratch.path("result/result.json")));
    CHECK(result["sim"]["outcome"] == "finished");
    CHECK(result["kernel"]["oops"].empty());

    // Again under the sanitizer: the driver as it is leaves nothing stale on a real board, and nothing changes.
    const Said watched = run_xlate(scratch, "run " + quoted((*corpus() / name).string()) + " --sanitize --out watched");
    INFO(watched.err);
    CHECK(watched.status == 0);
    const auto again = nlohmann::json::parse(read_text(scratch.path("watched/result.json")));
    CHECK(again["digest"] == result["digest"]);
    CHECK(again["sanitizer"]["findings_total"] == 0);
    CHECK(again["sanitizer"]["ledger"]["differing"] == 0);
    CHECK(again["sanitizer"]["ledger"]["open"] == 0);
}

}  // namespace

TEST_CASE("corpus: fvp-base-revc boots from its device tree alone", "[cli][corpus]") {
    boots("dtb/6.1-arm-fvp-base-revc.dtb");
}
TEST_CASE("corpus: hip07-d05 boots from its device tree alone", "[cli][corpus]") {
    boots("dtb/6.1-hisilicon-hip07-d05.dtb");
}
TEST_CASE("corpus: rk3588-rock-5b boots from its device tree alone", "[cli][corpus]") {
    boots("dtb/6.12-rockchip-rk3588-rock-5b.dtb");
}
TEST_CASE("corpus: qemu virt boots from its device tree alone", "[cli][corpus]") {
    boots("linux-boot/dt-smmuv3-6.12/board.dtb");
}
TEST_CASE("corpus: odd consumers boot from their device tree alone", "[cli][corpus]") {
    boots("linux-boot/dt-odd-consumers-6.12/board.dtb");
}
TEST_CASE("corpus: maps with gaps boot from their device tree alone", "[cli][corpus]") {
    boots("linux-boot/dt-map-gaps-6.12/board.dtb");
}
TEST_CASE("corpus: a map with a mask boots from its device tree alone", "[cli][corpus]") {
    boots("linux-boot/dt-map-mask-6.12/board.dtb");
}

TEST_CASE("corpus: broken device trees are refused with status 3 or run with their damage named", "[cli][corpus]") {
    if (skip_without_corpus()) return;
    const auto broken = nlohmann::json::parse(read_text((*corpus() / "broken" / "broken.json").string()));
    for (const auto& file : broken["files"]) {
        const std::string name = file["file"];
        if (name.find(".dtb") == std::string::npos) continue;
        INFO(name << ": " << file["what_is_wrong"]);
        const Scratch scratch;
        const std::string path = quoted((*corpus() / "broken" / name).string());
        const Said said = run_xlate(scratch, "inspect --json " + path);
        INFO(said.err);
        if (file["blob"] == "reject") {
            CHECK(said.status == 3);
            CHECK(said.out.empty());
            CHECK(said.err.find(name) != std::string::npos);
            CHECK(run_xlate(scratch, "run " + path + " --out result").status == 3);
        } else {
            CHECK(said.status == 0);
            CHECK_FALSE(nlohmann::json::parse(said.out)["oddities"].empty());
            CHECK(run_xlate(scratch, "run " + path + " --quiet --out result").status == 0);
        }
    }
}
