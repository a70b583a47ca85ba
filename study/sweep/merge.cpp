#include "study/sweep/merge.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "study/results/json_file.hpp"
#include "study/run/model_version.hpp"
#include "study/sweep/points.hpp"
#include "study/sweep/repeats.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

const char* name(PointState state) {
    switch (state) {
        case PointState::missing:
            return "missing";
        case PointState::done:
            return "done";
        case PointState::broken:
            return "broken";
    }
    return "?";
}

/// What a run came to, without what only says which run it was, and what is said of its keys (one without effect).
std::string outcome_digest(Json result) {
    for (const char* key : {"name", "seed", "variant", "model", "expect", "warnings", "assumptions"}) result.erase(key);
    return sha256_text(result.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// Axes along which no two results differ, whatever the others' values: what they set reaches nothing.
std::vector<std::string> idle_axes(const Plan& plan, const std::vector<std::optional<std::string>>& outcomes) {
    std::vector<std::string> idle;
    for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
        std::map<std::vector<std::string>, std::string> seen;
        bool compared = false;
        bool differs = false;
        for (std::size_t i = 0; i < outcomes.size() && !differs; ++i) {
            if (!outcomes[i]) continue;
            std::vector<std::string> others = plan.points[i].labels;
            others[axis].clear();
            const auto [first, is_new] = seen.emplace(std::move(others), *outcomes[i]);
            compared = compared || !is_new;
            differs = first->second != *outcomes[i];
        }
        if (compared && !differs) idle.push_back(plan.axes[axis]);
    }
    return idle;
}

/// What is there of point number `i`, without its values; its result goes to `result`.
Json point_of(const Plan& plan, std::size_t i, Json& result) {
    const PlanPoint& point = plan.points[i];
    const PointStatus status = status_of(plan, i);
    Json one = {{"labels", point.labels},
                {"set", point.sets},
                {"directory", plan.directory(i).substr(plan.out.size() + 1)},
                {"state", name(status.state)},
                {"status", status.state == PointState::missing ? Json() : Json(status.status)},
                {"digest", nullptr},
                {"values", Json::array()},
                {"failed", Json::array()}};
    if (status.state != PointState::done) return one;
    result = read_json_file(plan.directory(i) + "/result.json", "xlate.result/1");
    one["digest"] = result.value("digest", Json());
    for (const Json& expectation : result.value("expect", Json::array())) {
        if (!expectation.value("ok", true)) one["failed"].push_back(expectation.value("expr", std::string{}));
    }
    return one;
}

/// The repetitions from number `begin` on as one.
Json group_of(const Json& points, std::size_t begin, std::size_t columns) {
    Json labels = points.at(begin).at("labels");
    labels.erase(labels.size() - 1);
    Json values = Json::array();
    for (std::size_t c = 0; c < columns; ++c) {
        std::vector<double> numbers;
        for (std::size_t i = begin; i < points.size(); ++i) {
            const Json& value = points[i].at("values").at(c);
            if (value.is_number()) numbers.push_back(value.get<double>());
        }
        const Spread spread = Spread::of(numbers);
        if (numbers.empty()) {
            values.push_back(nullptr);
            continue;
        }
        const std::optional<double> half = spread.half_width();
        values.push_back({{"count", spread.count},
                          {"mean", spread.mean},
                          {"half_width", half ? Json(*half) : Json()},
                          {"min", spread.least},
                          {"max", spread.most}});
    }
    return {{"labels", labels}, {"count", points.size() - begin}, {"values", values}};
}

/// Groups whose mean is not known as well as the study asks for.
std::size_t unsure_groups(const Plan& plan, const Json& sweep) {
    if (!plan.repeat.until) return 0;
    const Json& columns = sweep.at("columns");
    const auto column = std::find_if(columns.begin(), columns.end(), [&](const Json& one) {
        return one.at("name") == sweep.at("repetitions").at("until");
    });
    const auto number = static_cast<std::size_t>(column - columns.begin());
    std::size_t unsure = 0;
    for (const Json& group : sweep.at("groups")) {
        const Json& value = group.at("values").at(number);
        const bool known =
            !value.is_null() && value.at("half_width").is_number() &&
            value.at("half_width").get<double>() <= plan.repeat.within * std::fabs(value.at("mean").get<double>());
        unsure += known ? 0 : 1;
    }
    return unsure;
}

}  // namespace

