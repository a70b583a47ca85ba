// Cases of corpus/field that the kernel model and SMMUv3's engine answer; values from its README.
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/corpus.hpp"

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
    if (skip_without_corpus()) return;
    const Scratch scratch;
    const Json result = field(scratch, "31-stray/two.yaml");
    CHECK(result["iommus"][0]["events"] == 1000);
    CHECK(result["faults_total"] == 1000);
    CHECK(read_text(scratch.path("result/console.log")).find("overflow") == std::string::npos);
}
