// Every way in which a scenario goes wrong, found, replayed, or ruled out: what study/ and the command line call.
// Everything here depends on its arguments only: not on the clock, the number of workers or the machine, except
// where `time_limit_ms` cuts a search short (then `scope` says so).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explore/machine/program.hpp"
#include "explore/scenario/scenario.hpp"
#include "kernel-model/core/report.hpp"

namespace xlate::explore {

enum class Strategy : std::uint8_t { portfolio, dpor, pct, pos, random, dfs };
std::string_view name(Strategy strategy);
/// Errors: InputError with the nearest name.
Strategy find_strategy(std::string_view name);

struct ExploreOptions {
    Strategy strategy = Strategy::portfolio;
    std::uint64_t budget = 100'000;   ///< schedules in all; 0: no limit (dpor, dfs until closed)
    std::uint64_t time_limit_ms = 0;  ///< of the host's clock; 0: none
    unsigned jobs = 1;                ///< worker threads
    std::uint64_t seed = 1;
    unsigned deviations = 3;  ///< portfolio: systematic search up to so many
    bool minimise = true;
    bool data_races = true;      ///< report unordered plain accesses that did no harm, too
    bool stop_at_first = false;  ///< stop at the first bug that is not a data race
};

enum class Verdict : std::uint8_t { verified, bounded, sampled, failed };
std::string_view name(Verdict verdict);  ///< "verified", ...

/// The same bug in less of a scenario.
struct ReducedBug {
    std::vector<std::string> without;  ///< parts taken out, in order: the names of reduce.hpp
    std::string schedule;              ///< a token; its scenario is "name~part~part"
    unsigned deviations = 0;
    std::size_t steps = 0;
};

/// One distinct bug: kind, place and pair of tasks.
struct Bug {
    unsigned id = 0;    ///< 1, 2, ... in order of discovery
    std::string kind;   ///< kernel::name(ReportKind)
    std::string where;  ///< "FI4 in iommu_fwspec_init"
    std::string what;   ///< headline
    std::vector<std::string> tasks;
    std::size_t steps = 0;  ///< of its schedule
    std::string schedule;   ///< the token, minimised
    unsigned deviations = 0;
    std::uint64_t first_found_at = 0;  ///< schedule number, from 1
    std::uint64_t seen = 0;            ///< schedules that showed it; data races: not counted
    std::optional<std::size_t>
        inevitable_at;                  ///< step from which on no continuation avoids it (if the search was small)
    kernel::Report report;              ///< of the minimised schedule
    std::optional<ReducedBug> reduced;  ///< if `minimise` is on and the bug needs only a part of the scenario
};

struct ExploreResult {
    std::string scenario;
    std::string variant;
    Strategy strategy = Strategy::portfolio;
    std::uint64_t schedules = 0;  ///< executions that ran to their end
    std::uint64_t traces = 0;     ///< dpor: distinct Mazurkiewicz traces among them
    std::uint64_t steps = 0;      ///< transitions in all
    Verdict verdict = Verdict::sampled;
    std::string scope;                  ///< "all 2,395 traces", "no failure with up to 3 deviations (81,204 schedules)"
    bool exhaustive = false;            ///< the search space was closed
    std::vector<Bug> bugs;              ///< crashes first, then the others, each in order of discovery
    std::vector<std::string> outcomes;  ///< distinct final outcomes, sorted
    std::optional<double> confidence_p;  ///< sampled: upper bound of the failure probability at 95 %
    std::string limits;                  ///< what the model does without: "IOMMU drivers are data-driven models ..."
};

/// For a progress bar. `estimate`: schedules in all, if there is one.
struct Progress {
    const char* phase = "";
    std::uint64_t schedules = 0;
    std::optional<std::uint64_t> estimate;
    std::size_t bugs = 0;
};
/// Returns false to interrupt (what was found is returned, `scope` says "interrupted").
using ProgressCallback = std::function<bool(const Progress&)>;

ExploreResult explore(const Scenario& scenario, const std::string& variant, const ExploreOptions& options,
                      const ProgressCallback& progress = {});
ExploreResult explore(const Program& program, const ExploreOptions& options, const ProgressCallback& progress = {});

/// Variants x bugs. With several workers, variants run side by side; progress is then that of all together.
struct MatrixCell {
    std::string variant;
    ExploreResult result;
};
std::vector<MatrixCell> explore_matrix(const Scenario& scenario, const std::vector<std::string>& variants,
                                       const ExploreOptions& options, const ProgressCallback& progress = {});
/// The variants that `--matrix` runs if none are named.
std::vector<std::string> matrix_variants();

/// One step of a replay.
struct ReplayStep {
    std::size_t task = 0;  ///< column
    std::string step;      ///< "FI4"
    std::string function;
    std::string action;                ///< "write dev->iommu->fwspec"
    std::vector<std::string> changes;  ///< "dev->iommu: NULL -> dev_iommu#1"
    bool deviation = false;            ///< the schedule turns here
};
struct Replay {
    std::string scenario;
    std::string variant;
    std::string token;
    std::vector<std::string> tasks;  ///< column heads: "CPU0 modprobe"
    std::vector<ReplayStep> steps;
    std::vector<kernel::Report> reports;
    std::string outcome;
    std::string missing;       ///< not empty: the token does not fit; the point that is missing
    std::uint64_t digest = 0;  ///< of steps, reports and outcome
};
struct ReplayOptions {
    bool continue_after = false;  ///< a point that is missing is skipped, the rest runs on
};

/// Errors: InputError for a malformed token (check sum, unknown scenario or variant). A point that is missing is a
/// result (`missing`), not an error.
Replay replay(const std::string& token, const ReplayOptions& options = {});
/// With a scenario that is not built in; its name and variant must be those of the token.
Replay replay(const Scenario& scenario, const std::string& token, const ReplayOptions& options = {});

// Texts (80 columns where the columns fit).
std::string verdict_line(const ExploreResult& result);          ///< "VERIFIED all 2,395 traces"
std::string explore_text(const ExploreResult& result);          ///< verdict, bugs with tokens, outcomes
std::string timeline_text(const Replay& replay);                ///< N columns, shared state changes, reports
std::string matrix_text(const std::vector<MatrixCell>& cells);  ///< variants x bugs

}  // namespace xlate::explore
