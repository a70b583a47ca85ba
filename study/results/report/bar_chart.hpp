// Horizontal bars of several parts each: where time went.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/figure.hpp"

namespace xlate::study {

/// Values: of one unit, not negative.
struct StackedBars {
    std::string title;
    std::string description;
    Unit unit = Unit::ns;
    std::string of;  ///< heading of the first column of its table: what a bar is
    std::vector<std::string> parts;
    struct Bar {
        std::string name;
        std::vector<double> values;  ///< one a part
        std::string total;           ///< written behind the bar
    };
    std::vector<Bar> bars;
};
std::string chart_html(const StackedBars& bars, std::size_t number);

}  // namespace xlate::study
