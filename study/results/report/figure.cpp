#include "study/results/report/figure.hpp"

#include <cmath>

#include <fmt/format.h>

#include "study/results/numbers.hpp"

namespace xlate::study {

const char* name(Unit unit) {
    switch (unit) {
        case Unit::count:
            return "count";
        case Unit::ns:
            return "ns";
        case Unit::rate:
            return "rate";
        case Unit::share:
            return "share";
    }
    return "count";
}

std::string text_of(Unit unit, double value) {
    if (!std::isfinite(value)) return "–";
    switch (unit) {
        case Unit::count:
            return value == std::floor(value) && std::abs(value) < 1e15 ? table_number(static_cast<std::int64_t>(value))
                                                                        : table_number(value);
        case Unit::ns:
            return span_text(value);
        case Unit::rate:
            return rate_text(value);
        case Unit::share:
            return fmt::format("{:.1f} %", value * 100);
    }
    return {};
}

std::string svg_text(double x, double y, const char* anchor, const std::string& text, const std::string& more) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                       escape_html(text));
}

std::string cut_text(const std::string& text, std::size_t characters) {
    return text.size() <= characters ? text : "…" + text.substr(text.size() - characters + 1);
}

double round_up(double value) {
    if (!(value > 0)) return 1;
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 2.5, 5.0, 10.0}) {
        if (value <= step * power * (1 + 1e-9)) return step * power;
    }
    return 10 * power;
}

std::string figure_html(const Figure& figure, std::size_t number) {
    const std::string title = escape_html(figure.title);
    const std::string description = escape_html(figure.description);
    std::string html =
        fmt::format("<figure class=\"chart\" id=\"f{0}\">\n<figcaption><h3>{1}</h3><p>{2}</p></figcaption>\n", number,
                    title, description);
    if (!figure.legend.empty()) {
        html += "<ul class=\"legend\">";
        for (std::size_t i = 0; i < figure.legend.size(); ++i) {
            html +=
                fmt::format("<li class=\"{}\"{}>{}</li>", series_class(i),
                            figure.chooses ? fmt::format(" data-line=\"{}\"", i) : "", escape_html(figure.legend[i]));
        }
        html += "</ul>\n";
    }
    if (figure.wide)
        html += fmt::format("<div class=\"wide scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">", title);
    html += fmt::format(
        "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-labelledby=\"f{2}-t\" aria-describedby=\"f{2}-d\"{3}>\n"
        "<title id=\"f{2}-t\">{4}</title><desc id=\"f{2}-d\">{5}</desc>\n{6}</svg>\n",
        figure.width, figure.height, number, figure.attributes, title, description, figure.svg);
    if (figure.wide) html += "</div>\n";
    html += figure.before_table;
    if (!figure.table.empty())
        html += fmt::format("<details><summary>Table: {}</summary>\n{}</details>\n", title, figure.table);
    return html + "</figure>\n";
}

}  // namespace xlate::study
