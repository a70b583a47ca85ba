// From the schedule that happened to show a bug to the one that a reader wants to see:
// 1. as few deviations from the plain schedule as possible (taken out one by one, until none can go);
// 2. each deviation as late as possible, the last one first;
// 3. the step from which on nothing avoids the bug any more.
#include <algorithm>

#include "base/error.hpp"
#include "explore/search/dpor.hpp"
#include "explore/search/search.hpp"
#include "kernel-model/iommu-core/variant.hpp"

namespace xlate::explore {

namespace {

constexpr std::uint64_t kInevitableRuns = 300;  // a question that needs more traces stays open
constexpr unsigned kMostLater = 400;            // places tried for one deviation

class Minimiser {
public:
    Minimiser(const Program& program, const ExploreOptions& options, const Judge& judge, const FoundBug& found)
        : program_(program),
          judge_(judge),
          found_(found),
          execution_(program, recorded(options)),
          minimises_(options.minimise) {}

    Bug run() {
        std::vector<TaskId> choices = found_.choices;
        std::vector<Deviation> plan = deviations_of(choices);
        if (minimises_) {
            fewer(plan);
            later(plan);
        }
        return describe(plan);
    }

private:
    static ExecutionOptions recorded(const ExploreOptions& options) {
        ExecutionOptions result;
        result.data_races = options.data_races;
        result.record = true;
        result.count_arrivals = true;
        return result;
    }

    std::vector<Deviation> deviations_of(const std::vector<TaskId>& choices) {
        ReplayDirector director(choices);
        execution_.run(director);
        return director.deviations();
    }

    const kernel::Report* find(const std::vector<kernel::Report>& bugs) const {
        for (const kernel::Report& report : bugs) {
            if (report.group_key() == found_.key) return &report;
        }
        return nullptr;
    }

    bool shows(const std::vector<Deviation>& plan) {
        PlanDirector director(plan);
        last_ = execution_.run(director);
        bugs_ = judge_.bugs(last_);
        return find(bugs_) != nullptr;
    }

    /// Takes deviations out while the bug stays. Positions behind a removed one are those of the new run.
    void fewer(std::vector<Deviation>& plan) {
        bool changed = true;
        while (changed && !plan.empty()) {
            changed = false;
            for (std::size_t i = plan.size(); i-- > 0;) {
                std::vector<Deviation> shorter = plan;
                shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
                if (!shows(shorter)) continue;
                plan = deviations_of(std::vector<TaskId>(execution_.choices()));
                changed = true;
                break;
            }
        }
    }

    /// Moves each deviation back as far as the bug stays and no deviation is added.
    void later(std::vector<Deviation>& plan) {
        for (std::size_t i = plan.size(); i-- > 0;) {
            shows(plan);
            const std::size_t end = i + 1 < plan.size() ? plan[i + 1].at : execution_.choices().size();
            unsigned tried = 0;
            for (std::size_t at = end; at-- > plan[i].at + 1 && tried < kMostLater; ++tried) {
                std::vector<Deviation> moved = plan;
                moved[i].at = at;
                if (!shows(moved)) continue;
                const std::vector<Deviation> real = deviations_of(std::vector<TaskId>(execution_.choices()));
                if (real.size() > plan.size()) continue;
                const bool fewer_now = real.size() < plan.size();
                plan = real;
                if (fewer_now) return later(plan);
                break;
            }
        }
    }

    /// True if every way to go on from this prefix shows the bug; nothing if that takes too many runs.
    std::optional<bool> inevitable(const std::vector<TaskId>& choices, std::size_t length) {
        Dpor dpor(true, {choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(length)});
        std::uint64_t runs = 0;
        while (dpor.next() != Dpor::Next::closed) {
            if (++runs > kInevitableRuns) return std::nullopt;
            const RunView result = execution_.play(dpor);
            dpor.finished(result);
            if (result.end == RunEnd::abandoned) continue;
            if (find(judge_.bugs(result)) == nullptr) return false;
        }
        return true;
    }

    Bug describe(const std::vector<Deviation>& plan) {
        Bug bug;
        XLATE_CHECK(shows(plan), "a minimised schedule does not show its bug");
        bug.report = *find(bugs_);
        const std::vector<TaskId> choices(execution_.choices());
        ReplayDirector names(choices);
        names.wants_names = true;
        execution_.run(names);
        bug.steps = choices.size();
        bug.deviations = static_cast<unsigned>(names.names().size());
        bug.schedule = Token{program_.name(), program_.variant().name, names.names()}.text();
        bug.kind = kernel::name(bug.report.kind);
        bug.what = bug.report.headline();
        const auto& place = bug.report.place;
        if (!place.step.empty() || !place.functions.empty()) bug.where = place.step + " in " + place.function();
        if (!place.task.empty()) bug.tasks.push_back(place.task);
        for (const auto* side : {&bug.report.other, &bug.report.freed_by}) {
            if (*side && !(*side)->task.empty() && (*side)->task != place.task) bug.tasks.push_back((*side)->task);
        }
        bug.first_found_at = found_.found_at;
        bug.seen = found_.seen;
        if (!minimises_ || bug.report.kind == kernel::ReportKind::data_race) return bug;
        // The shortest prefix from which on it cannot be avoided: a prefix that forces it forces it ever after.
        std::size_t low = 0;
        std::size_t high = choices.size();
        while (low < high) {
            const std::size_t middle = low + (high - low) / 2;
            const std::optional<bool> forced = inevitable(choices, middle);
            if (!forced || !*forced) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (high < choices.size()) bug.inevitable_at = high;
        return bug;
    }

    const Program& program_;
    const Judge& judge_;
    const FoundBug& found_;
    Execution execution_;
    const bool minimises_;
    RunResult last_;
    std::vector<kernel::Report> bugs_;
};

}  // namespace

Bug minimise(const Program& program, const ExploreOptions& options, const Judge& judge, const FoundBug& found) {
    return Minimiser(program, options, judge, found).run();
}

}  // namespace xlate::explore
