// `xlate run --trace` where the trace has a limit.
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

TEST_CASE("trace: what does not fit is named in the result, on the terminal and in the trace", "[cli][trace]") {
    const Scratch scratch;
    scratch.file("x.yaml", "firmware: { devicetree: " + board("quickstart") +
                               " }\nsoc: { pci: [] }\ntraffic: [ { device: a000000.video, transfers: 40000 } ]\n");
    // Of a board, firmware's own warnings aside.
    const auto of_trace = [](const Json& warnings) {
        std::vector<std::string> found;
        for (const Json& one : warnings) {
            if (one.get<std::string>().find("the trace") == 0) found.push_back(one);
        }
        return found;
    };
    REQUIRE(run_xlate(scratch, "run x.yaml --quiet --trace --out whole").status == 0);
    const Json whole = Json::parse(read_text(scratch.path("whole/result.json")));
    CHECK(of_trace(whole["warnings"]).empty());
    for (const std::string keep : {"first", "last"}) {
        const Said said = run_xlate(scratch, "run x.yaml --quiet --trace --out " + keep +
                                                 " --set limits.trace_size='1 MiB' --set limits.trace_keep=" + keep);
        INFO(said.err);
        CHECK(said.status == 0);
        const Json result = Json::parse(read_text(scratch.path(keep + "/result.json")));
        REQUIRE(of_trace(result["warnings"]).size() == 1);
        const std::string warning = of_trace(result["warnings"]).front();
        CHECK(warning.find("the trace holds the " + keep) == 0);
        CHECK(said.err.find("x: " + warning + "\n") != std::string::npos);
        const std::string trace = read_text(scratch.path(keep + "/trace.pftrace"));
        CHECK(trace.find(warning) != std::string::npos);
        CHECK(trace.size() < 1U << 20);
        CHECK(trace.size() > (1U << 20) / 10 * 8);
        CHECK(trace.size() < read_text(scratch.path("whole/trace.pftrace")).size());
        CHECK(result["digest"] == whole["digest"]);
        // The kernel's log is whole in each.
        CHECK(trace.find("arm-smmu-v3 9050000.iommu") != std::string::npos);
    }
    // On the terminal also among the other warnings.
    CHECK(run_xlate(scratch, "run x.yaml --trace --out first --set limits.trace_size='1 MiB'")
              .out.find("warning: the trace holds") != std::string::npos);
}
