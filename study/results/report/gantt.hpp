// Rows of stretches and moments on one line of time: who did what when.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/figure.hpp"

namespace xlate::study {

struct Gantt {
    std::string title;
    std::string description;
    std::vector<std::string> kinds;  ///< of stretches and moments: their colours
    struct Stretch {
        double from;
        double to;  ///< ns; the same: a moment
        std::size_t kind;
        std::string label;  ///< "driver bound", "swapper/0"
    };
    struct Row {
        std::string name;
        std::vector<Stretch> stretches;  ///< by their beginning
    };
    std::vector<Row> rows;
    double end = 0;     ///< of the line; 0: the last stretch
    std::string table;  ///< HTML
};
std::string chart_html(const Gantt& gantt, std::size_t number);

}  // namespace xlate::study
