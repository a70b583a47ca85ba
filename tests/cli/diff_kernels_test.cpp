#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

using namespace xlate::tests;

namespace {

const std::string kTree = quoted(std::string(XLATE_SOURCE_DIR) + "/configs/quickstart.yaml");

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
    CHECK(said.out.find("Linux 6.14 is no variant; this one is the nearest before it") != std::string::npos);
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
