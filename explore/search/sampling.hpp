// Random schedules: three ways to draw them. Each schedule has its own stream, by its number: what one draws does not
// depend on who ran the others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "explore/machine/execution.hpp"
#include "explore/search/explore.hpp"

namespace xlate::explore {

/// Uniform among those that can go on, at every step.
class RandomDirector : public Director {
public:
    explicit RandomDirector(std::uint64_t seed) : draw_(seed, "explore.random") { uniform = &draw_; }
    /// The same choice, for whoever stands between.
    Task* choose(Execution& execution) override { return execution.uniform_choice(draw_); }

private:
    Rng draw_;
};

/// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, `depth` - 1 change points
/// among `length` steps; finds a bug of that depth with probability at least 1 / (tasks * length^(depth-1)).
class PctDirector : public Director {
public:
    PctDirector(std::uint64_t seed, unsigned depth, std::size_t length);
    Task* choose(Execution& execution) override;

private:
    std::uint64_t priority(TaskId task);
    Rng draw_;
    std::vector<std::uint64_t> priorities_;  ///< 0: not drawn yet
    std::vector<std::size_t> changes_;
    std::uint64_t low_ = 1;
};

/// Partial order sampling (Yuan, Yang, Gu, CAV 2018): each pending step has a random priority, redrawn when a
/// conflicting step was done.
class PosDirector : public Director {
public:
    explicit PosDirector(std::uint64_t seed) : draw_(seed, "explore.pos") {}
    Task* choose(Execution& execution) override;

private:
    Rng draw_;
    std::vector<std::uint64_t> priorities_;
};

/// Schedule number `index` of a strategy; `length`: steps of the plain schedule.
std::unique_ptr<Director> make_sampler(Strategy strategy, std::uint64_t seed, std::uint64_t index, std::size_t length);

}  // namespace xlate::explore