nlohmann::ordered_json merge_points(const Plan& plan) {
    const Study study = parse_study(plan.text, plan.study, plan.bases);
    Json points = Json::array();
    Json groups = Json::array();
    std::vector<std::string> why(study.columns.size());
    std::vector<bool> seen(study.columns.size(), false);
    std::vector<std::optional<std::string>> outcomes(plan.points.size());
    const auto read = [&](std::size_t i) {
        Json result;
        Json one = point_of(plan, i, result);
        if (!result.is_null()) outcomes[i] = outcome_digest(result);
        for (std::size_t c = 0; c < study.columns.size(); ++c) {
            Json value;
            if (!result.is_null()) {
                const Expectation::Outcome outcome = study.columns[c].value.evaluate(result);
                value = outcome.value;
                if (value.is_null()) why[c] = outcome.why.empty() ? "it is null in every result" : outcome.why;
                if (!value.is_null()) seen[c] = true;
            }
            if (value.is_number_float() && !std::isfinite(value.get<double>())) value = nullptr;
            one["values"].push_back(std::move(value));
        }
        points.push_back(std::move(one));
        return deciding_value(plan.repeat, result);
    };
    const std::size_t seeds = std::max<std::size_t>(1, plan.repeat.seeds);
    for (std::size_t first = 0; first < plan.points.size(); first += seeds) {
        if (plan.repeat.seeds == 0) {
            read(first);
            continue;
        }
        const std::size_t begin = points.size();
        std::size_t known = 0;
        const std::size_t needed = repetitions_needed(plan.repeat, [&](std::size_t i) {
            known = i + 1;
            return read(first + i);
        });
        for (std::size_t i = known; i < needed; ++i) read(first + i);
        groups.push_back(group_of(points, begin, study.columns.size()));
    }
    Json columns = Json::array();
    for (std::size_t c = 0; c < study.columns.size(); ++c) {
        columns.push_back({{"name", study.columns[c].name}, {"value", study.columns[c].value.text()}});
        if (!seen[c] && !why[c].empty()) columns.back()["why"] = why[c];
    }
    Json notes = Json::array();
    for (const std::string& note : plan.notes) notes.push_back(note);
    for (const std::string& axis : idle_axes(plan, outcomes))
        notes.push_back(fmt::format("axis '{}' changes nothing in any result: what it sets has no effect here", axis));
    Json sweep = {{"schema", "xlate.sweep/1"},
                  {"name", plan.name},
                  {"study", plan.study},
                  {"model_version", kModelVersion},
                  {"model_sources", model_sources()},
                  {"axes", plan.axes},
                  {"columns", columns},
                  {"points", points},
                  {"notes", notes}};
    if (plan.repeat.seeds != 0) {
        const bool stops = plan.repeat.until.has_value();
        sweep["repetitions"] = {{"seeds", plan.repeat.seeds},
                                {"until", stops ? Json(study.repeat.until) : Json()},
                                {"within", stops ? Json(plan.repeat.within) : Json()}};
        sweep["groups"] = groups;
        if (const std::size_t unsure = unsure_groups(plan, sweep); unsure != 0)
            sweep["notes"].push_back(fmt::format("{} of {} points are not known to {:g} % of '{}' with {} seeds",
                                                 unsure, groups.size(), plan.repeat.within * 100, study.repeat.until,
                                                 plan.repeat.seeds));
    }
    return sweep;
}

int sweep_status(const nlohmann::ordered_json& sweep) {
    int worst = 0;
    for (const Json& point : sweep.at("points")) {
        const int status = point.at("state") == "missing" ? 1 : point.at("status").get<int>();
        worst = std::max(worst, status >= 128 ? 70 : status);
    }
    const Json& columns = sweep.at("columns");
    const bool empty = std::any_of(columns.begin(), columns.end(), [](const Json& c) { return c.contains("why"); });
    return empty ? std::max(worst, static_cast<int>(ExitStatus::usage)) : worst;
}

}  // namespace xlate::study
