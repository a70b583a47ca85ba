#include "study/results/report/html.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

// Told apart also by readers who see few colours; in this order (Okabe and Ito's, without black).
constexpr const char* kColors[] = {"#0072B2", "#E69F00", "#009E73", "#D55E00",
                                   "#56B4E9", "#CC79A7", "#8C8C3C", "#7A5FA8"};
constexpr std::size_t kColorCount = std::size(kColors);

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6470; --line: #d5dae0; --paper: #ffffff; --bad: #b3261e; --good: #1a7f37; --band: #f5f7f9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --dim: #9aa4b0; --line: #39414b; --paper: #14181d; --bad: #ff8a80; --good: #7ee29a; --band: #1c2229; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1120px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: 1rem 0 .25rem; }
p.facts, .dim { color: var(--dim); } code { font: .9em ui-monospace, monospace; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .75rem .2rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th.left, td.left { text-align: left; } th { color: var(--dim); font-weight: 600; }
tr.bad td { color: var(--bad); } .bad { color: var(--bad); } .good { color: var(--good); }
ul { padding-left: 1.2rem; margin: .25rem 0; } .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1.25rem; }
figure { margin: 0; } svg { max-width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .dim { fill: var(--dim); }
svg .grid { stroke: var(--line); } .legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .85rem; margin: .25rem 0; }
.legend span::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; background: var(--c); }
)";

const char* color(std::size_t i) { return kColors[i % kColorCount]; }

std::string legend(const std::vector<std::string>& names) {
    std::string html = "<div class=\"legend\">";
    for (std::size_t i = 0; i < names.size(); ++i)
        html += fmt::format("<span style=\"--c:{}\">{}</span>", color(i), escape_html(names[i]));
    return html + "</div>\n";
}

std::string svg_text(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                       escape_html(text));
}

/// Short enough for `width` of the picture.
std::string cut(const std::string& text, std::size_t characters) {
    return text.size() <= characters ? text : "…" + text.substr(text.size() - characters + 1);
}

/// The next of 1, 2, 5, 10, 20, ... times a power of ten.
double round_up(double value) {
    if (!(value > 0)) return 1;
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 2.5, 5.0, 10.0}) {
        if (value <= step * power * (1 + 1e-9)) return step * power;
    }
    return 10 * power;
}

}  // namespace

std::string escape_html(const std::string& text) {
    std::string safe;
    for (const char c : printable(text)) {
        if (c == '<') {
            safe += "&lt;";
        } else if (c == '>') {
            safe += "&gt;";
        } else if (c == '&') {
            safe += "&amp;";
        } else if (c == '"') {
            safe += "&quot;";
        } else if (c == '\'') {
            safe += "&#39;";
        } else {
            safe += c;
        }
    }
    return safe;
}

std::string html_page(const std::string& title, const std::string& body) {
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escape_html(title), kStyle, body);
}

std::string HtmlTable::html() const {
    const auto row_of = [this](const char* tag, const std::vector<std::string>& cells) {
        std::string html;
        for (std::size_t i = 0; i < cells.size(); ++i)
            html += fmt::format("<{0}{1}>{2}</{0}>", tag, i < left_ ? " class=\"left\"" : "", escape_html(cells[i]));
        return html + "</tr>\n";
    };
    std::string html = "<div class=\"wide\"><table>\n<tr>" + row_of("th", heads_);
    for (const Row& row : rows_) html += (row.marks ? "<tr class=\"bad\">" : "<tr>") + row_of("td", row.cells);
    return html + "</table></div>\n";
}

std::string svg_of(const StackedBars& bars) {
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
    const double height = kRow * static_cast<double>(bars.bars.size()) + 6;
    std::string svg = legend(bars.parts) + fmt::format("<svg viewBox=\"0 0 960 {:.0f}\" role=\"img\">\n", height);
    double y = 4;
    for (const StackedBars::Bar& bar : bars.bars) {
        svg += svg_text(kLeft - 8, y + 15, "end", cut(bar.name, 26));
        double x = kLeft;
        for (std::size_t i = 0; i < bar.values.size(); ++i) {
            const double width = bar.values[i] / longest * kWidth;
            if (width < 0.05) continue;
            svg += fmt::format(
                "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"20\" fill=\"{}\"><title>{} {}: "
                "{}</title></rect>\n",
                x, y, width, color(i), escape_html(bar.name), escape_html(bars.parts[i]), span_text(bar.values[i]));
            x += width;
        }
        svg += svg_text(x + 8, y + 15, "start", bar.total, " class=\"dim\"");
        y += kRow;
    }
    return svg + "</svg>\n";
}

