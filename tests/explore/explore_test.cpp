#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"
#include "explore/search/reduce.hpp"
#include "explore/search/sampling.hpp"
#include "explore/search/schedule.hpp"

using namespace xlate;
using namespace xlate::explore;

namespace {

const Bug* find_bug(const ExploreResult& result, const std::string& headline) {
    for (const Bug& bug : result.bugs) {
        if (bug.what.find(headline) != std::string::npos) return &bug;
    }
    return nullptr;
}

constexpr const char* kCoverLetterCrash = "null-dereference: NULL pointer at FI4 in iommu_fwspec_init";

}  // namespace

TEST_CASE("explore: the portfolio finds the cover letter's crash, minimised, and it replays", "[explore]") {
    ExploreOptions options;
    options.budget = 3'000;
    const ExploreResult result = explore::explore(find_scenario("cover-letter"), "base", options);
    CHECK(result.verdict == Verdict::failed);
    const Bug* bug = find_bug(result, kCoverLetterCrash);
    REQUIRE(bug != nullptr);
    CHECK(bug->deviations <= 2);
    CHECK(bug->schedule.size() <= 80);
    const Replay again = replay(bug->schedule);
    CHECK(again.missing.empty());
    CHECK(std::any_of(again.reports.begin(), again.reports.end(), [&](const kernel::Report& report) {
        return report.group_key() == bug->report.group_key() && report.text() == bug->report.text();
    }));
    const std::string text = timeline_text(again);
    CHECK(text.find("FI4 write") != std::string::npos);
    CHECK(text.find("BUG: kernel NULL pointer dereference in iommu_fwspec_init (FI4)") != std::string::npos);
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos && begin < text.find("BUG:");
         begin = end + 1, end = text.find('\n', begin)) {
        CHECK(end - begin <= 84);
    }
}

TEST_CASE("explore: every bug's token replays to its report, twice with the same digest", "[explore]") {
    ExploreOptions options;
    options.budget = 1'500;
    const ExploreResult result = explore::explore(find_scenario("smmu-register"), "base", options);
    REQUIRE(result.bugs.size() > 10);
    for (const Bug& bug : result.bugs) {
        INFO(bug.what << " " << bug.schedule);
        const Replay first = replay(bug.schedule);
        CHECK(first.missing.empty());
        CHECK(std::any_of(first.reports.begin(), first.reports.end(),
                          [&](const kernel::Report& report) { return report.group_key() == bug.report.group_key(); }));
        CHECK(first.digest == replay(bug.schedule).digest);
    }
}

// docs/findings.md prints the medians.
TEST_CASE("explore: the crash of the cover letter takes at most 100 schedules in the median over 1,000 seeds",
          "[explore]") {
    constexpr std::uint64_t kEnough = 101;  // later finds count as this
    for (const Strategy strategy : {Strategy::pct, Strategy::pos}) {
        std::vector<std::uint64_t> needed;
        for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
            ExploreOptions options;
            options.seed = seed;
            options.strategy = strategy;
            options.budget = kEnough - 1;
            options.data_races = false;
            options.minimise = false;
            const ExploreResult result = explore::explore(find_scenario("cover-letter"), "base", options);
            const Bug* bug = find_bug(result, kCoverLetterCrash);
            needed.push_back(bug != nullptr ? bug->first_found_at : kEnough);
        }
        std::sort(needed.begin(), needed.end());
        const std::uint64_t median = (needed[499] + needed[500] + 1) / 2;
        UNSCOPED_INFO(name(strategy) << ": median " << median << ", a tenth within " << needed[99]);
        if (strategy == Strategy::pct) CHECK(median <= 100);
    }
    CHECK(true);
}

