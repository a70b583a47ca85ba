#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/line_chart.hpp"
#include "study/results/report/report.hpp"
#include "study/results/report/scatter_chart.hpp"
#include "study/results/report/sweep_effects.hpp"
#include "study/results/report/sweep_view.hpp"
#include "study/results/spread.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostSeries = 8;
constexpr std::size_t kMostPlaces = 200;
constexpr std::size_t kMostRows = 2000;
constexpr std::size_t kMostCharts = 96;
constexpr std::size_t kMostScatters = 3;

class SweepPage {
public:
    explicit SweepPage(const Json& sweep) : sweep_(sweep), view_(sweep_view(sweep)) {}

    std::string body() {
        // The last axis first: it lies on the line in the study's own table.
        std::string charts;
        for (std::size_t axis = view_.axes.size(); axis-- > 0;) {
            if (!view_.axes[axis].repeats) charts += over(axis);
        }
        return head() + charts + fronts() + effects() + heading("Points") + points();
    }

private:
    template <class Chart>
    std::string add(const Chart& chart) {
        return chart_html(chart, ++figures_);
    }

    std::string head() const {
        const std::string name = sweep_.at("name").get<std::string>();
        std::size_t odd = 0;
        for (const Json& point : sweep_.at("points")) {
            if (point.at("state") != "done" || !point.at("failed").empty()) ++odd;
        }
        std::string html = "<h1>" + escape_html(name) + "</h1>\n<p class=\"facts\">" +
                           escape_html(fmt::format("{} points of {}", sweep_.at("points").size(),
                                                   sweep_.at("study").get<std::string>())) +
                           "<br><a href=\"sweep.json\">sweep.json</a> · <a href=\"table.md\">table.md</a></p>\n";
        if (odd != 0) html += fmt::format("<p class=\"bad\">{} of them failed or have no result</p>\n", odd);
        for (const Json& note : sweep_.value("notes", Json::array()))
            html += "<p>" + escape_html(note.get<std::string>()) + "</p>\n";
        return html;
    }

    /// Every column over this axis: a line for each combination of the others, a mean and a band over repetitions.
    std::string over(std::size_t axis) {
        const SweepView::Axis& along = view_.axes[axis];
        if (along.labels.size() < 2 || along.labels.size() > kMostPlaces) return "";
        std::vector<std::string> lines;
        std::map<std::string, std::vector<const SweepView::Point*>> members;
        for (const SweepView::Point& point : view_.points) {
            const std::string line =
                view_.label(point, [&](std::size_t i) { return i != axis && !view_.axes[i].repeats; });
            if (members[line].empty()) lines.push_back(line);
            members[line].push_back(&point);
        }
        std::string html;
        for (std::size_t column = 0; column < view_.columns.size() && figures_ < kMostCharts; ++column) {
            LineChart chart;
            chart.title = view_.columns[column] + " over " + along.name;
            chart.description = says(axis, lines.size());
            chart.places = along.labels;
            chart.x_name = along.name;
            chart.dots = true;
            for (std::size_t i = 0; i < lines.size() && i < kMostSeries; ++i) {
                LineChart::Series series = line_of(members[lines[i]], axis, column);
                series.name = lines[i].empty() ? view_.columns[column] : lines[i];
                if (std::any_of(series.values.begin(), series.values.end(), [](double v) { return std::isfinite(v); }))
                    chart.series.push_back(std::move(series));
            }
            if (!chart.series.empty()) html += add(chart);
        }
        if (html.empty()) return "";
        return heading("Over " + along.name) + "<div class=\"charts\">\n" + html + "</div>\n";
    }

    std::string says(std::size_t axis, std::size_t lines) const {
        std::string others;
        std::string repeated;
        for (std::size_t i = 0; i < view_.axes.size(); ++i) {
            if (i == axis) continue;
            std::string& names = view_.axes[i].repeats ? repeated : others;
            names += (names.empty() ? "" : ", ") + view_.axes[i].name;
        }
        std::string text = others.empty() ? "" : "A line for each " + others + ".";
        if (lines > kMostSeries) text += fmt::format(" The first {} of {} lines.", kMostSeries, lines);
        if (!repeated.empty()) text += " The mean over " + repeated + ", with a band from the least to the most.";
        return text;
    }

    LineChart::Series line_of(const std::vector<const SweepView::Point*>& points, std::size_t axis,
                              std::size_t column) const {
        std::vector<std::vector<double>> found(view_.axes[axis].labels.size());
        for (const SweepView::Point* point : points) {
            if (std::isfinite(point->values[column])) found[point->at[axis]].push_back(point->values[column]);
        }
        LineChart::Series series;
        bool repeated = false;
        for (const std::vector<double>& values : found) repeated = repeated || values.size() > 1;
        for (const std::vector<double>& values : found) {
            const Spread spread = Spread::of(values);
            const double none = std::numeric_limits<double>::quiet_NaN();
            series.values.push_back(spread.count == 0 ? none : spread.mean);
            if (!repeated) continue;
            series.low.push_back(spread.count == 0 ? none : spread.least);
            series.high.push_back(spread.count == 0 ? none : spread.most);
        }
        return series;
    }

