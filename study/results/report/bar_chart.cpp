#include "study/results/report/bar_chart.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace xlate::study {

std::string chart_html(const StackedBars& bars, std::size_t number) {
    constexpr double kLeft = 190;
    constexpr double kWidth = 640;
    constexpr double kRow = 26;
    double longest = 0;
    for (const StackedBars::Bar& bar : bars.bars) {
        double sum = 0;
        for (const double value : bar.values) sum += value;
        longest = std::max(longest, sum);
    }
    if (longest <= 0) longest = 1;
    std::vector<std::string> heads{bars.of};
    heads.insert(heads.end(), bars.parts.begin(), bars.parts.end());
    heads.emplace_back("sum");
    HtmlTable table(bars.title, std::move(heads));
    Figure figure;
    figure.title = bars.title;
    figure.description = bars.description;
    if (bars.parts.size() > 1) figure.legend = bars.parts;
    figure.width = 960;
    figure.height = kRow * static_cast<double>(bars.bars.size()) + 6;
    figure.wide = true;
    double y = 4;
    for (const StackedBars::Bar& bar : bars.bars) {
        figure.svg += svg_text(kLeft - 8, y + 15, "end", cut_text(bar.name, 26));
        double x = kLeft;
        std::vector<std::string> row{bar.name};
        for (std::size_t i = 0; i < bar.values.size(); ++i) {
            const double width = bar.values[i] / longest * kWidth;
            row.push_back(text_of(bars.unit, bar.values[i]));
            if (width < 0.05) continue;
            figure.svg += fmt::format(
                "<rect class=\"fill {}\" x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"20\"><title>{} {}: "
                "{}</title></rect>\n",
                series_class(i), x, y, width, escape_html(bar.name), escape_html(bars.parts[i]),
                text_of(bars.unit, bar.values[i]));
            x += width;
        }
        figure.svg += svg_text(x + 8, y + 15, "start", bar.total, " class=\"dim\"");
        row.push_back(bar.total);
        table.add(std::move(row));
        y += kRow;
    }
    figure.table = table.html();
    return figure_html(figure, number);
}

}  // namespace xlate::study
