// The series' rows: each runs before, at and after its patch, and comes to what docs/series-rows.md says.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "explore/catalogue/series_rows.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"
#include "tests/places.hpp"

using namespace xlate::explore;

TEST_CASE("series rows: each closed search says what its row says", "[explore][rows]") {
    for (const SeriesRow& row : series_rows()) {
        for (const SeriesPoint& point : row.points) {
            INFO(row.row << ", patch " << row.patch << ": " << row.scenario << " at " << point.variant);
            ExploreOptions options;
            options.strategy = Strategy::dpor;
            options.data_races = false;
            options.minimise = false;
            const ExploreResult result = explore(find_scenario(row.scenario), std::string(point.variant), options);
            INFO(explore_text(result));
            CHECK(result.exhaustive);
            if (point.sign.empty()) {
                CHECK(result.verdict == Verdict::verified);
            } else {
                CHECK(std::any_of(result.bugs.begin(), result.bugs.end(),
                                  [&](const Bug& bug) { return bug.what.find(point.sign) != std::string::npos; }));
            }
            CHECK(std::any_of(result.outcomes.begin(), result.outcomes.end(), [&](const std::string& outcome) {
                return outcome.find(point.outcome) != std::string::npos;
            }));
        }
    }
}

TEST_CASE("series rows: every driver, parser, bus and architecture of the series has one, from base to patch 17",
          "[explore][rows]") {
    for (const std::string_view name : series_row_names()) {
        INFO(name);
        CHECK(std::any_of(series_rows().begin(), series_rows().end(),
                          [&](const SeriesRow& row) { return row.row == name; }));
    }
    for (const SeriesRow& row : series_rows()) {
        INFO(row.row << ", patch " << row.patch);
        REQUIRE(row.points.size() >= 3);
        CHECK(row.points.front().variant == "base");
        CHECK(row.points.back().variant == "series-v1@17");
        const std::string patch = "@" + std::to_string(row.patch);
        CHECK(std::any_of(row.points.begin(), row.points.end(), [&](const SeriesPoint& point) {
            const std::string variant(point.variant);
            return variant == "series-v1" + patch || variant == "series-v1-fixed" + patch;
        }));
        CHECK(std::filesystem::exists(std::string(xlate::tests::source_dir()) + "/configs/explore/" +
                                      std::string(row.scenario) + ".yaml"));
    }
}

TEST_CASE("series rows: docs/series-rows.md prints them", "[explore][rows]") {
    std::ifstream stream(std::string(xlate::tests::source_dir()) + "/docs/series-rows.md");
    std::stringstream text;
    text << stream.rdbuf();
    CHECK(text.str().find(series_rows_text()) != std::string::npos);
}
