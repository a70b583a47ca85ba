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

/// What a run came to, without what only says which run it was.
std::string outcome_digest(Json result) {
    for (const char* key : {"name", "seed", "variant", "model", "expect"}) result.erase(key);
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

}  // namespace

nlohmann::ordered_json merge_points(const Plan& plan) {
    const Study study = parse_study(plan.text, plan.study);
    Json points = Json::array();
    std::vector<std::string> why(study.columns.size());
    std::vector<bool> seen(study.columns.size(), false);
    std::vector<std::optional<std::string>> outcomes(plan.points.size());
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
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
        Json result;
        if (status.state == PointState::done) {
            result = read_json_file(plan.directory(i) + "/result.json", "xlate.result/1");
            outcomes[i] = outcome_digest(result);
            one["digest"] = result.value("digest", Json());
            for (const Json& expectation : result.value("expect", Json::array())) {
                if (!expectation.value("ok", true)) one["failed"].push_back(expectation.value("expr", std::string{}));
            }
        }
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
    }
    Json columns = Json::array();
    for (std::size_t c = 0; c < study.columns.size(); ++c) {
        columns.push_back({{"name", study.columns[c].name}, {"value", study.columns[c].value.text()}});
        if (!seen[c] && !why[c].empty()) columns.back()["why"] = why[c];
    }
    Json notes = Json::array();
    for (const std::string& axis : idle_axes(plan, outcomes))
        notes.push_back(fmt::format("axis '{}' changes nothing in any result: what it sets has no effect here", axis));
    return {{"schema", "xlate.sweep/1"},
            {"name", plan.name},
            {"study", plan.study},
            {"model_version", kModelVersion},
            {"model_sources", model_sources()},
            {"axes", plan.axes},
            {"columns", columns},
            {"points", points},
            {"notes", notes}};
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
