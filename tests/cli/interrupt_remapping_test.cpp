// MSIs of masters through the interrupt remapping tables of VT-d and AMD-Vi, in runs.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>

#include "tests/cli/program.hpp"
#include "tests/places.hpp"

using namespace xlate::tests;
using Json = nlohmann::ordered_json;

namespace {

Json result_of(const std::string& config, const std::string& set) {
    const Scratch scratch;
    std::string command = "run " + quoted(std::string(source_dir()) + "/configs/" + config + ".yaml") +
                          " --quiet --set 'expect=[kernel.oops == 0]' --out r";
    if (!set.empty()) command += " --set " + quoted(set);
    const Said said = run_xlate(scratch, command);
    INFO(said.err);
    REQUIRE(said.status == 0);
    return Json::parse(read_text(scratch.path("r/result.json")));
}

std::uint64_t interrupts(const Json& result) {
    std::uint64_t all = 0;
    for (const Json& iommu : result["iommus"]) all += iommu["counters"]["interrupts"].get<std::uint64_t>();
    return all;
}

}  // namespace

TEST_CASE("interrupt remapping: masters' messages go through the tables in a plain run", "[cli][interrupts]") {
    for (const char* config : {"x86-vtd", "x86-amd"}) {
        CAPTURE(config);
        const Json result = result_of(config, "");
        CHECK(interrupts(result) > 100);
        CHECK(result["faults"].empty());
    }
    // The NIC is behind dmar1, and nobody else of this config interrupts.
    const Json vtd = result_of("x86-vtd", "");
    for (const Json& iommu : vtd["iommus"]) CHECK((iommu["counters"]["interrupts"] != 0) == (iommu["name"] == "dmar1"));
    CHECK(interrupts(result_of("x86-vtd", "kernel.parameters={intremap: \"off\"}")) == 0);
}

TEST_CASE("interrupt remapping: a message without an entry is refused, recorded, and its driver goes on",
          "[cli][interrupts]") {
    struct Row {
        const char* config;
        const char* device;
        const char* reason;
    };
    for (const Row& row : {Row{"x86-vtd", "0000:01:00.0", "interrupt entry not present"},
                           Row{"x86-amd", "0000:02:00.0", "IO_PAGE_FAULT"}}) {
        CAPTURE(row.config);
        const Json result = result_of(row.config, "kernel.mistakes=[irte-not-written]");
        REQUIRE_FALSE(result["faults"].empty());
        for (const Json& fault : result["faults"]) {
            CHECK(fault["device"] == row.device);
            CHECK(fault["reason"] == row.reason);
            CHECK(fault["iova"].get<std::uint64_t>() >> 20 == 0xFEE);
        }
        // Its driver hears of nothing, and looks by itself: all is transferred.
        const Json plain = result_of(row.config, "");
        const auto moved = [&](const Json& of) {
            const auto at = std::find_if(of["masters"].begin(), of["masters"].end(),
                                         [&](const Json& master) { return master["device"] == row.device; });
            return at->at("bytes").get<std::uint64_t>() / 4096;
        };
        CHECK(moved(result) == moved(plain));
    }
}
