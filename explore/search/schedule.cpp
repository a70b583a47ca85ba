#include "explore/search/schedule.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/error.hpp"

namespace xlate::explore {

namespace {

std::string point_name(const Task& task) { return task.pending.step[0] == '\0' ? "start" : task.pending.step; }

/// The next task in turn after `plain` that can go on, besides it.
Task* next_in_turn(Execution& execution, const Task& plain) {
    const auto& all = execution.enabled();
    for (Task* task : all) {
        if (task->id > plain.id) return task;
    }
    for (Task* task : all) {
        if (task->id != plain.id) return task;
    }
    return nullptr;
}

std::string check_sum(const std::string& text) { return Digest().add(text).text().substr(12); }

[[noreturn]] void malformed(std::string_view token, const std::string& what) {
    Diagnostic finding;
    finding.path = "token";
    finding.what = "'" + printable(token) + "': " + what;
    finding.expected = "SCENARIO/VARIANT/DEVIATIONS/CHECK";
    throw InputError(finding);
}

}  // namespace

std::string NamedDeviation::text() const {
    return task + "@" + point + (occurrence != 1 ? "#" + std::to_string(occurrence) : "") +
           (to.empty() ? "" : ">" + to);
}

std::string Token::text() const {
    std::string all = scenario + "/" + variant + "/";
    for (std::size_t i = 0; i < deviations.size(); ++i) all += (i == 0 ? "" : ",") + deviations[i].text();
    return all + "/" + check_sum(all);
}

Token parse_token(std::string_view text) {
    const std::size_t first = text.find('/');
    const std::size_t second = first == std::string_view::npos ? first : text.find('/', first + 1);
    const std::size_t last = text.rfind('/');
    if (second == std::string_view::npos || last <= second) malformed(text, "three '/' are needed");
    if (check_sum(std::string(text.substr(0, last))) != text.substr(last + 1)) {
        malformed(text, "the check sum does not fit: a character is wrong or missing");
    }
    Token token;
    token.scenario = text.substr(0, first);
    token.variant = text.substr(first + 1, second - first - 1);
    std::string_view rest = text.substr(second + 1, last - second - 1);
    while (!rest.empty()) {
        std::string_view part = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        NamedDeviation deviation;
        const std::size_t at = part.find('@');
        if (at == std::string_view::npos || at == 0) malformed(text, "'" + printable(part) + "' names no point");
        deviation.task = part.substr(0, at);
        part.remove_prefix(at + 1);
        if (const std::size_t to = part.find('>'); to != std::string_view::npos) {
            deviation.to = part.substr(to + 1);
            part = part.substr(0, to);
        }
        if (const std::size_t hash = part.find('#'); hash != std::string_view::npos) {
            deviation.occurrence = 0;
            for (const char c : part.substr(hash + 1)) {
                if (c < '0' || c > '9' || deviation.occurrence > 100'000) malformed(text, "a bad number after '#'");
                deviation.occurrence = deviation.occurrence * 10 + static_cast<unsigned>(c - '0');
            }
            part = part.substr(0, hash);
        }
        if (part.empty() || deviation.occurrence == 0) malformed(text, "a deviation names no point");
        deviation.point = part;
        token.deviations.push_back(std::move(deviation));
    }
    return token;
}

Task* PlanDirector::choose(Execution& execution) {
    if (next_ < plan_.size() && execution.step_count() == plan_[next_].at) {
        const TaskId to = plan_[next_++].to;
        for (Task* task : execution.enabled()) {
            if (task->id == to) return task;
        }
    }
    return execution.default_choice();
}

Task* NamedDirector::choose(Execution& execution) {
    Task* const plain = execution.default_choice();
    if (next_ >= plan_.size()) return plain;
    const std::string label = execution.label(plain->id);
    const std::string point = point_name(*plain);
    const unsigned occurrence = execution.arrivals(*plain);
    const auto fits = [&](const NamedDeviation& wanted) {
        return wanted.task == label && wanted.occurrence == occurrence &&
               (wanted.point == point || wanted.point == plain->function());
    };
    std::size_t found = next_;
    while (found < plan_.size() && !fits(plan_[found])) {
        if (!skip_missing_) return plain;
        ++found;
    }
    if (found == plan_.size()) return plain;
    Task* to = nullptr;
    if (plan_[found].to.empty()) {
        to = next_in_turn(execution, *plain);
    } else {
        for (Task* task : execution.enabled()) {
            if (execution.label(task->id) == plan_[found].to) to = task;
        }
    }
    if (to == nullptr || to == plain) return plain;
    next_ = found + 1;
    turns_.push_back(execution.step_count());
    return to;
}

std::vector<NamedDeviation> NamedDirector::missing() const {
    return {plan_.begin() + static_cast<std::ptrdiff_t>(std::min(next_, plan_.size())), plan_.end()};
}

NamedDeviation name_deviation(Execution& execution, const Task& plain, const Task& to) {
    NamedDeviation deviation;
    deviation.task = execution.label(plain.id);
    deviation.point = point_name(plain);
    deviation.occurrence = execution.arrivals(plain);
    if (next_in_turn(execution, plain) != &to) deviation.to = execution.label(to.id);
    return deviation;
}

Task* ReplayDirector::choose(Execution& execution) {
    Task* const plain = execution.default_choice();
    const std::size_t at = execution.step_count();
    if (at >= choices_.size() || choices_[at] == plain->id) return plain;
    for (Task* task : execution.enabled()) {
        if (task->id != choices_[at]) continue;
        deviations_.push_back({at, task->id});
        if (wants_names) names_.push_back(name_deviation(execution, *plain, *task));
        return task;
    }
    return plain;
}

}  // namespace xlate::explore
