// One schedule again, step by step, with the changes of shared state.
#include <algorithm>
#include <utility>

#include "base/digest.hpp"
#include "base/error.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/explore.hpp"
#include "explore/search/reduce.hpp"
#include "explore/search/search.hpp"

namespace xlate::explore {

namespace {

/// Keeps the changes, by step.
class ChangeLog : public kernel::AccessObserver {
public:
    explicit ChangeLog(const Execution& execution) : execution_(execution) {}
    void changed(const Task*, const kernel::SharedBase& field, const std::string& from, const std::string& to,
                 const char*) override {
        if (from == to) return;
        changes.emplace_back(execution_.step_count(), std::string(field.field()) + ": " + from + " -> " + to);
    }
    std::vector<std::pair<std::size_t, std::string>> changes;

private:
    const Execution& execution_;
};

std::uint64_t digest_of(const Replay& replay) {
    Digest digest;
    for (const ReplayStep& step : replay.steps) {
        digest.add(std::uint64_t{step.task}).add(step.step).add(step.function).add(step.action);
        for (const std::string& change : step.changes) digest.add(change);
    }
    for (const kernel::Report& report : replay.reports) digest.add(report.text());
    digest.add(replay.outcome);
    return digest.value();
}

Replay replay_token(const Program& program, const Token& token, const std::string& text, const ReplayOptions& options) {
    ExecutionOptions recorded;
    recorded.record = true;
    recorded.count_arrivals = true;
    Execution execution(program, recorded);
    NamedDirector director(token.deviations, options.continue_after);
    ChangeLog log(execution);
    RunResult result = execution.run(director, &log);

    Replay replay;
    replay.scenario = token.scenario;
    replay.variant = token.variant;
    replay.token = text;
    if (const auto missing = director.missing(); !missing.empty()) replay.missing = missing.front().text();
    // Columns: the tasks that did something, in order of their ids.
    std::vector<std::size_t> column(execution.heads().size(), 0);
    std::vector<bool> acts(column.size(), false);
    for (const Step& step : execution.steps()) acts[step.task] = true;
    const auto [first, count] = execution.race_tasks();
    for (std::size_t id = 0; id < column.size(); ++id) {
        if (!acts[id] && !(id >= first && id < first + count)) continue;
        column[id] = replay.tasks.size();
        replay.tasks.push_back(execution.heads()[id]);
    }
    auto change = log.changes.begin();
    for (std::size_t i = 0; i < execution.steps().size(); ++i) {
        const Step& step = execution.steps()[i];
        ReplayStep shown;
        shown.task = column[step.task];
        shown.step = step.name;
        shown.function = step.function;
        shown.action =
            step.kind == PointKind::start ? "starts" : std::string(kernel::name(step.kind)) + " " + step.what;
        shown.deviation = std::find(director.turns().begin(), director.turns().end(), i) != director.turns().end();
        for (; change != log.changes.end() && change->first == i; ++change) shown.changes.push_back(change->second);
        replay.steps.push_back(std::move(shown));
    }
    ExploreOptions judging;
    const Judge judge(program, judging);
    replay.reports = std::move(result.reports);
    for (kernel::Report& report : judge.bugs(RunResult{result.end, result.steps, replay.reports, result.outcome})) {
        const bool known = std::any_of(replay.reports.begin(), replay.reports.end(), [&](const kernel::Report& one) {
            return one.group_key() == report.group_key();
        });
        if (!known) replay.reports.push_back(std::move(report));
    }
    replay.outcome = std::move(result.outcome);
    replay.digest = digest_of(replay);
    return replay;
}

}  // namespace

Replay replay(const Scenario& scenario, const std::string& text, const ReplayOptions& options) {
    const Token token = parse_token(text);
    if (token.scenario.substr(0, token.scenario.find('~')) != scenario.name) {
        Diagnostic finding;
        finding.path = "token";
        finding.what = "it belongs to the scenario '" + printable(token.scenario) + "', not to '" + scenario.name + "'";
        throw InputError(finding);
    }
    return replay_token(*make_program(reduced_scenario(scenario, token.scenario), token.variant), token, text, options);
}

Replay replay(const std::string& text, const ReplayOptions& options) {
    const std::string name = parse_token(text).scenario;
    return replay(find_scenario(name.substr(0, name.find('~'))), text, options);
}

}  // namespace xlate::explore
