#include "explore/scenario/scenarios.hpp"

#include <utility>

#include "base/error.hpp"
#include "explore/scenario/scenario_table.hpp"

namespace xlate::explore {

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all = [] {
        std::vector<Scenario> made = make_scenarios();
        for (Scenario& scenario : make_series_scenarios()) made.push_back(std::move(scenario));
        for (Scenario& scenario : make_group_scenarios()) made.push_back(std::move(scenario));
        for (Scenario& scenario : make_report_scenarios()) made.push_back(std::move(scenario));
        return made;
    }();
    return all;
}

const std::vector<Scenario>& real_scenarios() {
    static const std::vector<Scenario> all = [] {
        std::vector<Scenario> made;
        for (const Scenario& scenario : scenarios()) {
            if (has_real_form(scenario)) made.push_back(with_real_drivers(scenario));
        }
        return made;
    }();
    return all;
}

const Scenario& find_scenario(std::string_view name) {
    std::vector<std::string> names;
    const bool real = name.find('+') != std::string_view::npos;
    for (const Scenario& scenario : real ? real_scenarios() : scenarios()) {
        if (scenario.name == name) return scenario;
        names.push_back(scenario.name);
    }
    Diagnostic finding;
    finding.path = "scenario";
    finding.what = "'" + printable(name) + "' is no built-in scenario";
    if (const auto nearest = nearest_name(name, names)) finding.nearest = *nearest;
    throw InputError(finding);
}

}  // namespace xlate::explore
