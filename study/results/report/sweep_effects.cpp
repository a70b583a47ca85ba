#include "study/results/report/sweep_effects.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "study/results/spread.hpp"

namespace xlate::study {
namespace {

struct Sum {
    double sum = 0;
    double count = 0;
    double mean() const { return sum / count; }
};

/// Sum of squares between the groups that `key` makes.
template <class Key>
double between(const SweepView& view, std::size_t column, double mean, Key key,
               std::map<std::vector<std::size_t>, Sum>& groups) {
    for (const SweepView::Point& point : view.points) {
        if (!std::isfinite(point.values[column])) continue;
        Sum& group = groups[key(point)];
        group.sum += point.values[column];
        group.count += 1;
    }
    double squares = 0;
    for (const auto& [which, group] : groups) squares += group.count * (group.mean() - mean) * (group.mean() - mean);
    return squares;
}

}  // namespace

Effects effects_of(const SweepView& view, std::size_t column) {
    Effects effects;
    std::vector<double> values;
    for (const SweepView::Point& point : view.points) values.push_back(point.values[column]);
    std::vector<double> finite;
    std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
    const Spread all = Spread::of(finite);
    effects.mean = all.mean;
    effects.main.assign(view.axes.size(), 0);
    if (all.count == 0) return effects;
    double total = 0;
    for (const double value : values) {
        if (std::isfinite(value)) total += (value - all.mean) * (value - all.mean);
    }
    std::vector<double> of_axis;
    for (std::size_t axis = 0; axis < view.axes.size(); ++axis) {
        std::map<std::vector<std::size_t>, Sum> groups;
        const auto key = [&](const SweepView::Point& p) { return std::vector<std::size_t>{p.at[axis]}; };
        of_axis.push_back(between(view, column, all.mean, key, groups));
        double low = 0;
        double high = 0;
        bool first = true;
        for (const auto& [which, group] : groups) {
            low = first ? group.mean() : std::min(low, group.mean());
            high = first ? group.mean() : std::max(high, group.mean());
            first = false;
        }
        effects.main[axis] = all.mean == 0 ? 0 : (high - low) / std::abs(all.mean);
    }
    if (total <= 0) return effects;
    double left = total;
    for (std::size_t axis = 0; axis < view.axes.size(); ++axis) {
        effects.shares.push_back({view.axes[axis].name, of_axis[axis] / total});
        left -= of_axis[axis];
    }
    for (std::size_t a = 0; a < view.axes.size(); ++a) {
        for (std::size_t b = a + 1; b < view.axes.size(); ++b) {
            std::map<std::vector<std::size_t>, Sum> groups;
            const auto key = [&](const SweepView::Point& p) { return std::vector<std::size_t>{p.at[a], p.at[b]}; };
            const double beyond = std::max(0.0, between(view, column, all.mean, key, groups) - of_axis[a] - of_axis[b]);
            effects.shares.push_back({view.axes[a].name + " x " + view.axes[b].name, beyond / total});
            left -= beyond;
        }
    }
    if (view.axes.size() > 1) effects.shares.push_back({"the rest", std::max(0.0, left) / total});
    return effects;
}

std::vector<std::size_t> pareto_front(const SweepView& view, std::size_t first, std::size_t second) {
    const auto value = [&](std::size_t point, std::size_t column) {
        return view.points[point].values[column] * view.better[column];
    };
    std::vector<std::size_t> front;
    for (std::size_t i = 0; i < view.points.size(); ++i) {
        if (!std::isfinite(value(i, first)) || !std::isfinite(value(i, second))) continue;
        bool beaten = false;
        for (std::size_t j = 0; j < view.points.size() && !beaten; ++j) {
            beaten = value(j, first) >= value(i, first) && value(j, second) >= value(i, second) &&
                     (value(j, first) > value(i, first) || value(j, second) > value(i, second));
        }
        if (!beaten) front.push_back(i);
    }
    std::stable_sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) {
        return view.points[a].values[first] < view.points[b].values[first];
    });
    return front;
}

}  // namespace xlate::study
