#include "study/results/report/line_chart.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

constexpr double kLeft = 72;
constexpr double kWidth = 430;
constexpr double kTop = 12;
constexpr double kHeight = 190;

std::string joined(const std::vector<double>& values) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i)
        text += (i == 0 ? "" : ",") + (std::isfinite(values[i]) ? fmt::format("{:.6g}", values[i]) : std::string());
    return text;
}

class Drawing {
public:
    explicit Drawing(const LineChart& chart) : chart_(chart) {
        const std::size_t count = chart.places.empty() ? chart.x.size() : chart.places.size();
        for (std::size_t i = 0; i < count; ++i) {
            const double x = chart.places.empty() ? chart.x[i] : static_cast<double>(i);
            x_.push_back(chart.log_x ? std::log10(std::max(x, 1e-3)) : x);
        }
        from_ = x_.empty() ? 0 : x_.front();
        to_ = x_.empty() ? 1 : chart.steps ? chart.end : x_.back();
        if (to_ <= from_) {
            from_ -= 0.5;
            to_ = from_ + 1;
        }
        double highest = 0;
        double lowest = 0;
        for (const LineChart::Series& series : chart.series) {
            for (const std::vector<double>* all : {&series.values, &series.low, &series.high}) {
                for (const double value : *all) {
                    if (!std::isfinite(value)) continue;
                    highest = std::max(highest, value);
                    lowest = std::min(lowest, value);
                }
            }
        }
        top_ = highest > 0 ? round_up(highest) : 0;
        if (chart.unit == Unit::share && highest <= 1 && highest > 0.2) top_ = 1;
        bottom_ = lowest < 0 ? -round_up(-lowest) : 0;
        if (top_ <= bottom_) top_ = bottom_ + 1;
    }

    std::string attributes() const {
        std::string text =
            fmt::format(" data-domain=\"{:.8g},{:.8g}\" data-unit=\"{}\" data-xunit=\"{}\" data-x=\"{}\"", from_, to_,
                        name(chart_.unit), name(chart_.x_unit), joined(x_));
        if (chart_.log_x) text += " data-xscale=\"log\"";
        if (!chart_.places.empty())
            text += " data-labels=\"" + escape_html(nlohmann::json(chart_.places).dump()) + "\"";
        return text;
    }

    std::string svg() const {
        std::string svg = axes();
        svg += fmt::format(
            "<svg class=\"plot\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" viewBox=\"0 0 1000 1000\" "
            "preserveAspectRatio=\"none\">\n",
            kLeft, kTop, kWidth, kHeight);
        for (std::size_t i = 0; i < chart_.series.size(); ++i) svg += line(i);
        svg += "</svg>\n";
        if (chart_.dots) {
            for (std::size_t i = 0; i < chart_.series.size(); ++i) svg += dots(i);
        }
        svg += fmt::format("<line class=\"cross\" y1=\"{0}\" y2=\"{1}\" x1=\"{2}\" x2=\"{2}\"/>\n", kTop,
                           kTop + kHeight, kLeft);
        return svg + fmt::format("<rect class=\"zone\" x=\"{}\" y=\"{}\" width=\"0\" height=\"{}\"/>\n", kLeft, kTop,
                                 kHeight);
    }

    std::string table() const {
        std::vector<std::string> heads{chart_.x_name};
        for (const LineChart::Series& series : chart_.series) {
            heads.push_back(series.name);
            if (!series.low.empty()) {
                heads.push_back(series.name + ", least");
                heads.push_back(series.name + ", most");
            }
        }
        HtmlTable table(chart_.title, std::move(heads));
        std::vector<std::size_t> places = chart_.table_places;
        for (std::size_t i = 0; places.size() < x_.size() && chart_.table_places.empty(); ++i) places.push_back(i);
        for (const std::size_t i : places) {
            std::vector<std::string> row{chart_.places.empty() ? text_of(chart_.x_unit, chart_.x[i])
                                                               : chart_.places[i]};
            for (const LineChart::Series& series : chart_.series) {
                row.push_back(text_of(chart_.unit, series.values[i]));
                if (series.low.empty()) continue;
                row.push_back(text_of(chart_.unit, series.low[i]));
                row.push_back(text_of(chart_.unit, series.high[i]));
            }
            table.add(std::move(row));
        }
        return table.html();
    }

private:
    double across(double x) const { return (x - from_) / (to_ - from_); }
    double down(double value) const { return 1 - (value - bottom_) / (top_ - bottom_); }

