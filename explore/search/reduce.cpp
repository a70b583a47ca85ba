#include "explore/search/reduce.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "explore/scenario/scenarios.hpp"
#include "explore/search/search.hpp"

namespace xlate::explore {

namespace {

constexpr std::uint64_t kTries = 250;  // schedules in which a smaller scenario has to show the bug
constexpr char kMark = '~';

[[noreturn]] void no_such_part(const std::string& part) {
    Diagnostic finding;
    finding.path = "scenario";
    finding.what = "'" + printable(part) + "' is no part of it";
    finding.expected = "a device, an IOMMU, device.entry, #task or #task.action";
    throw InputError(finding);
}

/// A position from 1; 0: not a number.
std::size_t position(std::string_view text) {
    std::size_t number = 0;
    if (text.empty() || text.size() > 4) return 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return 0;
        number = number * 10 + static_cast<std::size_t>(c - '0');
    }
    return number;
}

template <class T>
void take_out(std::vector<T>& list, std::size_t from_one, const std::string& part) {
    if (from_one == 0 || from_one > list.size()) no_such_part(part);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(from_one - 1));
}

void drop_actions_on(Scenario& scenario, const std::string& target) {
    const auto drop = [&](std::vector<Action>& actions) {
        actions.erase(std::remove_if(actions.begin(), actions.end(),
                                     [&](const Action& action) { return action.target == target; }),
                      actions.end());
    };
    drop(scenario.before);
    for (TaskSpec& task : scenario.tasks) drop(task.actions);
    scenario.tasks.erase(std::remove_if(scenario.tasks.begin(), scenario.tasks.end(),
                                        [](const TaskSpec& task) { return task.actions.empty(); }),
                         scenario.tasks.end());
}

template <class T>
bool erase_named(std::vector<T>& list, const std::string& name) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const T& one) { return one.name == name; });
    if (found == list.end()) return false;
    list.erase(found);
    return true;
}

void take_task(Scenario& scenario, const std::string& part) {
    const std::size_t dot = part.find('.');
    const std::string task = part.substr(1, dot == std::string::npos ? dot : dot - 1);
    if (dot == std::string::npos) return take_out(scenario.tasks, position(task), part);
    const std::size_t action = position(std::string_view(part).substr(dot + 1));
    if (task == "0") return take_out(scenario.before, action, part);
    const std::size_t number = position(task);
    if (number == 0 || number > scenario.tasks.size()) no_such_part(part);
    take_out(scenario.tasks[number - 1].actions, action, part);
}

void take_named(Scenario& scenario, const std::string& part) {
    for (DeviceSpec& device : scenario.devices) {
        if (part.rfind(device.name + ".", 0) == 0)
            return take_out(device.iommus, position(std::string_view(part).substr(device.name.size() + 1)), part);
    }
    if (erase_named(scenario.devices, part)) {
        for (DeviceSpec& device : scenario.devices) {
            if (device.shares_group_of == part) device.shares_group_of.clear();
        }
    } else if (erase_named(scenario.iommus, part)) {
        for (DeviceSpec& device : scenario.devices) {
            device.iommus.erase(std::remove_if(device.iommus.begin(), device.iommus.end(),
                                               [&](const EntrySpec& entry) { return entry.iommu == part; }),
                                device.iommus.end());
        }
    } else {
        no_such_part(part);
    }
    drop_actions_on(scenario, part);
}

std::string ordinal(const std::string& number) {
    return number == "1" ? "first" : number == "2" ? "second" : number == "3" ? "third" : "number " + number;
}

/// One smaller scenario: does it show the bug, and how?
class Attempt {
public:
    Attempt(const Scenario& scenario, const std::string& variant, const ExploreOptions& options)
        : options_(quiet(options)), program_(make_program(scenario, variant)), judge_(*program_, options_) {}

    std::optional<FoundBug> find(const std::string& key, const std::vector<NamedDeviation>& known) {
        if (auto bug = by_names(key, known)) return bug;
        const ProgressCallback silent;
        Limits limits(options_, silent);
        Findings findings;
        const SearchSetup setup{*program_, options_, judge_, limits, 0};
        search_deviations(setup, kTries, findings);
        if (auto bug = pick(findings, key)) return bug;
        search_samples(setup, Strategy::portfolio, kTries, findings);
        return pick(findings, key);
    }
    Bug minimised(const FoundBug& found, const ExploreOptions& options) const {
        return minimise(*program_, options, judge_, found);
    }

private:
    static ExploreOptions quiet(const ExploreOptions& options) {
        ExploreOptions result = options;
        result.jobs = 1;
        result.time_limit_ms = 0;
        result.stop_at_first = false;
        result.data_races = false;
        return result;
    }
    static std::optional<FoundBug> pick(const Findings& findings, const std::string& key) {
        for (const FoundBug& bug : findings.bugs()) {
            if (bug.key == key) return bug;
        }
        return std::nullopt;
    }
    /// The schedule that is known, as far as it fits.
    std::optional<FoundBug> by_names(const std::string& key, const std::vector<NamedDeviation>& known) {
        ExecutionOptions recorded;
        recorded.record = true;
        recorded.count_arrivals = true;
        Execution execution(*program_, recorded);
        NamedDirector director(known, true);
        const RunView result = execution.play(director);
        Findings findings;
        findings.add(result, judge_, execution.choices(), 1);
        return pick(findings, key);
    }