TEST_CASE("explore: any number of workers comes to the same verdict, bugs and outcomes", "[explore]") {
    for (const Strategy strategy : {Strategy::portfolio, Strategy::pct, Strategy::pos, Strategy::random}) {
        ExploreOptions options;
        options.strategy = strategy;
        options.budget = 800;
        options.minimise = false;
        const ExploreResult one = explore::explore(find_scenario("r24"), "base", options);
        for (const unsigned jobs : {2U, 5U}) {
            options.jobs = jobs;
            const ExploreResult more = explore::explore(find_scenario("r24"), "base", options);
            INFO(name(strategy) << " with " << jobs << " workers");
            CHECK(more.verdict == one.verdict);
            CHECK(more.schedules == one.schedules);
            CHECK(more.outcomes == one.outcomes);
            CHECK(explore_text(more) == explore_text(one));
        }
    }
}

TEST_CASE("explore: verdicts say their scope", "[explore]") {
    ExploreOptions options;
    const auto verified = explore::explore(find_scenario("cover-letter"), "series-v1-fixed@17", options);
    CHECK(verdict_line(verified) == "VERIFIED all 224 traces");
    CHECK(verified.exhaustive);
    options.strategy = Strategy::random;
    options.budget = 300;
    const auto sampled = explore::explore(find_scenario("cover-letter"), "series-v1-fixed@17", options);
    CHECK(verdict_line(sampled) == "SAMPLED no failure in 300 schedules (p < 9.9e-03 at 95 %)");
    options.strategy = Strategy::portfolio;
    options.budget = 450;
    options.data_races = false;
    const auto bounded = explore::explore(find_scenario("r18"), "base", options);
    CHECK(bounded.verdict == Verdict::bounded);
    CHECK(verdict_line(bounded).find("BOUNDED no failure with up to ") == 0);
    CHECK_FALSE(bounded.exhaustive);
}

