// Every board of the corpus with an SMMUv3 boots from its device tree alone.
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"

using namespace xlate::tests;

namespace {

void boots(const std::filesystem::path& board) {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "run " + quoted(board.string()) + " --out result");
    INFO(said.out);
    INFO(said.err);
    REQUIRE(said.status == 0);
    const auto result = nlohmann::json::parse(read_text(scratch.path("result/result.json")));
    CHECK(result["sim"]["outcome"] == "finished");
    CHECK(result["kernel"]["oops"].empty());

    // Again under the sanitizer: the driver as it is leaves nothing stale on a real board, and nothing changes.
    const Said watched = run_xlate(scratch, "run " + quoted(board.string()) + " --sanitize --out watched");
    INFO(watched.err);
    CHECK(watched.status == 0);
    const auto again = nlohmann::json::parse(read_text(scratch.path("watched/result.json")));
    CHECK(again["digest"] == result["digest"]);
    CHECK(again["sanitizer"]["findings_total"] == 0);
    CHECK(again["sanitizer"]["ledger"]["differing"] == 0);
    CHECK(again["sanitizer"]["ledger"]["open"] == 0);
}

}  // namespace

TEST_CASE("corpus: every board with an SMMUv3 boots from its device tree alone", "[cli][corpus]") {
    if (skip_without_corpus()) return;
    std::size_t boards = 0;
    for (const char* const part : {"dtb", "linux-boot"}) {
        if (skip_without(part)) continue;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(*corpus() / part)) {
            if (entry.path().extension() != ".dtb") continue;
            if (read_text(entry.path().string()).find("arm,smmu-v3") == std::string::npos) continue;
            INFO(entry.path().string());
            boots(entry.path());
            ++boards;
        }
    }
    went_over(boards, "board with an SMMUv3");
}

TEST_CASE("corpus: broken device trees are refused with status 3 or run with their damage named", "[cli][corpus]") {
    if (skip_without("broken/broken.json")) return;
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
