// Lines over time, over sizes (logarithmic) or over named places; with a band, if a line is a mean of several.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/figure.hpp"

namespace xlate::study {

struct LineChart {
    std::string title;
    std::string description;
    Unit unit = Unit::count;          ///< of the values
    Unit x_unit = Unit::ns;           ///< of the places
    std::string x_name;               ///< heading of the first column
    std::vector<double> x;            ///< rising; empty: places
    std::vector<std::string> places;  ///< of equal distance
    bool log_x = false;               ///< x > 0
    bool steps = false;               ///< a value holds from its place to the next: `x` has the beginnings
    double end = 0;                   ///< with steps: where the last one ends
    struct Series {
        std::string name;
        std::vector<double> values;  ///< one a place; not a number: none
        std::vector<double> low;     ///< a band around it; empty: none
        std::vector<double> high;
        bool dashed = false;
    };
    std::vector<Series> series;
    bool dots = false;
    std::vector<std::size_t> table_places;  ///< empty: all
};

std::string chart_html(const LineChart& chart, std::size_t number);

}  // namespace xlate::study
