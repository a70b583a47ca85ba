#include "explore/search/explore.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "explore/catalogue/race_index.hpp"
#include "explore/search/reduce.hpp"
#include "explore/search/search.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::explore {

namespace {

constexpr std::uint64_t kProbeRuns = 500;

/// The failure probability that so many schedules without a failure exclude at 95 %.
double excluded_probability(std::uint64_t schedules) {
    return schedules == 0 ? 1.0 : 1.0 - std::pow(0.05, 1.0 / static_cast<double>(schedules));
}

struct Search {
    const Program& program;
    const ExploreOptions& options;
    Judge judge;
    Limits limits;
    Findings findings;
    ExploreResult result;

    Search(const Program& the_program, const ExploreOptions& the_options, const ProgressCallback& progress)
        : program(the_program), options(the_options), judge(the_program, the_options), limits(the_options, progress) {}

    SearchSetup setup() { return {program, options, judge, limits, result.schedules}; }
    SearchEnd add(SearchEnd end) {
        result.schedules += end.schedules;
        result.steps += end.steps;
        return end;
    }
    std::uint64_t left() const {
        if (options.budget == 0) return ~std::uint64_t{0} >> 1;
        return options.budget > result.schedules ? options.budget - result.schedules : 0;
    }
    bool enough() const { return limits.stopped() || (options.stop_at_first && findings.has_serious_bug()); }

    void traces(bool reduce) {
        const SearchEnd end = add(search_traces(setup(), reduce, options.budget, 0, findings));
        result.traces = end.traces;
        result.exhaustive = end.closed;
        decide(end.closed, 0, false, 0);
    }

    void samples(Strategy strategy) {
        const std::uint64_t wanted = options.budget == 0 ? 100'000 : options.budget;
        const SearchEnd end = add(search_samples(setup(), strategy, wanted, findings));
        decide(false, 0, false, end.schedules);
    }

    /// The plain schedule, one to three deviations from it; then every trace if that can be done, else samples.
    void portfolio() {
        const std::uint64_t budget = options.budget == 0 ? 100'000 : options.budget;
        const SearchEnd systematic = add(search_deviations(setup(), budget * 2 / 5, findings));
        bool closed = false;
        std::uint64_t sampled = 0;
        if (!enough()) {
            // What has not closed by then most often will not, whatever the estimate says: the rest is for samples.
            const std::uint64_t room = budget > result.schedules ? budget - result.schedules : 0;
            const SearchEnd end = add(search_traces(setup(), true, room - room / 4, kProbeRuns, findings));
            result.traces = end.traces;
            closed = end.closed;
        }
        if (!closed && !enough()) {
            const std::uint64_t room = budget > result.schedules ? budget - result.schedules : 0;
            sampled = add(search_samples(setup(), Strategy::portfolio, room, findings)).schedules;
        }
        result.exhaustive = closed;
        decide(closed, systematic.complete_deviations, systematic.any_complete, sampled);
    }

    void decide(bool closed, unsigned deviations, bool bounded, std::uint64_t sampled) {
        std::string extent;
        if (closed) {
            extent = fmt::format("all {} traces", grouped(result.traces));
        } else if (bounded) {
            extent = fmt::format("up to {} deviation{} ({} schedules)", deviations, deviations == 1 ? "" : "s",
                                 grouped(result.schedules));
        } else {
            extent = fmt::format("{} schedules", grouped(result.schedules));
        }
        if (findings.bug_count() != 0) {
            result.verdict = Verdict::failed;
            result.scope = fmt::format("{} distinct bug{} in {}", findings.bug_count(),
                                       findings.bug_count() == 1 ? "" : "s", extent);
        } else if (closed) {
            result.verdict = Verdict::verified;
            result.scope = extent;
        } else {
            result.verdict = bounded ? Verdict::bounded : Verdict::sampled;
            result.scope = bounded ? "no failure with " + extent : "no failure in " + extent;
            const std::uint64_t count = bounded ? sampled : result.schedules;
            if (count != 0 && options.strategy != Strategy::dpor && options.strategy != Strategy::dfs) {
                result.confidence_p = excluded_probability(count);
                if (!bounded) result.scope += fmt::format(" (p < {:.1e} at 95 %)", *result.confidence_p);
            }
        }
        if (limits.interrupted()) result.scope += "; interrupted";
        if (limits.timed_out()) result.scope += "; stopped by the time limit";
    }

    /// A search that finds nothing says little where the race cannot begin.
    void note_unreached(std::string_view scenario) {
        constexpr std::string_view kReal = "+real";
        const std::size_t end = scenario.size() - std::min(scenario.size(), kReal.size());
        if (scenario.substr(end) == kReal) return;  // its functions have other names
        for (const RowStep& row : row_steps(scenario)) {
            if (judge.reaches(row.step, row.function)) continue;
            result.limits += fmt::format(
                "{}No order of whole tasks reaches {}{}, where {} shows: in this kernel its race cannot begin that "
                "way.",
                result.limits.empty() ? "" : " ", row.step,
                row.function.empty() ? "" : fmt::format(" in {}", row.function), row.id);
        }
    }