    /// Pairs of columns that have a direction: the first with each of the next ones.
    std::string fronts() {
        std::vector<std::size_t> directed;
        for (std::size_t i = 0; i < view_.columns.size(); ++i) {
            if (view_.better[i] != 0) directed.push_back(i);
        }
        std::string html;
        for (std::size_t i = 1; i < directed.size() && i <= kMostScatters && view_.points.size() > 2; ++i) {
            const std::vector<std::size_t> front = pareto_front(view_, directed[0], directed[i]);
            if (front.empty()) continue;
            ScatterChart chart;
            chart.x_name = view_.columns[directed[0]];
            chart.y_name = view_.columns[directed[i]];
            chart.title = chart.y_name + " against " + chart.x_name;
            chart.description =
                fmt::format("Pareto front: the points that no other beats in both; {} is better in {}, {} in {}.",
                            view_.better[directed[0]] > 0 ? "more" : "less", chart.x_name,
                            view_.better[directed[i]] > 0 ? "more" : "less", chart.y_name);
            const auto all = [](std::size_t) { return true; };
            const auto add_point = [&](std::size_t point, bool stands_out) {
                const SweepView::Point& one = view_.points[point];
                if (std::isfinite(one.values[directed[0]]) && std::isfinite(one.values[directed[i]]))
                    chart.points.push_back(
                        {view_.label(one, all), one.values[directed[0]], one.values[directed[i]], stands_out});
            };
            for (const std::size_t point : front) add_point(point, true);
            for (std::size_t point = 0; point < view_.points.size() && point < kMostRows; ++point) {
                if (std::find(front.begin(), front.end(), point) == front.end()) add_point(point, false);
            }
            html += add(chart);
        }
        return html.empty() ? "" : heading("Trade-offs") + "<div class=\"charts\">\n" + html + "</div>\n";
    }

    std::string effects() const {
        if (view_.axes.empty() || view_.points.size() < 2) return "";
        std::vector<std::string> heads{"effect on"};
        for (const SweepView::Axis& axis : view_.axes) heads.push_back(axis.name);
        HtmlTable main("Main effects", std::move(heads));
        HtmlTable shares("What explains the differences", {"in column", "largest", "share", "next", "its share"}, 1);
        for (std::size_t column = 0; column < view_.columns.size(); ++column) {
            Effects effects = effects_of(view_, column);
            std::vector<std::string> row{view_.columns[column]};
            for (const double effect : effects.main) row.push_back(text_of(Unit::share, effect));
            main.add(std::move(row));
            std::stable_sort(effects.shares.begin(), effects.shares.end(),
                             [](const auto& a, const auto& b) { return a.share > b.share; });
            std::vector<std::string> explained{view_.columns[column]};
            for (std::size_t i = 0; i < 2; ++i) {
                const bool there = i < effects.shares.size();
                explained.push_back(there ? effects.shares[i].of : "–");
                explained.push_back(there ? text_of(Unit::share, effects.shares[i].share) : "–");
            }
            shares.add(std::move(explained));
        }
        if (main.empty()) return "";
        std::string html =
            heading("Main effects and interactions") +
            "<p class=\"dim\">By how much the mean of a column moves along an axis, over the mean of all "
            "points.</p>\n" +
            main.html();
        if (view_.axes.size() > 1)
            html +=
                "<p class=\"dim\">Shares of the variance: of an axis alone, of two together beyond that (a x b), or "
                "the "
                "rest.</p>\n" +
                shares.html();
        return html;
    }

    std::string points() const {
        std::vector<std::string> heads;
        for (const Json& axis : sweep_.at("axes")) heads.push_back(axis.get<std::string>());
        for (const Json& column : sweep_.at("columns")) heads.push_back(column.at("name").get<std::string>());
        heads.emplace_back("note");
        HtmlTable table("Points", std::move(heads), std::max<std::size_t>(1, view_.axes.size()));
        const Json& all = sweep_.at("points");
        for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i) {
            const Json& point = all[i];
            std::vector<std::string> cells;
            for (const Json& label : point.at("labels")) cells.push_back(label.get<std::string>());
            for (const Json& value : point.at("values")) cells.push_back(table_number(value));
            std::string note = point.at("state").get<std::string>();
            if (note == "broken") note = fmt::format("status {}", point.at("status").dump());
            if (note == "done") note.clear();
            for (const Json& failed : point.at("failed"))
                note += (note.empty() ? "fails: " : "; ") + failed.get<std::string>();
            cells.push_back(note);
            table.add(std::move(cells), !note.empty());
        }
        std::string html = table.html();
        if (all.size() > kMostRows)
            html += fmt::format("<p class=\"dim\">… and {} more in sweep.json</p>\n", all.size() - kMostRows);
        return html;
    }

    const Json& sweep_;
    const SweepView view_;
    std::size_t figures_ = 0;
};

}  // namespace

std::string sweep_report(const Json& sweep) {
    return html_page(sweep.at("name").get<std::string>(), SweepPage(sweep).body());
}

}  // namespace xlate::study
