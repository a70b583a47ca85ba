// `xlate sweep`: a study's points, planned, run and put together.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <thread>

#include <fmt/format.h>

#include "base/quantity.hpp"
#include "cli/commands.hpp"
#include "cli/print.hpp"
#include "study/config/yaml/parse.hpp"
#include "study/results/expect.hpp"
#include "study/results/files.hpp"
#include "study/results/report/report.hpp"
#include "study/results/run_directory.hpp"
#include "study/sweep/choose.hpp"
#include "study/sweep/merge.hpp"
#include "study/sweep/plan.hpp"
#include "study/sweep/points.hpp"
#include "study/sweep/repeats.hpp"
#include "study/sweep/run_points.hpp"
#include "study/sweep/table.hpp"

namespace xlate::cli {
namespace {

InputError wrong(const std::string& where, const std::string& what, const std::string& expected = {}) {
    return InputError(Diagnostic{{where, {}, {}, {}}, "", what, expected, ""});
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

/// ", about 3 min left".
std::string time_left(double seconds) {
    if (seconds <= 0) return "";
    if (seconds < 90) return fmt::format(", about {:.0f} s left", seconds);
    if (seconds < 90 * 60) return fmt::format(", about {:.0f} min left", seconds / 60);
    return fmt::format(", about {:.1f} h left", seconds / 3600);
}

std::string progress_text(const study::SweepProgress& progress) {
    std::string text = fmt::format("{} of {} points", progress.done, progress.all);
    if (progress.broken != 0) text += fmt::format(", {} without a result", progress.broken);
    return text + time_left(progress.seconds_left);
}

/// How far a sweep is: a line that changes on a terminal; in a log one every so often.
class ProgressLines {
public:
    ProgressLines(std::string name, std::chrono::duration<double> every)
        : name_(std::move(name)), every_(every), terminal_(::isatty(STDERR_FILENO) != 0) {}
    ~ProgressLines() {
        if (terminal_ && shown_) std::fputs("\r\x1b[K", stderr);
    }
    ProgressLines(const ProgressLines&) = delete;
    ProgressLines& operator=(const ProgressLines&) = delete;

    void show(const study::SweepProgress& progress) {
        if (terminal_) {
            std::fprintf(stderr, "\r%s\x1b[K", progress_text(progress).c_str());
            shown_ = true;
            return;
        }
        const auto now = std::chrono::steady_clock::now();
        if (every_.count() == 0 || now - last_ < every_) return;
        last_ = now;
        std::fprintf(stderr, "%s: %s\n", printable(name_).c_str(), progress_text(progress).c_str());
    }

private:
    std::string name_;
    std::chrono::duration<double> every_;
    bool terminal_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// A line on a terminal, ten times a second at most.
class PlanningLine {
public:
    explicit PlanningLine(bool wanted) : shows_(wanted && ::isatty(STDERR_FILENO) != 0) {}
    ~PlanningLine() {
        if (shown_) std::fputs("\r\x1b[K", stderr);
    }
    PlanningLine(const PlanningLine&) = delete;
    PlanningLine& operator=(const PlanningLine&) = delete;

    void show(std::size_t done, std::size_t all) {
        constexpr auto kEvery = std::chrono::milliseconds(100);
        const auto now = std::chrono::steady_clock::now();
        if (!shows_ || now - last_ < kEvery) return;
        last_ = now;
        shown_ = true;
        std::fprintf(stderr, "\rplanned %zu of %zu points\x1b[K", done, all);
        std::fflush(stderr);
    }

private:
    bool shows_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

study::Plan plan_of(const SweepArguments& arguments, bool quiet) {
    PlanningLine line(!quiet);
    const study::Study study = study::parse_study(study::yaml::read_text(arguments.file), arguments.file);
    if (arguments.max_points != 0) {
        const std::size_t points =
            study::choose_combinations(study).combinations.size() * std::max<std::size_t>(1, study.repeat.seeds);
        if (points > arguments.max_points) {
            throw InputError(Diagnostic{{arguments.file, {}, {}, {}},
                                        "study.vary",
                                        fmt::format("{} points", points),
                                        fmt::format("at most {} (--max-points)", arguments.max_points),
                                        ""},
                             ExitStatus::limit);
        }
    }
    study::Plan plan = study::make_plan(study, arguments.sets, arguments.out,
                                        [&line](std::size_t done, std::size_t all) { line.show(done, all); });
    if (!arguments.out.empty()) study::refuse_directory_of_run(plan.out);
    return plan;
}

/// All that a sweep leaves beside its points.
std::vector<std::string> owned_files() { return {"plan.json", "sweep.json", "table.md", "table.csv", "report.html"}; }

bool run_locally(const study::Plan& plan, const std::vector<std::size_t>& points, const SweepArguments& arguments) {
    constexpr double kUsual = 60;
    ProgressLines lines(plan.name, std::chrono::duration<double>(arguments.progress_every.value_or(kUsual)));
    study::PointRunner runner;
    runner.jobs = arguments.jobs != 0 ? arguments.jobs : std::max(1U, std::thread::hardware_concurrency());
    runner.say = [&plan](const std::string& line) {
        std::fprintf(stderr, "%s: %s\n", printable(plan.name).c_str(), printable(line).c_str());
    };
    if (!arguments.json || arguments.progress_every)
        runner.progress = [&lines](const study::SweepProgress& progress) { lines.show(progress); };
    return study::run_points(plan, points, runner);
}

std::vector<std::size_t> all_points(const study::Plan& plan) {
    std::vector<std::size_t> points(plan.points.size());
    std::iota(points.begin(), points.end(), std::size_t{0});
    return points;
}

/// A case a point: whether it has a result, and all its expectations hold.
std::string junit_of(const nlohmann::ordered_json& sweep) {
    std::vector<study::JunitCase> cases;
    for (const auto& point : sweep.at("points")) {
        std::string name;
        for (const auto& label : point.at("labels")) name += (name.empty() ? "" : ", ") + label.get<std::string>();
        std::string why;
        if (point.at("state") != "done") why = point.at("state").get<std::string>();
        if (point.at("state") == "broken") why = fmt::format("status {}", point.at("status").dump());
        for (const auto& failed : point.at("failed"))
            why += (why.empty() ? "fails: " : "; ") + failed.get<std::string>();
        cases.push_back({name.empty() ? "the only point" : name, why.empty(), why});
    }
    return study::junit_xml(sweep.at("name").get<std::string>(), cases);
}

ExitStatus merge(const study::Plan& plan, bool json, const std::string& junit) {
    const nlohmann::ordered_json sweep = study::merge_points(plan);
    if (!junit.empty()) study::write_file(junit, junit_of(sweep));
    const std::string table = study::sweep_table(sweep);
    const std::string text = sweep.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    study::write_files(plan.out, {{"sweep.json", text},
                                  {"table.md", table},
                                  {"table.csv", study::sweep_csv(sweep)},
                                  {"report.html", study::sweep_report(sweep)}});
    const std::string name = printable(plan.name);
    for (const auto& column : sweep.at("columns")) {
        if (!column.contains("why")) continue;
        std::fprintf(stderr, "%s: column '%s': %s; no point has a value\n", name.c_str(),
                     printable(column.at("name").get<std::string>()).c_str(),
                     printable(column.at("why").get<std::string>()).c_str());
    }
    for (const auto& note : sweep.at("notes"))
        std::fprintf(stderr, "%s: %s\n", name.c_str(), printable(note.get<std::string>()).c_str());
    print(json ? text
               : table + fmt::format("\nResults: {}/report.html, table.md, table.csv, sweep.json, points/\n",
                                     printable(plan.out)));
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
    const study::Plan plan = plan_of(arguments, arguments.json);
    study::RunDirectory directory(plan.out, owned_files());
    if (!study::run_in(plan.out).empty())
        std::fprintf(stderr, "%s: %s also holds a single run; report.html becomes the sweep's\n",
                     printable(plan.name).c_str(), printable(plan.out).c_str());
    study::arrange_points(plan);
    directory.write({{"plan.json", study::plan_text(plan)}});
    const std::string plan_file = plan.out + "/plan.json";
    if (arguments.engine == "slurm") {
        directory.hold_together();
        const std::size_t shards = arguments.jobs != 0 ? arguments.jobs : 64;
        if (!study::run_by_slurm(plan, plan_file, std::min(shards, plan.points.size()), own_program(),
                                 arguments.sbatch)) {
            std::fprintf(stderr, "%s: interrupted; Slurm's jobs go on: xlate sweep status %s, then merge\n",
                         printable(plan.name).c_str(), printable(plan_file).c_str());
            return ExitStatus::interrupted;
        }
    } else if (!run_locally(plan, all_points(plan), arguments)) {
        std::fprintf(stderr, "%s: interrupted; the same command goes on from here\n", printable(plan.name).c_str());
        return ExitStatus::interrupted;
    }
    return merge(plan, arguments.json, arguments.junit);
}

ExitStatus sweep_plan_command(const SweepArguments& arguments) {
    const study::Plan plan = plan_of(arguments, false);
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
    study::RunDirectory directory(plan.out, owned_files(), study::RunDirectory::Hold::together);
    if (directory.try_alone()) study::arrange_points(plan);
    directory.hold_together();
    if (!run_locally(plan, points, arguments)) return ExitStatus::interrupted;
    const bool broken = std::any_of(points.begin(), points.end(), [&](std::size_t point) {
        return study::status_of(plan, point).state == study::PointState::broken;
    });
    return broken ? ExitStatus::failed : ExitStatus::ok;
}

ExitStatus sweep_merge_command(const SweepArguments& arguments) {
    return merge(study::read_plan(arguments.file), arguments.json, arguments.junit);
}

ExitStatus sweep_status_command(const SweepArguments& arguments) {
    const study::Plan plan = study::read_plan(arguments.file);
    std::vector<study::PointStatus> all;
    for (std::size_t i = 0; i < plan.points.size(); ++i) all.push_back(study::status_of(plan, i));
    const std::vector<std::size_t> needed =
        study::needed_points(plan, [&all](std::size_t i) { return all[i].state == study::PointState::done; });
    std::size_t done = 0;
    std::size_t failed = 0;
    std::size_t broken = 0;
    for (const std::size_t i : needed) {
        if (all[i].state == study::PointState::done) ++done;
        if (all[i].state == study::PointState::done && all[i].status != 0) ++failed;
        if (all[i].state == study::PointState::broken) ++broken;
    }
    print(fmt::format(
        "{}: {} points, {} done ({} with expectations that fail), {} without a result, {} missing{}\n",
        printable(plan.name), plan.points.size(), done, failed, broken, needed.size() - done - broken,
        needed.size() == plan.points.size() ? "" : fmt::format(", {} not needed", plan.points.size() - needed.size())));
    return done == needed.size() ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace xlate::cli