    std::string axes() const {
        std::string svg;
        for (int tick = 0; tick <= 4; ++tick) {
            const double value = bottom_ + (top_ - bottom_) * tick / 4;
            const double y = kTop + down(value) * kHeight;
            svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft,
                               kLeft + kWidth, y, y);
            const std::string label =
                chart_.unit == Unit::count ? fmt::format("{:g}", value) : tick_text(text_of(chart_.unit, value));
            svg += svg_text(kLeft - 6, y + 4, "end", label, " class=\"dim\"");
        }
        if (!chart_.places.empty()) {
            const std::size_t every = std::max<std::size_t>(1, (x_.size() + 7) / 8);
            for (std::size_t i = 0; i < x_.size(); i += every)
                svg += svg_text(kLeft + across(x_[i]) * kWidth, kTop + kHeight + 18,
                                x_.size() > 1 && i + 1 == x_.size() ? "end" : "middle", cut_text(chart_.places[i], 10),
                                fmt::format(" class=\"dim\" data-at=\"0\" data-place=\"{}\"", i));
            return svg;
        }
        for (int tick = 0; tick <= 4; ++tick) {
            const double x = from_ + (to_ - from_) * tick / 4;
            svg += svg_text(kLeft + kWidth * tick / 4, kTop + kHeight + 18,
                            tick == 4   ? "end"
                            : tick == 0 ? "start"
                                        : "middle",
                            tick_text(text_of(chart_.x_unit, chart_.log_x ? std::pow(10.0, x) : x)),
                            fmt::format(" class=\"dim\" data-at=\"{:g}\"", tick / 4.0));
        }
        return svg;
    }

    std::string line(std::size_t number) const {
        const LineChart::Series& series = chart_.series[number];
        std::string svg = fmt::format("<g class=\"{}\" data-line=\"{}\" data-name=\"{}\" data-y=\"{}\">",
                                      series_class(number), number, escape_html(series.name), joined(series.values));
        if (!series.low.empty()) {
            std::string points;
            for (std::size_t i = 0; i < x_.size(); ++i) points += point(i, series.high[i]);
            for (std::size_t i = x_.size(); i-- > 0;) points += point(i, series.low[i]);
            svg += "<polygon class=\"band\" points=\"" + points + "\"/>";
        }
        std::string points;
        const auto end_line = [&] {
            if (!points.empty())
                svg += fmt::format("<polyline class=\"line{}\" vector-effect=\"non-scaling-stroke\" points=\"{}\"/>",
                                   series.dashed ? " dash" : "", points);
            points.clear();
        };
        for (std::size_t i = 0; i < series.values.size(); ++i) {
            if (!std::isfinite(series.values[i])) {
                end_line();
                continue;
            }
            points += point(i, series.values[i]);
            if (!chart_.steps) continue;
            const double next = i + 1 < x_.size() ? x_[i + 1] : to_;
            points += fmt::format("{:.2f},{:.1f} ", across(next) * 1000, down(series.values[i]) * 1000);
        }
        end_line();
        return svg + "</g>\n";
    }

    std::string point(std::size_t i, double value) const {
        if (!std::isfinite(value)) return {};
        return fmt::format("{:.2f},{:.1f} ", across(x_[i]) * 1000, down(value) * 1000);
    }

    std::string dots(std::size_t number) const {
        const LineChart::Series& series = chart_.series[number];
        std::string svg = fmt::format("<g class=\"{}\" data-line=\"{}\">", series_class(number), number);
        for (std::size_t i = 0; i < series.values.size(); ++i) {
            if (!std::isfinite(series.values[i])) continue;
            svg += fmt::format(
                "<circle class=\"fill\" data-dot=\"\" data-place=\"{:.6g}\" cx=\"{:.1f}\" cy=\"{:.1f}\" "
                "r=\"3.5\"><title>{} {}: {}</title></circle>\n",
                x_[i], kLeft + across(x_[i]) * kWidth, kTop + down(series.values[i]) * kHeight,
                escape_html(series.name),
                escape_html(chart_.places.empty() ? text_of(chart_.x_unit, chart_.x[i]) : chart_.places[i]),
                text_of(chart_.unit, series.values[i]));
        }
        return svg + "</g>\n";
    }

    const LineChart& chart_;
    std::vector<double> x_;
    double from_ = 0;
    double to_ = 1;
    double top_ = 1;
    double bottom_ = 0;
};

}  // namespace

std::string chart_html(const LineChart& chart, std::size_t number) {
    const Drawing drawing(chart);
    Figure figure;
    figure.title = chart.title;
    figure.description = chart.description;
    if (chart.series.size() > 1) {
        for (const LineChart::Series& series : chart.series) figure.legend.push_back(series.name);
        figure.chooses = true;
    }
    figure.attributes = drawing.attributes();
    figure.svg = drawing.svg();
    figure.table = drawing.table();
    return figure_html(figure, number);
}

}  // namespace xlate::study
