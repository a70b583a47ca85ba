#include "study/sweep/merge.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "study/results/json_file.hpp"
#include "study/results/numbers.hpp"
#include "study/run/run.hpp"

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

std::string row(const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& cell : cells) text += " " + cell + " |";
    return text + "\n";
}

}  // namespace

nlohmann::ordered_json merge_points(const Plan& plan, const Study& study) {
    Json points = Json::array();
    std::vector<std::string> why(study.columns.size());
    std::vector<bool> seen(study.columns.size(), false);
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
                if (value.is_null()) why[c] = outcome.why;
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
    return {{"schema", "xlate.sweep/1"}, {"name", plan.name},  {"study", plan.study}, {"model_version", kModelVersion},
            {"axes", plan.axes},         {"columns", columns}, {"points", points}};
}

std::string sweep_table(const nlohmann::ordered_json& sweep) {
    std::vector<std::string> titles;
    std::vector<std::string> rules;
    for (const Json& axis : sweep.at("axes")) {
        titles.push_back(axis.get<std::string>());
        rules.emplace_back("---");
    }
    for (const Json& column : sweep.at("columns")) {
        titles.push_back(column.at("name").get<std::string>());
        rules.emplace_back("---:");
    }
    const auto odd = [](const Json& point) { return point.at("state") != "done" || !point.at("failed").empty(); };
    const auto& points = sweep.at("points");
    const bool notes = std::any_of(points.begin(), points.end(), odd);
    if (titles.empty() || notes) {
        titles.emplace_back(titles.empty() ? "state" : "");
        rules.emplace_back("---");
    }
    std::string text = row(titles) + "|";
    for (const std::string& rule : rules) text += rule + "|";
    text += "\n";
    for (const Json& point : points) {
        std::vector<std::string> cells;
        for (const Json& label : point.at("labels")) cells.push_back(label.get<std::string>());
        for (const Json& value : point.at("values")) cells.push_back(table_number(value));
        if (cells.size() < titles.size()) {
            std::string note = point.at("state").get<std::string>();
            if (note == "broken") {
                note = fmt::format("status {}, see {}/run.log", point.at("status").get<int>(),
                                   point.at("directory").get<std::string>());
            } else if (!point.at("failed").empty()) {
                note = fmt::format("fails: {}", point.at("failed")[0].get<std::string>());
                if (point.at("failed").size() > 1) note += fmt::format(" and {} more", point.at("failed").size() - 1);
            } else if (note == "done" && !cells.empty()) {
                note.clear();
            }
            cells.push_back(note);
        }
        text += row(cells);
    }
    return text;
}

int sweep_status(const nlohmann::ordered_json& sweep) {
    int worst = 0;
    for (const Json& point : sweep.at("points")) {
        const int status = point.at("state") == "missing" ? 1 : point.at("status").get<int>();
        worst = std::max(worst, status >= 128 ? 70 : status);
    }
    return worst;
}

}  // namespace xlate::study
