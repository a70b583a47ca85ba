// What the series changes, row by row of its cover letter's list: each driver, firmware parser, bus and architecture,
// with the scenario that runs it before, at and after the patch, and what comes out. docs/series-rows.md is printed
// from this; a test runs every row and holds both to it.
// Source: docs/spec/kernel-probe.md sections 2.8, 4.2, 4.4, 5.1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xlate::explore {

/// One closed search.
struct SeriesPoint {
    std::string_view variant;
    std::string_view sign;     ///< part of what is reported; empty: nothing is, the search verifies
    std::string_view outcome;  ///< part of one of the final outcomes
};

struct SeriesRow {
    std::string_view row;             ///< "arm-smmu", "OF", "mips"
    unsigned patch = 0;               ///< of the series: 1 to 17
    std::string_view what;            ///< what the patch changes for it
    std::string_view scenario;        ///< configs/explore/SCENARIO.yaml
    std::vector<SeriesPoint> points;  ///< base first, then the patch (and what surrounds it), series-v1@17 last
};

/// In the order of the cover letter's list; a row may have several patches.
const std::vector<SeriesRow>& series_rows();
/// The names that must have a row.
const std::vector<std::string_view>& series_row_names();
/// As a table of Markdown.
std::string series_rows_text();

}  // namespace xlate::explore
