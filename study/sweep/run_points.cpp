#include "study/sweep/run_points.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "study/results/files.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace xlate::study {
namespace {

namespace fs = std::filesystem;

constexpr int kInterrupted = 130;
constexpr std::chrono::milliseconds kLook{1};

std::atomic<bool> interrupted{false};

InputError failure(const std::string& what, int error) {
    return InputError(Diagnostic{{what, {}, {}, {}}, "", std::strerror(error), "", ""}, ExitStatus::limit);
}

/// Output of both kinds goes to `log` (empty: ours). Returns the process.
pid_t start(const std::vector<std::string>& words, const std::string& log) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    if (!log.empty()) {
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    }
    pid_t process = 0;
    const int error = ::posix_spawnp(&process, arguments[0], &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) throw failure(words[0], error);
    return process;
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

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    return text + "'";
}

}  // namespace

void interrupt_sweep() { interrupted = true; }

bool run_points(const Plan& plan, const std::vector<std::size_t>& points, const PointRunner& runner) {
    SweepProgress progress;
    progress.all = points.size();
    std::vector<std::size_t> left;
    for (const std::size_t point : points) {
        if (status_of(plan, point).state == PointState::done) {
            ++progress.done;
        } else {
            left.push_back(point);
        }
    }
    Running children;
    std::map<pid_t, std::size_t>& running = children.processes;
    std::size_t next = 0;
    bool stopped = false;
    bool told = false;
    const auto begin = [&](std::size_t point) {
        const std::string directory = plan.directory(point);
        std::error_code error;
        fs::create_directories(directory, error);
        if (error) throw failure(directory, error.value());
        std::vector<std::string> words{runner.program, "run", plan.study, "--quiet", "--out", directory};
        for (const std::string& set : plan.points[point].sets) words.insert(words.end(), {"--set", set});
        running[start(words, directory + "/run.log")] = point;
    };
    for (;;) {
        while (!interrupted && !stopped && next < left.size() && running.size() < std::max(1U, runner.jobs))
            begin(left[next++]);
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
            // Refused, or killed by the machine (memory) or by somebody: the others go on.
            note_status(plan, found->second, status);
            ++progress.done;
            if (status != 0 && status != 1) ++progress.broken;
        }
        running.erase(found);
        if (runner.progress) runner.progress(progress);
    }
    return !interrupted && !stopped;
}

std::vector<std::size_t> points_of_shard(const Plan& plan, std::size_t shard, std::size_t shards) {
    std::vector<std::size_t> points;
    for (std::size_t i = shard - 1; i < plan.points.size(); i += shards) points.push_back(i);
    return points;
}

bool run_by_slurm(const Plan& plan, const std::string& plan_file, std::size_t shards, const std::string& program) {
    const std::string logs = plan.out + "/slurm";
    const std::string script = fmt::format(
        "#!/bin/sh\nexec {} sweep run {} --shard \"$SLURM_ARRAY_TASK_ID/{}\" -j \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
        quoted(program), quoted(plan_file), shards);
    write_files(logs, {{"job.sh", script}});
    std::error_code ignored;
    fs::remove(logs + "/1.log", ignored);  // its coming says that a job has begun
    const std::vector<std::string> words{"sbatch",
                                         "--wait",
                                         "--quiet",
                                         "--job-name=xlate-" + plan.name,
                                         fmt::format("--array=1-{}", shards),
                                         "--output=" + logs + "/%a.log",
                                         "--chdir=" + plan.out,
                                         logs + "/job.sh"};
    pid_t process = 0;
    try {
        process = start(words, "");
    } catch (const InputError&) {
        throw InputError(Diagnostic{
            {"--engine slurm", {}, {}, {}}, "", "there is no sbatch here", "a machine of a Slurm cluster", ""});
    }
    bool told = false;
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(process, &status, WNOHANG);
        if (ended < 0 && errno != EINTR) throw failure("sbatch", errno);
        if (interrupted && !told) ::kill(process, SIGINT);
        told = told || interrupted;
        if (ended != process) {
            std::this_thread::sleep_for(kLook);
            continue;
        }
        if (interrupted) return false;
        // Its status is the worst of its jobs' too: a point without a result is no refusal.
        const bool refused = exit_status(status) != 0 && !fs::exists(logs + "/1.log");
        if (refused) {
            throw InputError(Diagnostic{{"--engine slurm", {}, {}, {}},
                                        "",
                                        fmt::format("sbatch ended with status {}", exit_status(status)),
                                        "",
                                        ""},
                             ExitStatus::limit);
        }
        return true;
    }
}

}  // namespace xlate::study
