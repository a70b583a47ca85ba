// Runs points of a plan, each as a process of its own (SystemC elaborates once a process), or hands them to Slurm.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "study/sweep/plan.hpp"

namespace xlate::study {

struct SweepProgress {
    std::size_t done = 0;     ///< with what was there before
    std::size_t broken = 0;   ///< of those
    std::size_t all = 0;      ///< without repetitions that turned out not to be needed
    double seconds_left = 0;  ///< if the rest goes as what has ended; 0: not known yet
};

struct PointRunner {
    unsigned jobs = 1;                                   ///< processes at once
    std::function<void(const SweepProgress&)> progress;  ///< may be empty
    /// Takes a line about a point whose result is there but not as it was written: it is run again. May be empty.
    std::function<void(const std::string&)> say;
};

/// Runs those of `points` that are missing or broken; the others are left as they are. Each runs in a process that is
/// forked from this one, on the config and firmware that the plan holds; it ends when this process does. Its output
/// goes to `run.log` beside its result. Returns false if it was interrupted (interrupt_sweep, or a point ended by an
/// interrupt): what had ended stays. For a process with one thread.
/// Errors: InputError if a directory cannot be written or no process started.
bool run_points(const Plan& plan, const std::vector<std::size_t>& points, const PointRunner& runner);

/// From a signal handler: no further point is begun. False if no points are being run.
bool interrupt_sweep();

/// The points of part `shard` (from 1) of `shards`: every one is in one part, neighbours in different ones, but for
/// repetitions that decide about each other.
std::vector<std::size_t> points_of_shard(const Plan& plan, std::size_t shard, std::size_t shards);

/// Hands the plan's missing points to Slurm's sbatch, as an array of `shards` jobs that each run `program sweep run
/// PLAN --shard I/N`, and waits. `options`: for sbatch, as they are ("--partition=short"). The job script and its logs
/// lie in the plan's directory. Needs a file system that all nodes share. Returns false if it was interrupted: the jobs
/// go on. How each point ended, status_of says. Errors: InputError if there is no sbatch, or it takes no job.
bool run_by_slurm(const Plan& plan, const std::string& plan_file, std::size_t shards, const std::string& program,
                  const std::vector<std::string>& options);

}  // namespace xlate::study
