// Searches of one program, and what they find, gathered in an order that does not depend on who found it first.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explore/machine/execution.hpp"
#include "explore/search/explore.hpp"
#include "explore/search/schedule.hpp"

namespace xlate::explore {

/// Runs `body(worker)` on so many threads; an exception of any reaches the caller.
void in_parallel(unsigned jobs, const std::function<void(unsigned)>& body);
/// Runs `body(i)` for each i below `count`, on so many threads.
void in_parallel(unsigned jobs, std::size_t count, const std::function<void(std::size_t)>& body);

/// Limits of a whole exploration: schedules, host time, interruption. Shared by all workers.
class Limits {
public:
    Limits(const ExploreOptions& options, const ProgressCallback& progress);
    /// After each schedule; false: stop. Calls the progress callback now and then (from one thread at a time).
    bool tick(const char* phase, std::uint64_t schedules, std::optional<std::uint64_t> estimate, std::size_t bugs);
    bool stopped() const { return stopped_; }
    bool timed_out() const { return timed_out_; }
    bool interrupted() const { return interrupted_; }

private:
    const ProgressCallback& progress_;
    std::chrono::steady_clock::time_point end_;
    bool has_end_;
    std::atomic<bool> stopped_{false};
    std::atomic<bool> timed_out_{false};
    std::atomic<bool> interrupted_{false};
    std::uint64_t last_call_ = 0;
};

/// Which outcomes sequential orders give, for programs that ask for it.
class Judge {
public:
    Judge(const Program& program, const ExploreOptions& options);
    /// The reports of a run that count as bugs: not what only follows from a crash; with an outcome that no sequential
    /// order gives, if nothing else explains it.
    std::vector<kernel::Report> bugs(const RunView& result) const;
    /// The same, one by one: `bug(report)`.
    void visit_bugs(const RunView& result, const std::function<void(const kernel::Report&)>& bug) const;
    std::size_t plain_length() const { return plain_length_; }  ///< steps of the plain schedule
    /// Whether a task does this step in the plain schedule or in a sequential order. `function` empty: any.
    bool reaches(std::string_view step, std::string_view function) const;

private:
    bool judges_outcomes_ = false;
    bool data_races_;
    std::set<std::string> sequential_;
    std::size_t plain_length_ = 0;
    std::set<std::pair<std::string, std::string>> done_;  ///< step and function
};

/// A bug as found, before it is minimised.
struct FoundBug {
    std::string key;
    kernel::Report report;
    std::vector<TaskId> choices;
    std::uint64_t found_at = 0;
    std::uint64_t seen = 0;
};

/// What searches find.
class Findings {
public:
    /// `at`: number of the schedule, from 1. Of a bug that was seen before, the earlier schedule is kept.
    void add(const RunView& result, const Judge& judge, const std::vector<TaskId>& choices, std::uint64_t at);
    /// `before`: schedules that come before the other's first.
    void merge(const Findings& other, std::uint64_t before = 0);
    /// In order of discovery.
    std::vector<FoundBug> bugs() const;
    std::size_t bug_count() const { return bugs_.size(); }
    bool has_serious_bug() const;
    const std::set<std::string>& outcomes() const { return outcomes_; }

private:
    std::map<std::string, FoundBug> bugs_;
    std::set<std::string> outcomes_;
};

/// How far a search got.
struct SearchEnd {
    std::uint64_t schedules = 0;
    std::uint64_t steps = 0;
    bool closed = false;               ///< nothing is left
    std::uint64_t traces = 0;          ///< dpor
    unsigned complete_deviations = 0;  ///< deviations: every schedule with up to so many was run
    bool any_complete = false;
};

struct SearchSetup {
    const Program& program;
    const ExploreOptions& options;
    const Judge& judge;
    Limits& limits;
    std::uint64_t first = 0;  ///< schedules run before this search
};

/// Of the runs of every search.
ExecutionOptions plain_options(const ExploreOptions& options);

SearchEnd search_deviations(const SearchSetup& setup, std::uint64_t budget, Findings& findings);
SearchEnd search_samples(const SearchSetup& setup, Strategy strategy, std::uint64_t budget, Findings& findings);
/// On all workers: who has nothing to do takes a part of another's tree, ahead of its turn (explore/search/dpor.hpp).
/// `probe`: gives up after so many runs, twice or four times as many, if the estimate says that it will not close
/// within the budget (0: never).
SearchEnd search_traces(const SearchSetup& setup, bool reduce, std::uint64_t budget, std::uint64_t probe,
                        Findings& findings);

/// A bug's schedule made small: see minimise.cpp for the order of things.
Bug minimise(const Program& program, const ExploreOptions& options, const Judge& judge, const FoundBug& found);

}  // namespace xlate::explore