std::string svg_of(const LineChart& chart) {
    constexpr double kLeft = 62;
    constexpr double kRight = 470;
    constexpr double kTop = 14;
    constexpr double kBottom = 210;
    double highest = 0;
    double lowest = 0;
    for (const LineChart::Series& series : chart.series) {
        for (const double value : series.values) {
            if (!std::isfinite(value)) continue;
            highest = std::max(highest, value);
            lowest = std::min(lowest, value);
        }
    }
    const double top = highest > 0 ? round_up(highest) : 0;
    const double bottom = lowest < 0 ? -round_up(-lowest) : 0;
    const double range = top > bottom ? top - bottom : 1;
    const double steps = std::max(1.0, static_cast<double>(chart.places.size()) - 1);
    const auto x_of = [&](std::size_t place) {
        return chart.places.size() == 1 ? (kLeft + kRight) / 2
                                        : kLeft + static_cast<double>(place) / steps * (kRight - kLeft);
    };
    const auto y_of = [&](double value) { return kBottom - (value - bottom) / range * (kBottom - kTop); };
    std::string svg = "<figure><h3>" + escape_html(chart.title) + "</h3>\n";
    if (chart.series.size() > 1) {
        std::vector<std::string> names;
        for (const LineChart::Series& series : chart.series) names.push_back(series.name);
        svg += legend(names);
    }
    svg += "<svg viewBox=\"0 0 500 240\" role=\"img\">\n";
    for (int line = 0; line <= 4; ++line) {
        const double value = bottom + range * line / 4;
        svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft, kRight,
                           y_of(value), y_of(value));
        svg += svg_text(kLeft - 6, y_of(value) + 4, "end", fmt::format("{:g}", value), " class=\"dim\"");
    }
    const std::size_t every = std::max<std::size_t>(1, (chart.places.size() + 7) / 8);
    for (std::size_t place = 0; place < chart.places.size(); place += every)
        svg += svg_text(x_of(place), kBottom + 18, "middle", cut(chart.places[place], 10), " class=\"dim\"");
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
        const LineChart::Series& series = chart.series[i];
        std::string points;
        std::string dots;
        const auto end_line = [&] {
            if (!points.empty())
                svg += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"{}\"/>\n",
                                   color(i), points);
            points.clear();
        };
        for (std::size_t place = 0; place < series.values.size(); ++place) {
            if (!std::isfinite(series.values[place])) {
                end_line();
                continue;
            }
            points += fmt::format("{:.1f},{:.1f} ", x_of(place), y_of(series.values[place]));
            dots += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"><title>{} {}: {}</title></circle>\n",
                x_of(place), y_of(series.values[place]), color(i), escape_html(series.name),
                escape_html(chart.places[place]), table_number(series.values[place]));
        }
        end_line();
        svg += dots;
    }
    return svg + "</svg></figure>\n";
}

std::string svg_of(const MomentChart& chart) {
    constexpr double kLeft = 190;
    constexpr double kWidth = 700;
    constexpr double kRow = 22;
    double last = 0;
    for (const MomentChart::Row& row : chart.rows) {
        for (const auto& moment : row.moments) last = std::max(last, moment.first);
    }
    const double end = round_up(last);
    const double height = kRow * static_cast<double>(chart.rows.size()) + 28;
    std::string svg = legend(chart.kinds) + fmt::format("<svg viewBox=\"0 0 960 {:.0f}\" role=\"img\">\n", height);
    for (int line = 0; line <= 4; ++line) {
        const double x = kLeft + kWidth * line / 4;
        svg += fmt::format("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"0\" y2=\"{1:.1f}\"/>\n", x,
                           height - 22);
        svg += svg_text(x, height - 6, "middle", span_text(end * line / 4), " class=\"dim\"");
    }
    double y = 2;
    for (const MomentChart::Row& row : chart.rows) {
        svg += svg_text(kLeft - 8, y + 14, "end", cut(row.name, 26));
        for (const auto& [at, kind] : row.moments) {
            svg += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"><title>{} {}: {}</title></circle>\n",
                kLeft + at / end * kWidth, y + 10, color(kind), escape_html(row.name), escape_html(chart.kinds[kind]),
                span_text(at));
        }
        y += kRow;
    }
    return svg + "</svg>\n";
}

}  // namespace xlate::study
