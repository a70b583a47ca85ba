#include "explore/search/sampling.hpp"

#include <algorithm>

namespace xlate::explore {

namespace {

constexpr std::uint64_t kHigh = std::uint64_t{1} << 32;  // priorities drawn at the start lie above all changed ones

Access pending_access(const Task& task) {
    return {task.pending.kind, task.waits_for != nullptr, task.pending.resource};
}

}  // namespace

PctDirector::PctDirector(std::uint64_t seed, unsigned depth, std::size_t length) : draw_(seed, "explore.pct") {
    for (unsigned i = 1; i < depth; ++i) changes_.push_back(1 + draw_.below(std::max<std::size_t>(length, 1)));
    std::sort(changes_.begin(), changes_.end());
    low_ = depth;
}

std::uint64_t PctDirector::priority(TaskId task) {
    if (priorities_.size() <= task) priorities_.resize(task + 1, 0);
    if (priorities_[task] == 0) priorities_[task] = kHigh + draw_.below(kHigh);
    return priorities_[task];
}

Task* PctDirector::choose(Execution& execution) {
    const auto best = [&] {
        Task* chosen = nullptr;
        for (Task* task : execution.enabled()) {
            if (chosen == nullptr || priority(task->id) > priority(chosen->id)) chosen = task;
        }
        return chosen;
    };
    Task* chosen = best();
    if (!changes_.empty() && execution.step_count() >= changes_.front()) {
        changes_.erase(changes_.begin());
        priority(chosen->id);  // makes room
        priorities_[chosen->id] = --low_;
        chosen = best();
    }
    return chosen;
}

Task* PosDirector::choose(Execution& execution) {
    const auto& all = execution.enabled();
    Task* chosen = nullptr;
    for (Task* task : all) {
        if (priorities_.size() <= task->id) priorities_.resize(task->id + 1, 0);
        if (priorities_[task->id] == 0) priorities_[task->id] = 1 + (draw_.next() >> 1);
        if (chosen == nullptr || priorities_[task->id] > priorities_[chosen->id]) chosen = task;
    }
    const Access done = pending_access(*chosen);
    for (Task* task : all) {
        const Access other = pending_access(*task);
        if (task == chosen || relation(done, other) != Relation::none || relation(other, done) != Relation::none) {
            priorities_[task->id] = 0;
        }
    }
    return chosen;
}

std::unique_ptr<Director> make_sampler(Strategy strategy, std::uint64_t seed, std::uint64_t index, std::size_t length) {
    const std::uint64_t own = seed * 0x9E3779B97F4A7C15ULL + index;
    switch (strategy) {
        case Strategy::pct:
            return std::make_unique<PctDirector>(own, 2 + static_cast<unsigned>(index % 3), length);
        case Strategy::pos:
            return std::make_unique<PosDirector>(own);
        case Strategy::portfolio:  // the family in turn
            if (index % 3 == 0)
                return std::make_unique<PctDirector>(own, 2 + static_cast<unsigned>(index / 3 % 3), length);
            if (index % 3 == 1) return std::make_unique<PosDirector>(own);
            return std::make_unique<RandomDirector>(own);
        default:
            return std::make_unique<RandomDirector>(own);
    }
}

}  // namespace xlate::explore
