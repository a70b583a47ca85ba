// Points as an array of Slurm's jobs.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "base/text.hpp"
#include "study/results/files.hpp"
#include "study/sweep/interrupt.hpp"
#include "study/sweep/run_points.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to us

namespace xlate::study {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLook{1};

InputError refusal(const std::string& what, const std::string& expected = {}, ExitStatus status = ExitStatus::usage) {
    return InputError(Diagnostic{{"--engine slurm", {}, {}, {}}, "", what, expected, ""}, status);
}

pid_t start(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t process = 0;
    if (::posix_spawnp(&process, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0)
        throw refusal("there is no sbatch here", "a machine of a Slurm cluster");
    return process;
}

std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    return text + "'";
}

/// A path within a pattern of Slurm's, where % starts a replacement.
std::string in_pattern(const std::string& path) {
    std::string text;
    for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
    return text;
}

}  // namespace

bool run_by_slurm(const Plan& plan, const std::string& plan_file, std::size_t shards, const std::string& program,
                  const std::vector<std::string>& options) {
    const SweepUnderWay guard;
    const std::string logs = plan.out + "/slurm";
    const std::string script = fmt::format(
        "#!/bin/sh\nexec {} sweep run {} --shard \"$SLURM_ARRAY_TASK_ID/{}\" -j \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
        quoted(program), quoted(plan_file), shards);
    write_files(logs, {{"job.sh", script}});
    std::error_code ignored;
    fs::remove(logs + "/1.log", ignored);  // its coming says that a job has begun
    std::vector<std::string> words{"sbatch",
                                   "--wait",
                                   "--quiet",
                                   "--job-name=xlate-" + file_name_of(plan.name),
                                   fmt::format("--array=1-{}", shards),
                                   "--output=" + in_pattern(logs) + "/%a.log",
                                   "--chdir=" + plan.out};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(logs + "/job.sh");
    const pid_t process = start(words);
    bool told = false;
    for (;;) {
        int raw = 0;
        const pid_t ended = ::waitpid(process, &raw, WNOHANG);
        if (ended < 0 && errno != EINTR) throw refusal(std::strerror(errno), "", ExitStatus::limit);
        if (sweep_interrupted() && !told) ::kill(process, SIGINT);
        told = told || sweep_interrupted();
        if (ended != process) {
            std::this_thread::sleep_for(kLook);
            continue;
        }
        if (sweep_interrupted()) return false;
        const int status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
        // Its status is the worst of its jobs' too: a point without a result is no refusal.
        if (status != 0 && !fs::exists(logs + "/1.log"))
            throw refusal(fmt::format("sbatch ended with status {}", status), "", ExitStatus::limit);
        return true;
    }
}

}  // namespace xlate::study
