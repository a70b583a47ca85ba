// The race index: every schedule that it names shows what it says, no trace does where it says that it is gone, and
// configs/explore/README.md prints it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "explore/catalogue/race_index.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"
#include "tests/places.hpp"

using namespace xlate::explore;

namespace {

bool shows(const std::vector<xlate::kernel::Report>& reports, std::string_view sign) {
    return std::any_of(reports.begin(), reports.end(),
                       [&](const auto& report) { return report.headline().find(sign) != std::string::npos; });
}

std::string text_of(const std::string& file) {
    std::ifstream stream(std::string(xlate::tests::source_dir()) + "/" + file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("race index: every schedule shows the race that it is listed for", "[explore][index]") {
    for (const RaceRow& row : race_index()) {
        for (const std::string_view token : row.tokens) {
            INFO(row.id << " " << token);
            const Replay run = replay(std::string(token));
            CHECK(run.missing.empty());
            CHECK(shows(run.reports, row.sign));
        }
    }
}

TEST_CASE("race index: no trace shows a race where it is listed as gone", "[explore][index]") {
    std::set<std::string> done;
    for (const RaceRow& row : race_index()) {
        for (const RaceGone& gone : row.gone) {
            INFO(row.id << " " << gone.scenario << " at " << gone.variant);
            // R0's and R10's are long and stand in scenario_test.cpp.
            if (gone.traces > 3'000) continue;
            ExploreOptions options;
            options.strategy = Strategy::dpor;
            options.data_races = false;
            options.minimise = false;
            const ExploreResult result = explore(find_scenario(gone.scenario), std::string(gone.variant), options);
            CHECK(result.exhaustive);
            if (gone.traces != 0) CHECK(result.traces == gone.traces);
            CHECK(std::none_of(result.bugs.begin(), result.bugs.end(),
                               [&](const Bug& bug) { return bug.what.find(row.sign) != std::string::npos; }));
        }
    }
}

TEST_CASE("race index: it has every race and defect of the specification, and each file is there", "[explore][index]") {
    std::set<std::string> ids;
    for (const RaceRow& row : race_index()) {
        ids.insert(std::string(row.id));
        INFO(row.id);
        CHECK(std::filesystem::exists(std::string(xlate::tests::source_dir()) + "/configs/explore/" +
                                      std::string(row.scenario) + ".yaml"));
    }
    for (const char* id :
         {"R0",    "R1",   "R2a",  "R2b",  "R2c",  "R3",   "R4",   "R5",   "R6",    "R7",    "R8",
          "R9",    "R10",  "R11a", "R11b", "R12a", "R12b", "R12c", "R12d", "R13",   "R14",   "R15",
          "R16",   "R17",  "R18",  "R19",  "R20",  "R21",  "R22",  "R23",  "R24",   "R25",   "R26",
          "R27",   "D-1",  "D-3",  "D-5a", "D-5b", "D-6",  "D-8a", "D-8c", "D-10a", "D-10b", "D-11",
          "D-11b", "D-13", "X1",   "X2",   "X3",   "X6",   "X7",   "X8",   "X10",   "X15",   "X15, second half",
          "X17",   "X18",  "F30",  "F31"}) {
        INFO(id);
        CHECK(ids.count(id) == 1);
    }
}

TEST_CASE("race index: every report is shown, or it is said why not", "[explore][index]") {
    std::set<std::string> ids;
    for (const ReportVerdicts& row : report_verdicts()) ids.insert(std::string(row.id));
    for (const UnshownReport& one : unshown_reports()) CHECK(ids.insert(std::string(one.id)).second);  // not both
    for (unsigned n = 1; n <= 18; ++n) CHECK(ids.count("X" + std::to_string(n)) == 1);
}

TEST_CASE("race index: every report is found in the kernels that are said, and in no others", "[explore][index]") {
    const std::vector<RaceRow> rows = report_rows();
    for (const ReportVerdicts& row : report_verdicts()) {
        CHECK(std::any_of(rows.begin(), rows.end(),
                          [&](const RaceRow& one) { return one.scenario == row.scenario && one.sign == row.sign; }));
        for (const std::string_view kernel : report_kernels()) {
            INFO(row.id << " " << row.scenario << " at " << kernel);
            ExploreOptions options;
            options.strategy = Strategy::dpor;
            options.data_races = false;
            options.minimise = false;
            options.budget = 20'000;
            const ExploreResult result =
                explore(find_scenario(std::string(row.scenario)), std::string(kernel), options);
            CHECK(result.exhaustive);
            const bool found = std::any_of(result.bugs.begin(), result.bugs.end(), [&](const Bug& bug) {
                return bug.what.find(row.sign) != std::string::npos;
            });
            CHECK(found == row.found_in(kernel));
        }
    }
}

TEST_CASE("race index: configs/explore/README.md prints it", "[explore][index]") {
    CHECK(text_of("configs/explore/README.md").find(race_index_text()) != std::string::npos);
}