    void describe_bugs() {
        std::vector<FoundBug> found = findings.bugs();
        const auto race = [](const FoundBug& bug) { return bug.report.kind == kernel::ReportKind::data_race; };
        std::stable_partition(found.begin(), found.end(), [&](const FoundBug& bug) { return !race(bug); });
        result.bugs.resize(found.size());
        in_parallel(options.jobs, found.size(), [&](std::size_t i) {
            result.bugs[i] = minimise(program, options, judge, found[i]);
            result.bugs[i].id = static_cast<unsigned>(i + 1);
        });
    }

    /// Not for data races: those have their two places, and there are many.
    void reduce_scenarios(const Scenario& scenario) {
        in_parallel(options.jobs, result.bugs.size(), [&](std::size_t i) {
            Bug& bug = result.bugs[i];
            if (bug.report.kind == kernel::ReportKind::data_race || limits.stopped()) return;
            bug.reduced = reduce(scenario, program.variant().name, options, bug);
        });
    }

    static std::string grouped(std::uint64_t number);
};

std::string Search::grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

}  // namespace

std::string_view name(Strategy strategy) {
    switch (strategy) {
        case Strategy::portfolio:
            return "portfolio";
        case Strategy::dpor:
            return "dpor";
        case Strategy::pct:
            return "pct";
        case Strategy::pos:
            return "pos";
        case Strategy::random:
            return "random";
        case Strategy::dfs:
            return "dfs";
    }
    return "?";
}

Strategy find_strategy(std::string_view text) {
    std::vector<std::string> names;
    for (const Strategy strategy :
         {Strategy::portfolio, Strategy::dpor, Strategy::pct, Strategy::pos, Strategy::random, Strategy::dfs}) {
        if (name(strategy) == text) return strategy;
        names.emplace_back(name(strategy));
    }
    Diagnostic finding;
    finding.path = "strategy";
    finding.what = "'" + printable(text) + "' is no strategy";
    finding.expected = "one of portfolio, dpor, pct, pos, random, dfs";
    if (const auto nearest = nearest_name(text, names)) finding.nearest = *nearest;
    throw InputError(finding);
}

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::verified:
            return "verified";
        case Verdict::bounded:
            return "bounded";
        case Verdict::sampled:
            return "sampled";
        case Verdict::failed:
            return "failed";
    }
    return "?";
}

namespace {

/// `scenario`: what the program was made of, if it was made of one.
ExploreResult explore(const Program& program, const Scenario* scenario, const ExploreOptions& wanted,
                      const ProgressCallback& progress) {
    ExploreOptions options = wanted;
    options.jobs = std::max(1U, std::min(options.jobs, 64U));
    Search search(program, options, progress);
    search.result.scenario = program.name();
    search.result.variant = program.variant().name;
    search.result.strategy = options.strategy;
    search.result.limits = program.limits();
    switch (options.strategy) {
        case Strategy::portfolio:
            search.portfolio();
            break;
        case Strategy::dpor:
            search.traces(true);
            break;
        case Strategy::dfs:
            search.traces(false);
            break;
        default:
            search.samples(options.strategy);
    }
    if (scenario != nullptr && search.findings.bug_count() == 0) search.note_unreached(scenario->name);
    search.describe_bugs();
    if (options.minimise && scenario != nullptr) search.reduce_scenarios(*scenario);
    search.result.outcomes.assign(search.findings.outcomes().begin(), search.findings.outcomes().end());
    return std::move(search.result);
}

}  // namespace

ExploreResult explore(const Program& program, const ExploreOptions& options, const ProgressCallback& progress) {
    return explore(program, nullptr, options, progress);
}

ExploreResult explore(const Scenario& scenario, const std::string& variant, const ExploreOptions& options,
                      const ProgressCallback& progress) {
    return explore(*make_program(scenario, variant), &scenario, options, progress);
}

std::vector<MatrixCell> explore_matrix(const Scenario& scenario, const std::vector<std::string>& variants,
                                       const ExploreOptions& options, const ProgressCallback& progress) {
    // Whole variants side by side; what jobs are left share one.
    const unsigned jobs = std::max(1U, std::min(options.jobs, 64U));
    const auto side_by_side =
        static_cast<unsigned>(std::min<std::size_t>(jobs, std::max<std::size_t>(1, variants.size())));
    ExploreOptions each = options;
    each.jobs = jobs / side_by_side;
    std::vector<MatrixCell> cells(variants.size());
    std::vector<Progress> parts(variants.size());
    std::mutex one_at_a_time;
    const auto report = [&](std::size_t cell, const Progress& part) {
        const std::lock_guard<std::mutex> guard(one_at_a_time);
        parts[cell] = part;
        Progress all;
        all.phase = part.phase;
        for (const Progress& one : parts) {
            all.schedules += one.schedules;
            all.bugs += one.bugs;
        }
        return progress(all);
    };
    in_parallel(side_by_side, variants.size(), [&](std::size_t i) {
        ProgressCallback own;
        if (progress) own = [&report, i](const Progress& part) { return report(i, part); };
        cells[i] = {variants[i], explore(scenario, variants[i], each, own)};
    });
    return cells;
}

std::vector<std::string> matrix_variants() {
    std::vector<std::string> names;
    for (const kernel::Variant& variant : kernel::variants()) {
        const bool repeats = variant.name == "series-v1@0" || variant.name.rfind("series-v2@", 0) == 0;
        if (variant.runnable && !repeats) names.push_back(variant.name);
    }
    return names;
}

}  // namespace xlate::explore
