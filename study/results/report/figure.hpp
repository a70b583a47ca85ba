// A picture in a report: it has a name, a description, a legend, and its values as a table.
#pragma once

#include <string>
#include <vector>

#include "study/results/report/html.hpp"

namespace xlate::study {

/// What a number means, and so how it is written. The same words are in script.cpp.
enum class Unit : std::uint8_t { count, ns, rate, share };
const char* name(Unit unit);
/// "812 ns", "12.57 GB/s", "98.0 %", "1,024"; a dash for what is no number.
std::string text_of(Unit unit, double value);

/// Series have eight colours; more begin again.
inline constexpr std::size_t kSeriesColors = 8;
inline std::string series_class(std::size_t i) { return "s" + std::to_string(i % kSeriesColors); }

struct Figure {
    std::string title;
    std::string description;
    std::vector<std::string> legend;  ///< of series, in the order of their colours
    bool chooses = false;             ///< the script may switch parts with data-line off
    double width = 520;
    double height = 240;
    std::string attributes;    ///< of the svg, with a blank before
    std::string svg;           ///< inside of it
    bool wide = false;         ///< scrolls on a narrow screen instead of getting too small to read
    std::string before_table;  ///< HTML
    std::string table;         ///< HTML; empty: what follows is one already
};

/// `number`: of the figures of a page; ids are made of it.
std::string figure_html(const Figure& figure, std::size_t number);

std::string svg_text(double x, double y, const char* anchor, const std::string& text, const std::string& more = "");
/// The end of `text`, if it has more than `characters`.
std::string cut_text(const std::string& text, std::size_t characters);
/// The next of 1, 2, 2.5, 5, 10 times a power of ten.
double round_up(double value);

}  // namespace xlate::study
