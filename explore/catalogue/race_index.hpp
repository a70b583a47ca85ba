// Which scenario shows which race R* and defect D-* of docs/spec/kernel-probe.md (3.1, 4.4): the schedules that show
// it, and the variants in which no schedule does. configs/explore/README.md is printed from this; a test holds both to
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xlate::explore {

/// A variant in which the sign of the row is in no trace.
struct RaceGone {
    std::string_view scenario;
    std::string_view variant;
    std::uint64_t traces = 0;  ///< of the closed search; 0: not pinned
};

struct RaceRow {
    std::string_view id;                   ///< "R5"
    std::string_view what;                 ///< what goes wrong
    std::string_view scenario;             ///< configs/explore/SCENARIO.yaml
    std::string_view sign;                 ///< part of what is reported; empty: nothing may be reported, see `what`
    std::vector<std::string_view> tokens;  ///< each replays to the sign
    std::vector<RaceGone> gone;
};

/// A report of docs/spec/probe-reports.md that no scenario shows, and why.
struct UnshownReport {
    std::string_view id;
    std::string_view why;
};
const std::vector<UnshownReport>& unshown_reports();
/// Rows X1 to X18 of race_index().
std::vector<RaceRow> report_rows();

/// The kernels in which a search of a report's scenario finds its sign; in all others of report_kernels() it does not.
struct ReportVerdicts {
    std::string_view id;
    std::string_view scenario;
    std::string_view sign;
    std::string_view first, last;  ///< of report_kernels()
    bool found_in(std::string_view kernel) const;
};
const std::vector<ReportVerdicts>& report_verdicts();
/// In the order of releases.
const std::vector<std::string_view>& report_kernels();

/// Where a row's sign is seen ("NULL pointer at FI4 in iommu_fwspec_init": FI4 and that function).
struct RowStep {
    std::string_view id;
    std::string_view step;
    std::string_view function;  ///< empty: any
};
/// Of the rows of this scenario whose sign names one.
std::vector<RowStep> row_steps(std::string_view scenario);

/// In the specification's order; then the reports of docs/spec/probe-reports.md.
const std::vector<RaceRow>& race_index();
/// As a table of Markdown, one row an id.
std::string race_index_text();

}  // namespace xlate::explore
