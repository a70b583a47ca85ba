#include "study/sweep/run_points.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "study/config/yaml/extends.hpp"
#include "study/results/files.hpp"
#include "study/run/run.hpp"
#include "study/sweep/interrupt.hpp"
#include "study/sweep/point_queue.hpp"
#include "study/sweep/points.hpp"

namespace xlate::study {
namespace {

constexpr int kInterrupted = static_cast<int>(ExitStatus::interrupted);
constexpr std::chrono::milliseconds kLook{1};

std::atomic<bool> interrupted{false};
std::atomic<int> under_way{0};

InputError failure(const std::string& what, int error) {
    return InputError(Diagnostic{{what, {}, {}, {}}, "", std::strerror(error), "", ""}, ExitStatus::limit);
}

void print_problem(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

/// In the process of a point: what `xlate run --quiet` does, on what was planned.
ExitStatus run_point(const Plan& plan, const yaml::Value& document, std::size_t point) {
    try {
        std::vector<Override> sets;
        for (const std::string& set : plan.points[point].sets) sets.push_back(parse_override(set));
        Config config = parse_config(document, plan.study, sets);
        config.bases = plan.bases;
        const PlannedFiles firmware = plan.inputs_of(point);
        RunOptions options;
        options.out = plan.directory(point);
        options.config_text = &plan.text;
        options.firmware = &firmware;
        const RunReport report = run(config, options);
        if (report.status != ExitStatus::ok) print_problem(printable(config.name) + ": " + printable(report.why));
        return report.status;
    } catch (const InputError& error) {
        print_problem(error.what());
        return error.status();
    } catch (const std::bad_alloc&) {
        print_problem("xlate: out of memory");
        return ExitStatus::limit;
    } catch (const std::exception& error) {
        print_problem(std::string("xlate: a bug in xlate, please report it: ") + printable(error.what()));
        return ExitStatus::internal;
    }
}

/// Standard output and error go to `log`.
void redirect(const std::string& log) {
    ::unlink(log.c_str());
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (file < 0 || input < 0) ::_exit(static_cast<int>(ExitStatus::limit));
    ::dup2(input, STDIN_FILENO);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
}

pid_t start(const Plan& plan, const yaml::Value& document, std::size_t point) {
    const pid_t parent = ::getpid();
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t process = ::fork();
    if (process < 0) throw failure("starting a run", errno);
    if (process > 0) return process;
    // However the sweep ends, no point goes on behind the back of the next one.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kInterrupted);
    // Locks of the sweep's directory are the parent's alone.
    for (int file = STDERR_FILENO + 1; file < 64; ++file) ::close(file);
    under_way = 0;
    redirect(plan.directory(point) + "/run.log");
    const ExitStatus status = run_point(plan, document, point);
    std::fflush(stdout);
    std::fflush(stderr);
    ::_exit(static_cast<int>(status));
}

/// Processes and their points. Whatever is still under way when it goes (an error) is told to end, and waited for.
struct Running {
    std::map<pid_t, std::size_t> processes;
    Running() = default;
    ~Running() {
        for (const auto& [process, point] : processes) ::kill(process, SIGINT);
        for (const auto& [process, point] : processes) ::waitpid(process, nullptr, 0);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
};

/// Exit status as a shell has it: 128 and more for a signal.
int exit_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

/// The next process that ends, or nothing for a while.
std::optional<std::pair<pid_t, int>> one_that_ended() {
    int status = 0;
    const pid_t process = ::waitpid(-1, &status, WNOHANG);
    if (process > 0) return std::pair{process, exit_status(status)};
    if (process < 0 && errno != EINTR) throw failure("waiting for a run", errno);
    std::this_thread::sleep_for(kLook);
    return std::nullopt;
}

/// How long the rest takes, if it goes on as it did.
struct Pace {
    using Clock = std::chrono::steady_clock;
    SweepProgress progress;
    Clock::time_point started;
    std::size_t there = 0;

    void begin(std::size_t all) {
        progress.all = all;
        there = progress.done;
        started = Clock::now();
    }
    void one_more(std::size_t all) {
        progress.all = all;
        const std::chrono::duration<double> passed = Clock::now() - started;
        const auto ended = static_cast<double>(progress.done - there);
        if (ended > 0) progress.seconds_left = passed.count() / ended * static_cast<double>(all - progress.done);
    }
};

}  // namespace

SweepUnderWay::SweepUnderWay() { ++under_way; }
SweepUnderWay::~SweepUnderWay() { --under_way; }
bool sweep_interrupted() { return interrupted; }

bool interrupt_sweep() {
    interrupted = true;
    return under_way != 0;
}

bool run_points(const Plan& plan, const std::vector<std::size_t>& points, const PointRunner& runner) {
    const SweepUnderWay guard;
    yaml::Bases bases = plan.bases;
    const yaml::Value document = yaml::parse_extended(plan.text, plan.study, yaml::kConfigBudget, bases, true);
    PointQueue queue(plan, points);
    Pace pace;
    SweepProgress& progress = pace.progress;
    for (const std::size_t point : points) {
        const PointStatus status = status_of(plan, point);
        if (status.state == PointState::done) {
            ++progress.done;
            queue.is_there(point);
        } else if (!status.damage.empty() && runner.say) {
            runner.say(fmt::format("points/{:04}: {}: run again", point, status.damage));
        }
    }
    pace.begin(points.size());
    Running children;
    std::map<pid_t, std::size_t>& running = children.processes;
    bool stopped = false;
    bool told = false;
    const auto begin = [&](std::size_t point) {
        make_directory(plan.directory(point));
        ::unlink((plan.directory(point) + "/point.json").c_str());  // until it has ended, nothing is said about it
        running[start(plan, document, point)] = point;
    };
    for (;;) {
        while (!interrupted && !stopped && running.size() < std::max(1U, runner.jobs)) {
            const std::optional<std::size_t> next = queue.next();
            if (!next) break;
            begin(*next);
        }
        if (running.empty()) break;
        if (interrupted && !told) {
            for (const auto& [process, point] : running) ::kill(process, SIGINT);  // they keep what they have, and end
            told = true;
        }
        const auto ended = one_that_ended();
        if (!ended) continue;
        const auto [process, status] = *ended;
        const auto found = running.find(process);
        if (found == running.end()) continue;
        if (status == kInterrupted) {
            stopped = true;  // not noted: it is to be run again
        } else {
            // Refused, or killed by the machine (memory) or by a user: the others go on.
            note_status(plan, found->second, std::min(status, 255));
            queue.end(found->second);
            ++progress.done;
            if (status != 0 && status != 1) ++progress.broken;
        }
        running.erase(found);
        pace.one_more(points.size() - queue.spared());
        if (runner.progress) runner.progress(progress);
    }
    return !interrupted && !stopped;
}

std::vector<std::size_t> points_of_shard(const Plan& plan, std::size_t shard, std::size_t shards) {
    const std::size_t together = plan.repeat.until ? plan.repeat.seeds : 1;  // they decide about each other
    std::vector<std::size_t> points;
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
        if (i / together % shards == shard - 1) points.push_back(i);
    }
    return points;
}

}  // namespace xlate::study