    ExploreOptions options_;
    std::unique_ptr<Program> program_;
    Judge judge_;
};

}  // namespace

Scenario without(const Scenario& scenario, const std::string& part) {
    Scenario smaller = scenario;
    if (part.empty()) no_such_part(part);
    if (part[0] == '#') {
        take_task(smaller, part);
    } else {
        take_named(smaller, part);
    }
    smaller.name += kMark + part;
    return smaller;
}

Scenario reduced_scenario(const Scenario& scenario, std::string_view name) {
    Scenario smaller = scenario;
    std::size_t mark = name.find(kMark);
    while (mark != std::string_view::npos) {
        const std::size_t next = name.find(kMark, mark + 1);
        smaller = without(smaller, std::string(name.substr(mark + 1, next - mark - 1)));
        mark = next;
    }
    return smaller;
}

Scenario reduced_scenario(std::string_view name) {
    return reduced_scenario(find_scenario(name.substr(0, name.find(kMark))), name);
}

std::vector<std::string> parts_of(const Scenario& scenario) {
    std::vector<std::string> parts;
    if (scenario.tasks.size() > 1) {
        for (std::size_t i = scenario.tasks.size(); i > 0; --i) parts.push_back("#" + std::to_string(i));
    }
    for (const DeviceSpec& device : scenario.devices) parts.push_back(device.name);
    for (const IommuSpec& iommu : scenario.iommus) parts.push_back(iommu.name);
    const auto actions = [&](std::size_t task, std::size_t count) {
        for (std::size_t i = count; i > 0; --i) parts.push_back("#" + std::to_string(task) + "." + std::to_string(i));
    };
    actions(0, scenario.before.size());
    for (std::size_t i = 0; i < scenario.tasks.size(); ++i) {
        if (scenario.tasks[i].actions.size() > 1) actions(i + 1, scenario.tasks[i].actions.size());
    }
    for (const DeviceSpec& device : scenario.devices) {
        for (std::size_t i = device.iommus.size(); i > 0; --i) parts.push_back(device.name + "." + std::to_string(i));
    }
    return parts;
}

std::string part_text(const std::string& part) {
    const std::size_t dot = part.find('.');
    if (part.rfind("#0.", 0) == 0) return "the " + ordinal(part.substr(3)) + " action before the race";
    if (part[0] == '#' && dot == std::string::npos) return "the " + ordinal(part.substr(1)) + " task";
    if (part[0] == '#')
        return "the " + ordinal(part.substr(dot + 1)) + " action of the " + ordinal(part.substr(1, dot - 1)) + " task";
    return dot == std::string::npos ? part : "the " + ordinal(part.substr(dot + 1)) + " id of " + part.substr(0, dot);
}

std::optional<ReducedBug> reduce(const Scenario& scenario, const std::string& variant, const ExploreOptions& options,
                                 const Bug& bug) {
    const std::string key = bug.report.group_key();
    const std::vector<NamedDeviation> known = parse_token(bug.schedule).deviations;
    Scenario smallest = scenario;
    std::optional<FoundBug> found;
    std::vector<std::string> gone;
    for (bool changed = true; changed;) {
        changed = false;
        for (const std::string& part : parts_of(smallest)) {
            Scenario smaller = without(smallest, part);
            if (smaller.tasks.empty()) continue;
            Attempt attempt(smaller, variant, options);
            const auto shown = attempt.find(key, known);
            if (!shown) continue;
            found = shown;
            smallest = std::move(smaller);
            gone.push_back(part);
            changed = true;
            break;
        }
    }
    if (!found) return std::nullopt;
    const Bug minimised = Attempt(smallest, variant, options).minimised(*found, options);
    ReducedBug reduced;
    reduced.without = std::move(gone);
    reduced.schedule = minimised.schedule;
    reduced.deviations = minimised.deviations;
    reduced.steps = minimised.steps;
    return reduced;
}

}  // namespace xlate::explore
