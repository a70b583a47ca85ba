// `xlate explore` and `xlate replay` as a user calls them.
#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"

using namespace xlate::tests;

TEST_CASE("replay --trace: the timeline is printed, and a trace for Perfetto is written", "[cli]") {
    const Scratch scratch;
    const Said said = run_xlate(scratch, "replay 'cover-letter/base/cpu0@FI4#4/ab5c' --trace t.pftrace");
    CHECK(said.status == 1);  // the schedule shows a bug
    CHECK(said.out.find("Outcome: ") != std::string::npos);
    CHECK(said.out.find("FI4") != std::string::npos);
    const std::string trace = read_text(scratch.path("t.pftrace"));
    CHECK(trace.find("modprobe") != std::string::npos);
    CHECK(trace.find("FI4") != std::string::npos);
    const Said plain = run_xlate(scratch, "replay 'cover-letter/base/cpu0@FI4#4/ab5c'");
    CHECK(plain.out == said.out);
}

TEST_CASE("explore --seed: the same seed finds the same, another one draws other schedules", "[cli]") {
    const Scratch scratch;
    scratch.file("x.yaml", "scenario: cover-letter\nexplore: {minimise: false}\n");
    const auto with = [&](const char* seed) {
        const Said said =
            run_xlate(scratch, std::string("explore x.yaml --strategy pos --budget 40 --json --seed ") + seed);
        CHECK(said.status == 1);
        return said.out;
    };
    const std::string one = with("1");
    CHECK(nlohmann::json::parse(one)["schedules"] == 40);
    CHECK(one == with("1"));
    CHECK(one != with("2"));
}

TEST_CASE("explore --list: which config shows which race, without a config and --list it says what is missing",
          "[cli]") {
    const Scratch scratch;
    const Said list = run_xlate(scratch, "explore --list");
    CHECK(list.status == 0);
    CHECK(list.out.find("| R5 |") != std::string::npos);
    const Said nothing = run_xlate(scratch, "explore");
    CHECK(nothing.status == 2);
    CHECK(nothing.err.find("CONFIG is missing") != std::string::npos);
}

TEST_CASE("explore: hardware.groups puts ids into groups, what is no list of lists is named with its place", "[cli]") {
    const Scratch scratch;
    const auto config = [&](const char* groups) {
        scratch.file("g.yaml",
                     std::string("scenario:\n"
                                 "  like: mtk-group\n"
                                 "  iommus:\n"
                                 "    - {name: m4u0, driver: mtk-iommu, registered: true, hardware: {groups: ") +
                         groups +
                         "}}\n"
                         "  devices:\n"
                         "    - {name: dev0, iommus: [{iommu: m4u0, args: [1]}]}\n"
                         "    - {name: dev1, iommus: [{iommu: m4u0, args: [33]}]}\n"
                         "  tasks:\n"
                         "    - {cpu: 0, actions: [{bind: dev0}, {bind: dev1}]}\n");
        return run_xlate(scratch, "explore g.yaml --strategy dpor --json");
    };
    const Said one = config("[]");
    CHECK(one.status == 0);
    CHECK(one.out.find("group{dev0,dev1}") != std::string::npos);
    const Said two = config("[[33]]");
    CHECK(two.status == 0);
    CHECK(two.out.find("dev1: bound group{dev1}") != std::string::npos);
    const Said wrong = config("[33]");
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("g.yaml:4:") != std::string::npos);
    CHECK(wrong.err.find("a list") != std::string::npos);
}

TEST_CASE("explore -j: dpor on several workers prints the same bytes", "[cli]") {
    const Scratch scratch;
    scratch.file("x.yaml", "scenario: d-6\nexplore: {minimise: false}\n");
    const Said one = run_xlate(scratch, "explore x.yaml --strategy dpor --json -j 1");
    CHECK(one.status == 1);
    for (const char* jobs : {"2", "4"})
        CHECK(run_xlate(scratch, std::string("explore x.yaml --strategy dpor --json -j ") + jobs).out == one.out);
}
