// `xlate compare` for CI: metrics, directions, Markdown, baselines.
#include <string>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;

namespace {

/// `before`, and `after` with memory that is 5 % slower.
void two_runs(const Scratch& scratch) {
    const std::string config = quoted(std::string(source_dir()) + "/configs/tiny_tlb.yaml");
    REQUIRE(run_xlate(scratch, "run " + config + " --out before --quiet").status == 0);
    REQUIRE(run_xlate(scratch, "run " + config + " --out after --quiet --set 'soc.memory.latency=63 ns'").status == 0);
}

}  // namespace

TEST_CASE("compare --metric: slower memory fails by the metrics that matter, and a person reads which",
          "[cli][compare]") {
    const Scratch scratch;
    two_runs(scratch);
    const Said said = run_xlate(scratch, "compare before after --metric headline --markdown pr.md --junit c.xml");
    CHECK(said.status == 1);
    CHECK(said.out.find("worse   masters[\"a000000.video\"].latency_ns.mean: ") != std::string::npos);
    CHECK(said.out.find("worse   masters[\"a000000.video\"].bandwidth_bytes_per_s: ") != std::string::npos);
    const std::string page = read_text(scratch.path("pr.md"));
    CHECK(page.find("### xlate: ") == 0);
    CHECK(page.find(" metrics are worse\n") != std::string::npos);
    CHECK(page.find("| | metric | before | after | change | allowed |\n") != std::string::npos);
    CHECK(page.find("| worse | masters[\"a000000.video\"].bandwidth\\_bytes\\_per\\_s | ") == std::string::npos);
    CHECK(page.find("| worse | masters") != std::string::npos);
    CHECK(page.find("B/s | ") != std::string::npos);  // as a person reads it
    CHECK(page.find("<details>") != std::string::npos);
    // What stands above the fold is read in half a minute.
    CHECK(page.find("<details>") < 2500);
    CHECK(read_text(scratch.path("c.xml")).find("<failure message=\"masters[&quot;a000000.video&quot;]") !=
          std::string::npos);
    CHECK(run_xlate(scratch, "compare before after --metric headline=10").status == 0);
    CHECK(run_xlate(scratch, "compare before before --metric headline").status == 0);
}

TEST_CASE("compare --metric: the other way round it is better, and fine", "[cli][compare]") {
    const Scratch scratch;
    two_runs(scratch);
    const Said faster = run_xlate(scratch, "compare after before --metric 'masters[*].latency_ns.mean'");
    CHECK(faster.status == 0);
    CHECK(faster.out.find("better  masters") == 0);
    CHECK(faster.out.find("1 metrics: 0 worse, 1 better, 0 as before\n") != std::string::npos);
    CHECK(run_xlate(scratch, "compare after before --metric 'latency_ns.mean:higher'").status == 1);
    CHECK(run_xlate(scratch, "compare after before --metric 'latency_ns.mean:same=1'").status == 1);
    CHECK(run_xlate(scratch, "compare after before --metric 'latency_ns.mean:same=10'").status == 0);
}

TEST_CASE("compare: a metric or a tolerance that nothing has is no comparison", "[cli][compare]") {
    const Scratch scratch;
    two_runs(scratch);
    const Said metric = run_xlate(scratch, "compare before after --metric latency_ns.p98");
    CHECK(metric.status == 2);
    CHECK(metric.err.find("--metric: neither of the two has a metric 'latency_ns.p98'") != std::string::npos);
    CHECK(metric.err.find("did you mean 'latency_ns.p9") != std::string::npos);
    const Said tolerance = run_xlate(scratch, "compare before after --tolerance latncy_ns.p99=5");
    CHECK(tolerance.status == 2);
    CHECK(tolerance.err.find("--tolerance: neither") != std::string::npos);
    CHECK(run_xlate(scratch, "compare before after --metric 'p99=much'").status == 2);
}

TEST_CASE("compare --update-baseline: what came out becomes what is expected", "[cli][compare]") {
    const Scratch scratch;
    two_runs(scratch);
    std::filesystem::copy_file(scratch.path("before/result.json"), scratch.path("baseline.json"));
    CHECK(run_xlate(scratch, "compare baseline.json after").status == 1);
    const Said said = run_xlate(scratch, "compare baseline.json after --update-baseline");
    CHECK(said.status == 0);
    CHECK(said.err.find("baseline.json is the new baseline") != std::string::npos);
    CHECK(run_xlate(scratch, "compare baseline.json after").out == "the same\n");
    scratch.file("broken.json", "{");
    CHECK(run_xlate(scratch, "compare baseline.json broken.json --update-baseline").status == 2);
    CHECK(run_xlate(scratch, "compare baseline.json after").out == "the same\n");
}
