// `xlate sweep`: a study's points, planned, run and put together.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "cli/commands.hpp"
#include "study/results/files.hpp"
#include "study/results/report/report.hpp"
#include "study/sweep/merge.hpp"
#include "study/sweep/plan.hpp"
#include "study/sweep/run_points.hpp"

namespace xlate::cli {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

InputError wrong(const std::string& where, const std::string& what, const std::string& expected = {}) {
    return InputError(Diagnostic{{where, {}, {}, {}}, "", what, expected, ""});
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

void show_progress(const study::SweepProgress& progress) {
    std::fprintf(stderr, "\r%zu of %zu points", progress.done, progress.all);
    if (progress.broken != 0) std::fprintf(stderr, ", %zu without a result", progress.broken);
    std::fputs("\x1b[K", stderr);
}

bool run_locally(const study::Plan& plan, const std::vector<std::size_t>& points, unsigned jobs, bool quiet) {
    study::PointRunner runner;
    runner.program = own_program();
    runner.jobs = jobs != 0 ? jobs : std::max(1U, std::thread::hardware_concurrency());
    const bool shows = !quiet && ::isatty(STDERR_FILENO) != 0;
    if (shows) runner.progress = show_progress;
    const bool whole = study::run_points(plan, points, runner);
    if (shows) std::fputs("\r\x1b[K", stderr);
    return whole;
}

std::vector<std::size_t> all_points(const study::Plan& plan) {
    std::vector<std::size_t> points(plan.points.size());
    std::iota(points.begin(), points.end(), std::size_t{0});
    return points;
}

ExitStatus merge(const study::Plan& plan, bool json) {
    const nlohmann::ordered_json sweep = study::merge_points(plan, study::load_study(plan.study));
    const std::string table = study::sweep_table(sweep);
    study::write_files(
        plan.out,
        {{"sweep.json", sweep.dump(1) + "\n"}, {"table.md", table}, {"report.html", study::sweep_report(sweep)}});
    if (json) {
        print(sweep.dump(1) + "\n");
    } else {
        print(table);
        for (const auto& column : sweep.at("columns")) {
            if (!column.contains("why")) continue;
            std::fprintf(stderr, "%s: column '%s': %s\n", plan.name.c_str(),
                         printable(column.at("name").get<std::string>()).c_str(),
                         printable(column.at("why").get<std::string>()).c_str());
        }
        print(fmt::format("\nResults: {}/report.html, table.md, sweep.json, points/\n", plan.out));
    }
    return static_cast<ExitStatus>(study::sweep_status(sweep));
}

/// "2/8".
std::pair<std::size_t, std::size_t> shard_of(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto part =
        slash == std::string::npos ? Parsed<std::uint64_t>::failure("") : parse_integer(text.substr(0, slash));
    const auto parts =
        slash == std::string::npos ? Parsed<std::uint64_t>::failure("") : parse_integer(text.substr(slash + 1));
    if (!part || !parts || part.value() == 0 || part.value() > parts.value())
        throw wrong("--shard", fmt::format("found '{}'", text), "I/N with I from 1 to N");
    return {static_cast<std::size_t>(part.value()), static_cast<std::size_t>(parts.value())};
}

}  // namespace

ExitStatus sweep_command(const SweepArguments& arguments) {
    if (arguments.file.empty()) throw wrong("xlate", "sweep: STUDY is missing");
    const study::Plan plan = study::make_plan(study::load_study(arguments.file), arguments.sets, arguments.out);
    const std::string plan_file = plan.out + "/plan.json";
    study::write_files(plan.out, {{"plan.json", study::plan_text(plan)}});
    if (arguments.engine == "slurm") {
        const std::size_t shards = arguments.jobs != 0 ? arguments.jobs : 64;
        if (!study::run_by_slurm(plan, plan_file, std::min(shards, plan.points.size()), own_program())) {
            std::fprintf(stderr, "%s: interrupted; Slurm's jobs go on: xlate sweep status %s, then merge\n",
                         plan.name.c_str(), plan_file.c_str());
            return ExitStatus::interrupted;
        }
    } else if (!run_locally(plan, all_points(plan), arguments.jobs, arguments.json)) {
        std::fprintf(stderr, "%s: interrupted; the same command goes on from here\n", plan.name.c_str());
        return ExitStatus::interrupted;
    }
    return merge(plan, arguments.json);
}

ExitStatus sweep_plan_command(const SweepArguments& arguments) {
    const study::Plan plan = study::make_plan(study::load_study(arguments.file), arguments.sets, arguments.out);
    if (arguments.plan.empty()) {
        print(study::plan_text(plan));
    } else {
        study::write_file(arguments.plan, study::plan_text(plan));
    }
    return ExitStatus::ok;
}

ExitStatus sweep_run_command(const SweepArguments& arguments) {
    const study::Plan plan = study::read_plan(arguments.file);
    const auto [shard, shards] = shard_of(arguments.shard.empty() ? "1/1" : arguments.shard);
    const std::vector<std::size_t> points = study::points_of_shard(plan, shard, shards);
    if (!run_locally(plan, points, arguments.jobs, false)) return ExitStatus::interrupted;
    const bool broken = std::any_of(points.begin(), points.end(), [&](std::size_t point) {
        return study::status_of(plan, point).state == study::PointState::broken;
    });
    return broken ? ExitStatus::failed : ExitStatus::ok;
}

ExitStatus sweep_merge_command(const SweepArguments& arguments) {
    return merge(study::read_plan(arguments.file), arguments.json);
}

ExitStatus sweep_status_command(const SweepArguments& arguments) {
    const study::Plan plan = study::read_plan(arguments.file);
    std::size_t done = 0;
    std::size_t failed = 0;
    std::size_t broken = 0;
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
        const study::PointStatus status = study::status_of(plan, i);
        if (status.state == study::PointState::done) ++done;
        if (status.state == study::PointState::done && status.status != 0) ++failed;
        if (status.state == study::PointState::broken) ++broken;
    }
    print(fmt::format("{}: {} points, {} done ({} with expectations that fail), {} without a result, {} missing\n",
                      plan.name, plan.points.size(), done, failed, broken, plan.points.size() - done - broken));
    return done == plan.points.size() ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace xlate::cli
