#include "study/results/report/scatter_chart.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace xlate::study {

std::string chart_html(const ScatterChart& chart, std::size_t number) {
    constexpr double kLeft = 72;
    constexpr double kWidth = 430;
    constexpr double kTop = 12;
    constexpr double kHeight = 190;
    double most_x = 0;
    double most_y = 0;
    for (const ScatterChart::Point& point : chart.points) {
        most_x = std::max(most_x, point.x);
        most_y = std::max(most_y, point.y);
    }
    most_x = round_up(most_x);
    most_y = round_up(most_y);
    const auto across = [&](double x) { return kLeft + std::max(0.0, x) / most_x * kWidth; };
    const auto down = [&](double y) { return kTop + (1 - std::max(0.0, y) / most_y) * kHeight; };
    Figure figure;
    figure.title = chart.title;
    figure.description = chart.description;
    figure.height = 256;
    for (int tick = 0; tick <= 4; ++tick) {
        const double y = kTop + kHeight - kHeight * tick / 4;
        figure.svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft,
                                  kLeft + kWidth, y, y);
        figure.svg += svg_text(kLeft - 6, y + 4, "end", fmt::format("{:g}", most_y * tick / 4), " class=\"dim\"");
        figure.svg += svg_text(kLeft + kWidth * tick / 4, kTop + kHeight + 18, tick == 4 ? "end" : "middle",
                               fmt::format("{:g}", most_x * tick / 4), " class=\"dim\"");
    }
    figure.svg += svg_text(kLeft + kWidth, kTop + kHeight + 36, "end", chart.x_name + " →", " class=\"dim\"");
    figure.svg += svg_text(4, kTop + kHeight + 36, "start", "↑ " + chart.y_name, " class=\"dim\"");
    HtmlTable table(chart.title, {"point", chart.x_name, chart.y_name, "not beaten"}, 1);
    std::string front;
    std::string dots;
    for (const ScatterChart::Point& point : chart.points) {
        if (point.stands_out) front += fmt::format("{:.1f},{:.1f} ", across(point.x), down(point.y));
        dots += fmt::format(
            "<circle class=\"fill {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}: {}, {}</title></circle>\n",
            point.stands_out ? "s0" : "s6", across(point.x), down(point.y), point.stands_out ? 5 : 3.5,
            escape_html(point.name), text_of(Unit::count, point.x), text_of(Unit::count, point.y));
        table.add({point.name, text_of(Unit::count, point.x), text_of(Unit::count, point.y),
                   point.stands_out ? "yes" : "no"});
    }
    figure.svg += "<polyline class=\"line s0 dash\" points=\"" + front + "\"/>\n" + dots;
    figure.table = table.html();
    return figure_html(figure, number);
}

}  // namespace xlate::study