TEST_CASE("explore: progress can interrupt, what was found stays", "[explore]") {
    ExploreOptions options;
    options.strategy = Strategy::random;
    options.minimise = false;
    const auto result = explore::explore(find_scenario("cover-letter"), "base", options,
                                         [](const Progress& progress) { return progress.schedules < 300; });
    CHECK(result.schedules < 2'000);
    CHECK(result.scope.find("interrupted") != std::string::npos);
}

TEST_CASE("explore: after the inevitable step every continuation shows the bug", "[explore]") {
    ExploreOptions options;
    options.budget = 1'500;
    options.data_races = false;
    const auto result = explore::explore(find_scenario("cover-letter"), "base", options);
    const Bug* bug = find_bug(result, kCoverLetterCrash);
    REQUIRE(bug != nullptr);
    REQUIRE(bug->inevitable_at);
    CHECK(*bug->inevitable_at < bug->steps);
}

TEST_CASE("tokens: what is printed is what is read", "[explore]") {
    Token token{"cover-letter", "series-v1@17~D-8a", {}};
    NamedDeviation first;
    first.task = "cpu0";
    first.point = "FI4";
    NamedDeviation second;
    second.task = "kworker/u4:1";
    second.point = "ID'";
    second.occurrence = 12;
    second.to = "cpu1";
    token.deviations = {first, second};
    const std::string text = token.text();
    CHECK(text.find("cover-letter/series-v1@17~D-8a/cpu0@FI4,kworker/u4:1@ID'#12>cpu1/") == 0);
    const Token read = parse_token(text);
    CHECK(read.text() == text);
    CHECK(read.deviations.size() == 2);
    CHECK(read.deviations[1].task == "kworker/u4:1");
    CHECK(read.deviations[1].to == "cpu1");
    std::string wrong = text;
    wrong[20] = wrong[20] == 'x' ? 'y' : 'x';
    CHECK_THROWS_WITH(parse_token(wrong), Catch::Contains("check sum"));
    CHECK_THROWS_AS(parse_token("nonsense"), InputError);
    CHECK_THROWS_AS(parse_token("///"), InputError);
}

TEST_CASE("tokens: one that does not fit names the point that is missing", "[explore]") {
    NamedDeviation gone;
    gone.task = "cpu0";
    gone.point = "FI4";
    gone.occurrence = 77;
    NamedDeviation real;
    real.task = "cpu0";
    real.point = "FI4";
    real.occurrence = 4;
    const std::string text = Token{"smmu-register", "base", {gone, real}}.text();
    const Replay strict = replay(text);
    CHECK(strict.missing == "cpu0@FI4#77");
    CHECK(
        std::none_of(strict.steps.begin(), strict.steps.end(), [](const ReplayStep& step) { return step.deviation; }));
    ReplayOptions options;
    options.continue_after = true;
    const Replay lenient = replay(text, options);
    CHECK(
        std::any_of(lenient.steps.begin(), lenient.steps.end(), [](const ReplayStep& step) { return step.deviation; }));
    CHECK_THROWS_AS(replay(find_scenario("r14"), text), InputError);
}

TEST_CASE("explore: the matrix shows which patch ends which bug", "[explore]") {
    ExploreOptions options;
    options.data_races = false;
    options.minimise = false;
    const auto cells =
        explore_matrix(find_scenario("d-5"), {"series-v1@4", "series-v1@5", "series-v1-fixed@5"}, options);
    REQUIRE(cells.size() == 3);
    CHECK(cells[0].result.verdict == Verdict::verified);
    CHECK(cells[1].result.verdict == Verdict::failed);
    CHECK(cells[2].result.verdict == Verdict::verified);
    const std::string text = matrix_text(cells);
    CHECK(text.find("series-v1@5         x  FAILED") != std::string::npos);
    CHECK(matrix_variants().size() > 30);
}

TEST_CASE("explore: the matrix is the same with any number of workers, and each can interrupt it", "[explore]") {
    ExploreOptions options;
    options.budget = 1'000;
    options.minimise = false;
    const std::vector<std::string> variants{"base", "series-v1@5", "series-v1-fixed@5", "series-v1@17"};
    const auto text = [&](unsigned jobs) {
        options.jobs = jobs;
        std::string all;
        for (const MatrixCell& cell : explore_matrix(find_scenario("cover-letter"), variants, options)) {
            all += cell.variant + "\n" + explore_text(cell.result);
        }
        return all;
    };
    const std::string alone = text(1);
    for (const unsigned jobs : {2U, 3U, 8U}) CHECK(text(jobs) == alone);

    options.jobs = 3;
    const auto cells =
        explore_matrix(find_scenario("cover-letter"), variants, options, [](const Progress&) { return false; });
    for (const MatrixCell& cell : cells) CHECK(cell.result.scope.find("interrupted") != std::string::npos);
}

TEST_CASE("explore: every built-in scenario is valid, has a name of its own and runs at every variant", "[explore]") {
    std::set<std::string> names;
    for (const Scenario& scenario : scenarios()) {
        INFO(scenario.name);
        CHECK(names.insert(scenario.name).second);
        CHECK_NOTHROW(validate(scenario));
        CHECK_FALSE(scenario.shows.empty());
        for (const std::string& variant : matrix_variants()) {
            ExploreOptions options;
            options.strategy = Strategy::random;
            options.budget = 2;
            options.minimise = false;
            INFO(variant);
            CHECK_NOTHROW(explore::explore(scenario, variant, options));
        }
    }
}

TEST_CASE("explore: an unknown strategy names the nearest", "[explore]") {
    CHECK(find_strategy("pct") == Strategy::pct);
    CHECK_THROWS_WITH(find_strategy("dporr"), Catch::Contains("dpor"));
}

TEST_CASE("explore: a bug that needs only a part of its scenario is shown in that part, and replays", "[explore]") {
    ExploreOptions options;
    options.budget = 1'500;
    options.data_races = false;
    options.jobs = 2;
    const Scenario& scenario = find_scenario("cover-letter");
    const ExploreResult result = explore::explore(scenario, "base", options);
    const Bug* crash = find_bug(result, kCoverLetterCrash);
    REQUIRE(crash != nullptr);
    REQUIRE(crash->reduced);  // one id is enough to install a fwspec
    CHECK(std::count(crash->reduced->without.begin(), crash->reduced->without.end(), "dev0.2") == 1);
    CHECK(crash->reduced->schedule.size() <= 80);
    for (const Bug& bug : result.bugs) {
        if (!bug.reduced) continue;
        INFO(bug.what << " " << bug.reduced->schedule);
        const Replay again = replay(bug.reduced->schedule);
        CHECK(again.missing.empty());
        CHECK(std::any_of(again.reports.begin(), again.reports.end(),
                          [&](const kernel::Report& report) { return report.group_key() == bug.report.group_key(); }));
        CHECK(replay(scenario, bug.reduced->schedule).digest == again.digest);
    }
    const std::string text = explore_text(result);
    CHECK(text.find("also without") != std::string::npos);
    options.jobs = 1;
    CHECK(explore_text(explore::explore(scenario, "base", options)) == text);
}

TEST_CASE("explore: parts of a scenario go by name, and what hangs on them goes too", "[explore]") {
    const Scenario& scenario = find_scenario("r11b");
    const Scenario fewer = reduced_scenario("r11b~dev1~smmu1");
    CHECK(fewer.name == "r11b~dev1~smmu1");
    REQUIRE(fewer.tasks.size() == 1);
    CHECK(fewer.tasks[0].name == "modprobe");
    CHECK(fewer.devices.size() == 1);
    CHECK(fewer.iommus.size() == 1);
    CHECK_NOTHROW(validate(fewer));
    CHECK(without(scenario, "#3").tasks.size() == 2);
    CHECK(without(scenario, "dev0.1").devices[0].iommus.empty());
    CHECK(without(find_scenario("r7"), "#0.1").before.empty());
    CHECK_THROWS_WITH(without(scenario, "dev2"), Catch::Contains("no part"));
    CHECK_THROWS_WITH(without(scenario, "#4"), Catch::Contains("no part"));
    CHECK_THROWS_WITH(reduced_scenario("r11b~"), Catch::Contains("no part"));
    CHECK(part_text("dev0.2") == "the second id of dev0");
}

TEST_CASE("explore: every schedule, played again, is the same to the last step", "[explore]") {
    // XLATE_LONG=1: a million runs.
    const bool whole = std::getenv("XLATE_LONG") != nullptr;
    const std::uint64_t each = whole ? 62'500 : 150;
    std::uint64_t runs = 0;
    std::uint64_t different = 0;
    for (const char* scenario : {"cover-letter", "smmu-register", "r2a", "r8", "r16", "d-11-dart", "r12c", "r18"}) {
        const auto program = make_program(find_scenario(scenario), "base");
        ExecutionOptions options;
        options.record = true;
        Execution execution(*program, options);
        const auto digest_of = [&](const RunResult& result) {
            Digest digest;
            for (const Step& step : execution.steps()) {
                digest.add(std::uint64_t{step.task}).add(step.name).add(step.function).add(step.what);
            }
            for (const kernel::Report& report : result.reports) digest.add(report.text());
            return digest.add(result.outcome).value();
        };
        for (std::uint64_t i = 0; i < each; ++i) {
            const auto director = make_sampler(Strategy::portfolio, 7, i, 170);
            const std::uint64_t first = digest_of(execution.run(*director));
            ReplayDirector again(std::vector<TaskId>(execution.choices()));
            if (digest_of(execution.run(again)) != first) ++different;
            runs += 2;
        }
    }
    CHECK(different == 0);
    CHECK(runs == 16 * each);
}

TEST_CASE("explore: a search that finds nothing says where its row's race cannot begin", "[explore]") {
    const auto text = [](const char* variant) {
        ExploreOptions options;
        options.strategy = Strategy::dpor;
        options.data_races = false;
        return explore_text(explore::explore(find_scenario("r16"), variant, options));
    };
    // From 6.15 on the device has its group before a task binds it, so that device_group is not called any more.
    for (const char* const variant : {"mainline-6.15.1", "linux-7.3"}) {
        std::string flat;
        for (const char c : text(variant)) {
            if (c == '\n' || (c == ' ' && !flat.empty() && flat.back() == ' '))
                flat += flat.empty() || flat.back() == ' ' ? "" : " ";
            else
                flat += c;
        }
        INFO(flat);
        CHECK(flat.find("VERIFIED") != std::string::npos);
        CHECK(flat.find("No order of whole tasks reaches ID6 in device_group, where R16 shows") != std::string::npos);
    }
    CHECK(text("base").find("No order of whole tasks") == std::string::npos);
}
