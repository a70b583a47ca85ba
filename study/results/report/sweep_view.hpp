// A sweep's points as a table of numbers: which alternative of each axis, which value in each column.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace xlate::study {

struct SweepView {
    struct Axis {
        std::string name;
        std::vector<std::string> labels;  ///< of its alternatives, in the order of the study
        bool repeats = false;  ///< its alternatives differ in the seed alone: they are the same question again
    };
    struct Point {
        std::vector<std::size_t> at;  ///< one an axis: index into its labels
        std::vector<double> values;   ///< one a column; not a number: none
    };
    std::vector<Axis> axes;
    std::vector<std::string> columns;
    std::vector<int> better;  ///< of each column: 1 if more is better, -1 if less is, 0 if it cannot be said
    std::vector<Point> points;

    /// The label of a point at the axes for which `wanted(axis)` holds, "strict, 4".
    std::string label(const Point& point, const std::function<bool(std::size_t axis)>& wanted) const;
};

/// Throws nlohmann's exceptions for what a sweep always has and this one has not.
SweepView sweep_view(const nlohmann::ordered_json& sweep);

}  // namespace xlate::study
