#include "study/results/report/sweep_view.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "study/results/compare_metrics.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::size_t index_of(std::vector<std::string>& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    names.push_back(name);
    return names.size() - 1;
}

/// What a point sets, without its seed.
std::string but_seed(const Json& point) {
    Json kept = Json::array();
    for (const Json& set : point.at("set")) {
        const std::string text = set.get<std::string>();  // PATH=VALUE
        if (text.rfind("seed=", 0) != 0) kept.push_back(text);
    }
    return kept.dump();
}

/// Points that differ along this axis alone set the same but for the seed.
bool repeats(const Json& points, std::size_t axis) {
    std::map<std::vector<std::string>, std::string> seen;
    bool compared = false;
    for (const Json& point : points) {
        if (!point.contains("set")) return false;
        auto labels = point.at("labels").get<std::vector<std::string>>();
        labels.at(axis).clear();
        const std::string sets = but_seed(point);
        const auto [first, fresh] = seen.emplace(std::move(labels), sets);
        if (!fresh && first->second != sets) return false;
        compared = compared || !fresh;
    }
    return compared;
}

/// As `xlate compare` sees it, by the words of its name and its expression.
int better(const Json& column) {
    Difference rise;
    rise.path = column.at("name").get<std::string>() + " " + column.value("value", std::string());
    rise.before = 1;
    rise.after = 2;
    Metric any;
    any.pattern = "*";
    switch (any.verdict(rise)) {
        case Verdict::better:
            return 1;
        case Verdict::worse:
            return -1;
        case Verdict::as_before:
            return 0;
    }
    return 0;
}

}  // namespace

std::string SweepView::label(const Point& point, const std::function<bool(std::size_t)>& wanted) const {
    std::string text;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        if (wanted(i)) text += (text.empty() ? "" : ", ") + axes[i].labels[point.at[i]];
    }
    return text;
}

SweepView sweep_view(const Json& sweep) {
    SweepView view;
    const Json& points = sweep.at("points");
    for (const auto& axis : sweep.at("axes").get<std::vector<std::string>>()) view.axes.push_back({axis, {}, false});
    for (const Json& column : sweep.at("columns")) {
        view.columns.push_back(column.at("name").get<std::string>());
        view.better.push_back(better(column));
    }
    for (const Json& point : points) {
        SweepView::Point one;
        for (std::size_t i = 0; i < view.axes.size(); ++i)
            one.at.push_back(index_of(view.axes[i].labels, point.at("labels").at(i).get<std::string>()));
        for (std::size_t i = 0; i < view.columns.size(); ++i) {
            const Json& value = point.at("values").at(i);
            one.values.push_back(value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
        }
        view.points.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < view.axes.size(); ++i)
        view.axes[i].repeats = view.axes[i].labels.size() > 1 && repeats(points, i);
    return view;
}

}  // namespace xlate::study
