// Points of two values each, some of which stand out and are joined: a Pareto front.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/figure.hpp"

namespace xlate::study {

struct ScatterChart {
    std::string title;
    std::string description;
    std::string x_name;
    std::string y_name;
    struct Point {
        std::string name;
        double x;
        double y;
        bool stands_out;
    };
    std::vector<Point> points;  ///< those that stand out by rising x
};
std::string chart_html(const ScatterChart& chart, std::size_t number);

}  // namespace xlate::study
