#include "explore/search/search.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "explore/search/sampling.hpp"

namespace xlate::explore {

namespace {

constexpr std::uint64_t kProgressEvery = 256;
constexpr std::size_t kMostSequentialTasks = 5;  // 5! orders, twice

/// Never preempts; who goes on when a task ends or waits is decided by rank.
class SequentialDirector : public Director {
public:
    SequentialDirector(std::vector<TaskId> order, TaskId first, bool workers_first)
        : order_(std::move(order)), first_(first), workers_first_(workers_first) {}
    Task* choose(Execution& execution) override {
        Task* const current = execution.current();
        const auto& all = execution.enabled();
        if (current != nullptr && std::find(all.begin(), all.end(), current) != all.end()) return current;
        Task* chosen = nullptr;
        for (Task* task : all) {
            if (chosen == nullptr || rank(*task) < rank(*chosen)) chosen = task;
        }
        return chosen;
    }

private:
    std::size_t rank(const Task& task) const {
        const std::size_t offset = workers_first_ ? 1000 : 0;
        const std::size_t index = task.id - first_;
        return index < order_.size() ? offset + order_[index] : 500 + index;
    }
    std::vector<TaskId> order_;
    TaskId first_;
    bool workers_first_;
};

}  // namespace

void in_parallel(unsigned jobs, const std::function<void(unsigned)>& body) {
    if (jobs <= 1) {
        body(0);
        return;
    }
    std::vector<std::exception_ptr> failures(jobs);
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < jobs; ++worker) {
        threads.emplace_back([&, worker] {
            try {
                body(worker);
            } catch (...) {
                failures[worker] = std::current_exception();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
}

void in_parallel(unsigned jobs, std::size_t count, const std::function<void(std::size_t)>& body) {
    std::atomic<std::size_t> next{0};
    in_parallel(jobs, [&](unsigned) {
        for (std::size_t i = next++; i < count; i = next++) body(i);
    });
}

ExecutionOptions plain_options(const ExploreOptions& options) {
    ExecutionOptions result;
    result.data_races = options.data_races;
    result.new_races_only = true;
    return result;
}

Limits::Limits(const ExploreOptions& options, const ProgressCallback& progress)
    : progress_(progress),
      end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(options.time_limit_ms)),
      has_end_(options.time_limit_ms != 0) {}

bool Limits::tick(const char* phase, std::uint64_t schedules, std::optional<std::uint64_t> estimate, std::size_t bugs) {
    if (schedules < last_call_ + kProgressEvery && last_call_ != 0) return !stopped_;
    last_call_ = schedules;
    if (has_end_ && std::chrono::steady_clock::now() >= end_) {
        timed_out_ = true;
        stopped_ = true;
    }
    if (progress_ && !progress_({phase, schedules, estimate, bugs})) {
        interrupted_ = true;
        stopped_ = true;
    }
    return !stopped_;
}

Judge::Judge(const Program& program, const ExploreOptions& options) : data_races_(options.data_races) {
    ExecutionOptions recorded = plain_options(options);
    recorded.record = true;
    Execution execution(program, recorded);
    PlanDirector plain({});
    plain_length_ = execution.run(plain).steps;
    const auto note = [&] {
        for (const Step& step : execution.steps()) done_.emplace(step.name, step.function);
    };
    note();
    const auto [first, count] = execution.race_tasks();
    if (!program.reports_unsequential_outcomes() || count > kMostSequentialTasks) return;
    judges_outcomes_ = true;
    std::vector<TaskId> order(count);
    for (TaskId i = 0; i < count; ++i) order[i] = i;
    do {
        for (const bool workers_first : {false, true}) {
            SequentialDirector director(order, first, workers_first);
            const RunView result = execution.play(director);
            note();
            if (result.end == RunEnd::complete) sequential_.insert(result.outcome);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

bool Judge::reaches(std::string_view step, std::string_view function) const {
    return std::any_of(done_.begin(), done_.end(), [&](const auto& one) {
        return one.first == step && (function.empty() || one.second == function);
    });
}

void Judge::visit_bugs(const RunView& result, const std::function<void(const kernel::Report&)>& bug) const {
    bool explained = result.end != RunEnd::complete;
    for (const kernel::Report& report : result.reports) {
        if (report.kind != kernel::ReportKind::data_race) explained = true;
        if (report.after_crash) continue;
        if (report.kind == kernel::ReportKind::data_race && !data_races_) continue;
        bug(report);
    }
    if (judges_outcomes_ && !explained && sequential_.count(result.outcome) == 0) {
        kernel::Report report;
        report.kind = kernel::ReportKind::semantic;
        report.what = "an outcome that no sequential order gives: " + result.outcome;
        bug(report);
    }
}

std::vector<kernel::Report> Judge::bugs(const RunView& result) const {
    std::vector<kernel::Report> all;
    visit_bugs(result, [&](const kernel::Report& report) { all.push_back(report); });
    return all;
}

void Findings::add(const RunView& result, const Judge& judge, const std::vector<TaskId>& choices, std::uint64_t at) {
    if (result.end == RunEnd::complete) outcomes_.insert(result.outcome);
    judge.visit_bugs(result, [&](const kernel::Report& report) {
        std::string key = report.group_key();
        auto [found, added] = bugs_.try_emplace(std::move(key));
        FoundBug& bug = found->second;
        if (added) bug.key = found->first;
        if (added || at < bug.found_at) {
            bug.report = report;
            bug.choices = choices;
            bug.found_at = at;
        }
        if (report.kind != kernel::ReportKind::data_race) ++bug.seen;  // races are reported once a worker
    });
}

void Findings::merge(const Findings& other, std::uint64_t before) {
    outcomes_.insert(other.outcomes_.begin(), other.outcomes_.end());
    for (const auto& [key, entry] : other.bugs_) {
        FoundBug theirs = entry;
        theirs.found_at += before;
        auto [found, added] = bugs_.try_emplace(key, theirs);
        if (added) continue;
        const std::uint64_t seen = found->second.seen + theirs.seen;
        if (theirs.found_at < found->second.found_at) found->second = theirs;
        found->second.seen = seen;
    }
}

std::vector<FoundBug> Findings::bugs() const {
    std::vector<FoundBug> all;
    for (const auto& [key, bug] : bugs_) all.push_back(bug);
    std::stable_sort(all.begin(), all.end(),
                     [](const FoundBug& a, const FoundBug& b) { return a.found_at < b.found_at; });
    return all;
}

bool Findings::has_serious_bug() const {
    return std::any_of(bugs_.begin(), bugs_.end(),
                       [](const auto& entry) { return entry.second.report.kind != kernel::ReportKind::data_race; });
}

SearchEnd search_deviations(const SearchSetup& setup, std::uint64_t budget, Findings& findings) {
    SearchEnd end;
    std::vector<std::vector<Deviation>> level{{}};
    for (unsigned deviations = 0; deviations <= setup.options.deviations && !level.empty(); ++deviations) {
        const bool last_level = deviations == setup.options.deviations;
        const std::uint64_t room = budget - end.schedules;
        const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(level.size(), room));
        std::vector<std::vector<std::vector<Deviation>>> children(last_level ? 0 : count);
        std::vector<Findings> found(setup.options.jobs);
        std::vector<std::uint64_t> steps(setup.options.jobs, 0);
        std::atomic<std::size_t> next{0};
        std::atomic<std::uint64_t> done{0};
        in_parallel(setup.options.jobs, [&](unsigned worker) {
            ExecutionOptions options = plain_options(setup.options);
            options.record = !last_level;
            Execution execution(setup.program, options);
            for (std::size_t i = next++; i < count; i = next++) {
                PlanDirector director(level[i]);
                const RunView result = execution.play(director);
                steps[worker] += result.steps;
                found[worker].add(result, setup.judge, execution.choices(), setup.first + end.schedules + i + 1);
                const std::uint64_t so_far = ++done;
                if (worker == 0 && !setup.limits.tick("deviations", setup.first + end.schedules + so_far, level.size(),
                                                      findings.bug_count() + found[0].bug_count())) {
                    break;
                }
                if (setup.limits.stopped()) break;
                if (last_level) continue;
                const auto& choices = execution.choices();
                const auto& sets = execution.enabled_sets();
                const std::size_t begin = level[i].empty() ? 0 : level[i].back().at + 1;
                for (std::size_t at = begin; at < choices.size(); ++at) {
                    for (TaskId task = 0; task < 64; ++task) {
                        if (task == choices[at] || ((sets[at] >> task) & 1U) == 0) continue;
                        children[i].push_back(level[i]);
                        children[i].back().push_back({at, task});
                    }
                }
            }
        });
        for (unsigned worker = 0; worker < setup.options.jobs; ++worker) {
            findings.merge(found[worker]);
            end.steps += steps[worker];
        }
        end.schedules += done;
        if (done < level.size()) return end;
        end.complete_deviations = deviations;
        end.any_complete = true;
        if (setup.options.stop_at_first && findings.has_serious_bug()) return end;
        std::vector<std::vector<Deviation>> deeper;
        for (auto& list : children) {
            for (auto& plan : list) {
                if (deeper.size() > budget) break;
                deeper.push_back(std::move(plan));
            }
        }
        if (deeper.size() > budget - end.schedules) return end;  // a level is run whole or not at all
        level = std::move(deeper);
    }
    return end;
}

SearchEnd search_samples(const SearchSetup& setup, Strategy strategy, std::uint64_t budget, Findings& findings) {
    constexpr std::uint64_t kChunk = 64;
    SearchEnd end;
    std::vector<Findings> found(setup.options.jobs);
    std::vector<std::uint64_t> steps(setup.options.jobs, 0);
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> enough{false};
    in_parallel(setup.options.jobs, [&](unsigned worker) {
        Execution execution(setup.program, plain_options(setup.options));
        for (std::uint64_t begin = next.fetch_add(kChunk); begin < budget && !enough; begin = next.fetch_add(kChunk)) {
            for (std::uint64_t i = begin; i < std::min(begin + kChunk, budget); ++i) {
                const auto director = make_sampler(strategy, setup.options.seed, i, setup.judge.plain_length());
                const RunView result = execution.play(*director);
                steps[worker] += result.steps;
                found[worker].add(result, setup.judge, execution.choices(), setup.first + i + 1);
                const std::uint64_t so_far = ++done;
                if (worker == 0 && !setup.limits.tick("samples", setup.first + so_far, setup.first + budget,
                                                      findings.bug_count() + found[0].bug_count())) {
                    enough = true;
                }
                if (setup.limits.stopped()) return;
                if (setup.options.stop_at_first && found[worker].has_serious_bug()) enough = true;
            }
        }
    });
    for (unsigned worker = 0; worker < setup.options.jobs; ++worker) {
        findings.merge(found[worker]);
        end.steps += steps[worker];
    }
    end.schedules = done;
    return end;
}

}  // namespace xlate::explore
