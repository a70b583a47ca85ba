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

TEST_CASE("explore --list: which config shows which race; without a config and --list it says what is missing",
          "[cli]") {
    const Scratch scratch;
    const Said list = run_xlate(scratch, "explore --list");
    CHECK(list.status == 0);
    CHECK(list.out.find("| R5 |") != std::string::npos);
    const Said nothing = run_xlate(scratch, "explore");
    CHECK(nothing.status == 2);
    CHECK(nothing.err.find("CONFIG is missing") != std::string::npos);
}
