#include "study/results/report/gantt.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

constexpr double kLeft = 200;
constexpr double kWidth = 740;
constexpr double kRow = 22;

/// Too narrow to be told apart, of one kind and one label: drawn as one.
std::vector<Gantt::Stretch> merged(const std::vector<Gantt::Stretch>& all, double end) {
    std::vector<Gantt::Stretch> few;
    for (const Gantt::Stretch& one : all) {
        const bool joins = !few.empty() && one.to > one.from && few.back().to > few.back().from &&
                           few.back().kind == one.kind && few.back().label == one.label &&
                           one.from - few.back().to < end / 2000;
        if (joins) {
            few.back().to = std::max(few.back().to, one.to);
        } else {
            few.push_back(one);
        }
    }
    return few;
}

}  // namespace

std::string chart_html(const Gantt& gantt, std::size_t number) {
    double end = gantt.end;
    for (const Gantt::Row& row : gantt.rows) {
        for (const Gantt::Stretch& one : row.stretches) end = std::max(end, gantt.end > 0 ? gantt.end : one.to);
    }
    if (end <= 0) end = 1;
    const double body = kRow * static_cast<double>(gantt.rows.size());
    std::string svg;
    for (int tick = 0; tick <= 4; ++tick) {
        const double x = kLeft + kWidth * tick / 4;
        svg +=
            fmt::format("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"0\" y2=\"{1:.1f}\"/>\n", x, body + 4);
        svg += svg_text(x, body + 20, tick == 4 ? "end" : "middle", tick_text(span_text(end * tick / 4)),
                        fmt::format(" class=\"dim\" data-at=\"{:g}\"", tick / 4.0));
    }
    std::string bars;
    std::string dots;
    for (std::size_t i = 0; i < gantt.rows.size(); ++i) {
        const double y = kRow * static_cast<double>(i);
        svg += svg_text(kLeft - 8, y + 15, "end", cut_text(gantt.rows[i].name, 28));
        for (const Gantt::Stretch& one : merged(gantt.rows[i].stretches, end)) {
            if (one.from > end) continue;
            const std::string where =
                one.to > one.from ? fmt::format("{} {}: {} to {}", gantt.rows[i].name, one.label, span_text(one.from),
                                                span_text(one.to))
                                  : fmt::format("{} {}: {}", gantt.rows[i].name, one.label, span_text(one.from));
            const std::string title = "<title>" + escape_html(where) + "</title>";
            if (one.to > one.from) {
                bars += fmt::format(
                    "<rect class=\"span {}\" data-line=\"{}\" vector-effect=\"non-scaling-stroke\" x=\"{:.3f}\" "
                    "y=\"{:.2f}\" width=\"{:.3f}\" height=\"{:.2f}\">{}</rect>\n",
                    series_class(one.kind), one.kind, one.from / end * 1000, (y + 4) / body * 1000,
                    (std::min(one.to, end) - one.from) / end * 1000, (kRow - 8) / body * 1000, title);
            } else {
                dots += fmt::format(
                    "<circle class=\"fill {}\" data-line=\"{}\" data-dot=\"\" data-place=\"{:.8g}\" cx=\"{:.1f}\" "
                    "cy=\"{:.1f}\" r=\"5\">{}</circle>\n",
                    series_class(one.kind), one.kind, one.from, kLeft + one.from / end * kWidth, y + kRow / 2, title);
            }
        }
    }
    svg += fmt::format(
        "<svg class=\"plot\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{:.0f}\" viewBox=\"0 0 1000 1000\" "
        "preserveAspectRatio=\"none\">\n{}</svg>\n{}",
        kLeft, kWidth, body, bars, dots);
    svg += fmt::format("<line class=\"cross\" y1=\"0\" y2=\"{0:.0f}\" x1=\"{1}\" x2=\"{1}\"/>\n", body, kLeft);
    svg += fmt::format("<rect class=\"zone\" x=\"{}\" y=\"0\" width=\"0\" height=\"{:.0f}\"/>\n", kLeft, body);
    Figure figure;
    figure.title = gantt.title;
    figure.description = gantt.description;
    figure.legend = gantt.kinds;
    figure.chooses = true;
    figure.width = 960;
    figure.height = body + 28;
    figure.attributes = fmt::format(" data-domain=\"0,{:.8g}\" data-xunit=\"ns\" data-unit=\"ns\"", end);
    figure.svg = std::move(svg);
    figure.wide = true;
    figure.table = gantt.table;
    return figure_html(figure, number);
}

}  // namespace xlate::study
