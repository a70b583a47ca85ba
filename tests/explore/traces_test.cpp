// A search of which parts run ahead of their turn is the search that one worker does.
#include <catch2/catch.hpp>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "explore/scenario/scenario.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/explore.hpp"
#include "tests/explore/litmus.hpp"

using namespace xlate;
using namespace xlate::explore;
using namespace xlate::explore::tests;

namespace {

/// Who did each step, and whether the run came to its end.
using Run = std::pair<std::vector<TaskId>, bool>;
using Runs = std::vector<Run>;

/// All runs of a search, in its order. `draw`: parts are given away at random, run at once, and joined or taken back.
Runs runs_of(const Program& program, Dpor& dpor, Rng* draw) {
    Execution execution(program, {});
    std::map<std::size_t, std::pair<Runs, SubtreeEnd>> given;
    Runs runs;
    for (;;) {
        const Dpor::Next next = dpor.next();
        if (next == Dpor::Next::closed) break;
        if (next == Dpor::Next::join) {
            const auto part = given.find(dpor.depth());
            REQUIRE(part != given.end());
            if (draw->chance(1, 4)) {
                dpor.take_back();
            } else {
                const auto& [its_runs, end] = part->second;
                runs.insert(runs.end(), its_runs.begin(), its_runs.end());
                dpor.join(end);
            }
            given.erase(part);
            continue;
        }
        const RunResult result = execution.run(dpor);
        dpor.finished(result);
        runs.emplace_back(execution.choices(), result.end == RunEnd::complete);
        if (draw == nullptr || draw->chance(1, 2)) continue;
        if (const auto part = dpor.give_away()) {
            Dpor elsewhere(dpor.reduces(), *part);
            Runs its_runs = runs_of(program, elsewhere, draw);
            given[dpor.depth()] = {std::move(its_runs), elsewhere.end()};
        }
    }
    CHECK(given.empty());
    return runs;
}

void check_the_same(const Program& program, bool reduce, std::uint64_t seed) {
    Dpor one(reduce);
    const Runs alone = runs_of(program, one, nullptr);
    Rng draw(seed, "tests.explore.traces");
    Dpor other(reduce);
    const Runs shared = runs_of(program, other, &draw);
    CHECK(shared == alone);
    CHECK(other.traces() == one.traces());
    CHECK(other.abandoned() == one.abandoned());
}

auto all_of(const ExploreResult& result) {
    std::vector<std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>> bugs;
    for (const Bug& bug : result.bugs) bugs.emplace_back(bug.what, bug.schedule, bug.first_found_at, bug.seen);
    return std::tuple(result.verdict, result.scope, result.schedules, result.traces, result.steps, result.outcomes,
                      bugs, explore_text(result));
}

}  // namespace

TEST_CASE("traces: parts that run elsewhere leave the order of runs as it is, on random programs", "[explore][dpor]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        const Litmus program = random_program(seed);
        check_the_same(program, true, seed);
        if (seed % 4 == 0) check_the_same(program, false, seed);
    }
}

TEST_CASE("traces: parts that run elsewhere leave the order of runs as it is, on scenarios", "[explore][dpor]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"cover-letter", "series-v1-fixed@17"}, {"d-6", "base"}, {"r24", "base"}};
    for (const auto& [scenario, variant] : cases) {
        INFO(scenario << " at " << variant);
        const auto program = make_program(find_scenario(scenario), variant);
        for (std::uint64_t seed = 1; seed <= 2; ++seed) check_the_same(*program, true, seed);
    }
}

TEST_CASE("traces: any number of workers finds the same, in the same order", "[explore][dpor]") {
    struct Case {
        const char* scenario;
        const char* variant;
        Strategy strategy;
        std::uint64_t budget;  ///< 0: to the end
    };
    for (const Case& one :
         {Case{"d-6", "base", Strategy::dpor, 0}, Case{"r24", "base", Strategy::dpor, 0},
          Case{"r18", "base", Strategy::dpor, 2'500}, Case{"r18", "base", Strategy::dpor, 2'501},
          Case{"cover-letter", "base", Strategy::dpor, 3'000}, Case{"cover-letter", "base", Strategy::dfs, 3'000}}) {
        ExploreOptions options;
        options.strategy = one.strategy;
        options.budget = one.budget;
        options.minimise = false;
        const auto alone = all_of(explore::explore(find_scenario(one.scenario), one.variant, options));
        for (const unsigned jobs : {2U, 3U, 5U}) {
            options.jobs = jobs;
            INFO(one.scenario << " at " << one.variant << ", budget " << one.budget << ", " << jobs << " workers");
            CHECK(all_of(explore::explore(find_scenario(one.scenario), one.variant, options)) == alone);
        }
    }
}

TEST_CASE("traces: an interruption reaches every worker", "[explore][dpor]") {
    ExploreOptions options;
    options.strategy = Strategy::dpor;
    options.minimise = false;
    options.jobs = 4;
    options.budget = 0;
    const auto after_a_while = [](const Progress& progress) { return progress.schedules < 3'000; };
    const ExploreResult result = explore::explore(find_scenario("r18"), "base", options, after_a_while);
    CHECK_FALSE(result.exhaustive);
    CHECK(result.scope.find("interrupted") != std::string::npos);
    CHECK(result.traces < 26'000);
}

TEST_CASE(
    "traces: a portfolio leaves a quarter to samples where its traces do not close, also where it stops at the first "
    "bug",
    "[explore][dpor]") {
    ExploreOptions options;
    options.budget = 3'000;
    options.deviations = 0;
    options.data_races = false;
    options.minimise = false;
    const ExploreResult whole = explore::explore(find_scenario("r18"), "base", options);
    REQUIRE(whole.bugs.empty());
    CHECK(whole.schedules == 3'000);
    CHECK(whole.traces == 2'250);  // of 2,999
    CHECK(whole.confidence_p);
    options.stop_at_first = true;
    options.jobs = 3;
    const ExploreResult stopping = explore::explore(find_scenario("r18"), "base", options);
    CHECK(stopping.traces == whole.traces);
    CHECK(stopping.scope == whole.scope);
}
