// The pieces of a report: one HTML file that needs nothing else, no script, readable in light and dark.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace xlate::study {

/// For text and quoted attributes; control characters become \xNN.
std::string escape_html(const std::string& text);

/// The file around its body.
std::string html_page(const std::string& title, const std::string& body);

/// The first `left` columns are flush left, the others right. Cells are escaped.
class HtmlTable {
public:
    explicit HtmlTable(std::vector<std::string> heads, std::size_t left = 1) : heads_(std::move(heads)), left_(left) {}
    /// `marks`: the row stands out as a problem.
    void add(std::vector<std::string> cells, bool marks = false) { rows_.push_back({std::move(cells), marks}); }
    bool empty() const { return rows_.empty(); }
    std::string html() const;

private:
    struct Row {
        std::vector<std::string> cells;
        bool marks;
    };
    std::vector<std::string> heads_;
    std::size_t left_;
    std::vector<Row> rows_;
};

/// Horizontal bars of several parts each, with a legend. Values: of one unit, not negative.
struct StackedBars {
    std::vector<std::string> parts;
    struct Bar {
        std::string name;
        std::vector<double> values;  ///< one a part
        std::string total;           ///< written behind the bar
    };
    std::vector<Bar> bars;
};
std::string svg_of(const StackedBars& bars);

/// A line for each series over places of equal distance.
struct LineChart {
    std::string title;
    std::vector<std::string> places;
    struct Series {
        std::string name;
        std::vector<double> values;  ///< one a place; not a number: none
    };
    std::vector<Series> series;
};
std::string svg_of(const LineChart& chart);

/// Moments on one line of time a name, in ns.
struct MomentChart {
    struct Row {
        std::string name;
        std::vector<std::pair<double, std::size_t>> moments;  ///< and which kind
    };
    std::vector<std::string> kinds;
    std::vector<Row> rows;
};
std::string svg_of(const MomentChart& chart);

}  // namespace xlate::study
