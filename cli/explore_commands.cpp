#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/interrupts.hpp"
#include "cli/print.hpp"
#include "explore/catalogue/race_index.hpp"
#include "explore/catalogue/series_rows.hpp"
#include "explore/search/explore.hpp"
#include "study/config/explore_config.hpp"
#include "study/results/expect.hpp"
#include "study/results/explore_report.hpp"
#include "study/results/files.hpp"
#include "study/trace/replay_trace.hpp"

namespace xlate::cli {
namespace {

using explore::ExploreResult;
using explore::Verdict;

volatile std::sig_atomic_t stop_wanted = 0;

/// Ctrl-C ends a search with what it has.
void stop_on_signal() {
    on_interrupt([] { stop_wanted = 1; });
}

explore::ProgressCallback progress(bool quiet) {
    const bool show = !quiet && ::isatty(STDERR_FILENO) != 0;
    return [show](const explore::Progress& now) {
        if (show)
            std::fprintf(stderr, "\r%s: %llu schedules, %zu bugs \x1b[K", now.phase,
                         static_cast<unsigned long long>(now.schedules), now.bugs);
        return stop_wanted == 0;
    };
}

void end_progress() {
    if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\x1b[K", stderr);
}

std::string dump(const nlohmann::ordered_json& json) {
    return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// One variant of the kernel: the bugs that were found in it.
study::JunitCase junit_case(const std::string& variant, const ExploreResult& result) {
    std::string bugs;
    for (const auto& bug : result.bugs) bugs += (bugs.empty() ? "" : "; ") + bug.what;
    return {"no bug in " + variant, result.verdict != Verdict::failed, bugs};
}

}  // namespace

ExitStatus explore_command(const ExploreArguments& arguments) {
    if (arguments.list) {
        print(explore::race_index_text());
        return ExitStatus::ok;
    }
    if (arguments.rows) {
        print(explore::series_rows_text());
        return ExitStatus::ok;
    }
    if (arguments.config.empty()) {
        throw InputError(
            Diagnostic{{"explore", {}, {}, {}}, "", "CONFIG is missing", "a config, or --list for what there is", ""});
    }
    std::vector<study::Override> sets;
    for (const std::string& set : arguments.sets) sets.push_back(study::parse_override(set));
    study::ExploreConfig config = study::load_explore_config(arguments.config, sets);
    if (!arguments.strategy.empty()) config.options.strategy = explore::find_strategy(arguments.strategy);
    if (arguments.budget) config.options.budget = *arguments.budget;
    if (!arguments.time.empty()) {
        config.options.time_limit_ms = study::parse_time_limit_ms(arguments.time, "--time");
        config.options.budget = 0;
    }
    if (arguments.jobs != 0) config.options.jobs = arguments.jobs;
    if (arguments.seed) config.options.seed = *arguments.seed;
    const std::string variant = arguments.variant.empty() ? config.scenario.variant : arguments.variant;

    stop_on_signal();
    bool failed = false;
    std::vector<study::JunitCase> cases;
    std::string text;
    nlohmann::ordered_json json;
    if (arguments.matrix) {
        const std::vector<std::string> variants = config.matrix.empty() ? explore::matrix_variants() : config.matrix;
        const std::vector<explore::MatrixCell> cells =
            explore::explore_matrix(config.scenario, variants, config.options, progress(arguments.json));
        for (const explore::MatrixCell& cell : cells) {
            failed = failed || cell.result.verdict == Verdict::failed;
            cases.push_back(junit_case(cell.variant, cell.result));
        }
        text = explore::matrix_text(cells);
        json = study::explore_matrix_json(cells);
    } else {
        const ExploreResult result =
            explore::explore(config.scenario, variant, config.options, progress(arguments.json));
        failed = result.verdict == Verdict::failed;
        cases.push_back(junit_case(variant, result));
        text = explore::explore_text(result);
        json = study::explore_json(result);
    }
    end_progress();
    if (!arguments.out.empty())
        study::write_files(arguments.out, {{"explore.json", dump(json)}, {"explore.txt", text}});
    if (!arguments.junit.empty()) study::write_file(arguments.junit, study::junit_xml(config.name, cases));
    print(arguments.json ? dump(json) : text);
    if (stop_wanted != 0) return ExitStatus::interrupted;
    return failed ? ExitStatus::failed : ExitStatus::ok;
}

ExitStatus replay_command(const ReplayArguments& arguments) {
    const explore::Replay replay =
        arguments.schedule.empty()
            ? explore::replay(arguments.what)
            : explore::replay(study::load_explore_config(arguments.what).scenario, arguments.schedule);
    if (!arguments.trace.empty()) study::write_file(arguments.trace, study::replay_trace(replay));
    print(explore::timeline_text(replay));
    if (!replay.missing.empty()) {
        throw InputError(
            Diagnostic{{"replay", {}, {}, {}}, "", "the token does not fit this model: " + replay.missing, "", ""});
    }
    return replay.reports.empty() ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace xlate::cli
