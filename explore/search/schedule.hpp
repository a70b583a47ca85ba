// A schedule as its deviations from the plain one, by position or by name; and its printable form, the token.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "explore/machine/execution.hpp"

namespace xlate::explore {

/// Before step `at` (from 0) the plain schedule would go on with somebody else: `to` goes on instead.
struct Deviation {
    std::size_t at = 0;
    TaskId to = 0;
};

/// The same by name: when the plain schedule would let `task` pass `point` for the `occurrence`-th time, `to` goes
/// on instead (empty: the next task in turn that can).
struct NamedDeviation {
    std::string task;   ///< "cpu0"
    std::string point;  ///< a step name ("FI4") or "start"
    unsigned occurrence = 1;
    std::string to;
    /// "cpu0@FI4#2>cpu2"
    std::string text() const;
};

/// "cover-letter/base/cpu0@FI4,cpu1@ID8/3f2a": scenario, variant, deviations in order, check sum.
struct Token {
    std::string scenario;
    std::string variant;
    std::vector<NamedDeviation> deviations;
    std::string text() const;
};
/// Errors: InputError (form, check sum).
Token parse_token(std::string_view text);

/// Plays deviations by position.
class PlanDirector : public Director {
public:
    explicit PlanDirector(std::vector<Deviation> plan) : plan_(std::move(plan)) {}
    void begin(Execution&) override { next_ = 0; }
    Task* choose(Execution& execution) override;

private:
    std::vector<Deviation> plan_;
    std::size_t next_ = 0;
};

/// Plays deviations by name. The execution must count arrivals.
class NamedDirector : public Director {
public:
    explicit NamedDirector(std::vector<NamedDeviation> plan, bool skip_missing = false)
        : plan_(std::move(plan)), skip_missing_(skip_missing) {}
    void begin(Execution&) override { next_ = 0; }
    Task* choose(Execution& execution) override;
    /// Deviations that did not come up (all from the first missing one on, unless they are skipped).
    std::vector<NamedDeviation> missing() const;
    /// Steps before which the schedule turned.
    const std::vector<std::size_t>& turns() const { return turns_; }

private:
    std::vector<NamedDeviation> plan_;
    bool skip_missing_;
    std::size_t next_ = 0;
    std::vector<std::size_t> turns_;
};

/// Plays a sequence of tasks, as far as it fits; then the plain schedule.
class ReplayDirector : public Director {
public:
    explicit ReplayDirector(std::vector<TaskId> choices) : choices_(std::move(choices)) {}
    Task* choose(Execution& execution) override;
    /// Where this run left the plain schedule.
    const std::vector<Deviation>& deviations() const { return deviations_; }
    const std::vector<NamedDeviation>& names() const { return names_; }
    void begin(Execution&) override {
        deviations_.clear();
        names_.clear();
    }
    bool wants_names = false;  ///< the execution must count arrivals

private:
    std::vector<TaskId> choices_;
    std::vector<Deviation> deviations_;
    std::vector<NamedDeviation> names_;
};

/// The name of "not `plain` but `to`" at the present point.
NamedDeviation name_deviation(Execution& execution, const Task& plain, const Task& to);

}  // namespace xlate::explore
