#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "base/error.hpp"
#include "study/results/files.hpp"
#include "study/results/json_file.hpp"
#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/report.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostSeries = 8;
constexpr std::size_t kMostPlaces = 200;
constexpr std::size_t kMostRows = 2000;

/// The last axis lies on the line; every combination of the others is a series.
struct Layout {
    std::vector<std::string> places;
    std::vector<std::string> series;
    std::vector<std::size_t> place_of;   ///< of each point
    std::vector<std::size_t> series_of;  ///< the same
};

std::size_t index_of(std::vector<std::string>& names, const std::string& name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return i;
    }
    names.push_back(name);
    return names.size() - 1;
}

Layout layout_of(const Json& sweep) {
    Layout layout;
    for (const Json& point : sweep.at("points")) {
        const Json& labels = point.at("labels");
        std::string place;
        std::string series;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            const std::string label = labels[i].get<std::string>();
            if (i + 1 == labels.size()) {
                place = label;
            } else {
                series += (series.empty() ? "" : ", ") + label;
            }
        }
        layout.place_of.push_back(index_of(layout.places, place));
        layout.series_of.push_back(index_of(layout.series, series));
    }
    return layout;
}

std::string charts(const Json& sweep) {
    const Layout layout = layout_of(sweep);
    if (layout.places.size() < 2 || layout.places.size() > kMostPlaces) return "";
    const Json& points = sweep.at("points");
    std::string html;
    for (std::size_t column = 0; column < sweep.at("columns").size(); ++column) {
        LineChart chart;
        chart.title = sweep.at("columns")[column].at("name").get<std::string>();
        chart.places = layout.places;
        for (std::size_t i = 0; i < layout.series.size() && i < kMostSeries; ++i) {
            chart.series.push_back({layout.series[i], std::vector<double>(layout.places.size(),
                                                                          std::numeric_limits<double>::quiet_NaN())});
        }
        bool some = false;
        for (std::size_t i = 0; i < points.size(); ++i) {
            const Json& value = points[i].at("values").at(column);
            if (!value.is_number() || layout.series_of[i] >= chart.series.size()) continue;
            chart.series[layout.series_of[i]].values[layout.place_of[i]] = value.get<double>();
            some = true;
        }
        if (some) html += svg_of(chart);
    }
    if (html.empty()) return "";
    const Json& axes = sweep.at("axes");
    const std::string axis = axes.empty() ? "" : axes.at(axes.size() - 1).get<std::string>();
    std::string note = "over " + axis;
    if (layout.series.size() > kMostSeries)
        note += fmt::format("; the first {} of {} lines", kMostSeries, layout.series.size());
    return "<p class=\"dim\">" + escape_html(note) + "</p>\n<div class=\"charts\">\n" + html + "</div>\n";
}

std::string table(const Json& sweep) {
    std::vector<std::string> heads;
    for (const Json& axis : sweep.at("axes")) heads.push_back(axis.get<std::string>());
    for (const Json& column : sweep.at("columns")) heads.push_back(column.at("name").get<std::string>());
    heads.emplace_back("");
    HtmlTable table(std::move(heads), sweep.at("axes").size());
    const Json& points = sweep.at("points");
    for (std::size_t i = 0; i < points.size() && i < kMostRows; ++i) {
        const Json& point = points[i];
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
    if (points.size() > kMostRows)
        html += fmt::format("<p class=\"dim\">… and {} more in sweep.json</p>\n", points.size() - kMostRows);
    return html;
}

}  // namespace

std::string sweep_report(const Json& sweep) {
    const std::string name = sweep.at("name").get<std::string>();
    std::size_t odd = 0;
    for (const Json& point : sweep.at("points")) {
        if (point.at("state") != "done" || !point.at("failed").empty()) ++odd;
    }
    std::string body =
        "<h1>" + escape_html(name) + "</h1>\n<p class=\"facts\">" +
        escape_html(fmt::format("{} points of {}", sweep.at("points").size(), sweep.at("study").get<std::string>())) +
        "<br><a href=\"sweep.json\">sweep.json</a> · <a href=\"table.md\">table.md</a></p>\n";
    if (odd != 0) body += fmt::format("<p class=\"bad\">{} of them failed or have no result</p>\n", odd);
    for (const Json& note : sweep.value("notes", Json::array()))
        body += "<p>" + escape_html(note.get<std::string>()) + "</p>\n";
    return html_page(name, body + charts(sweep) + "<h2>Points</h2>\n" + table(sweep));
}

std::string write_report(const std::string& directory) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    const bool is_sweep = fs::exists(directory + "/sweep.json", ignored);
    const std::string file = directory + (is_sweep ? "/sweep.json" : "/result.json");
    const Json json = read_json_file(file, is_sweep ? "xlate.sweep/1" : "xlate.result/1");
    try {
        write_files(directory, {{"report.html", is_sweep ? sweep_report(json) : run_report(json)}});
    } catch (const nlohmann::json::exception& error) {
        throw InputError(
            Diagnostic{{file, {}, {}, {}}, "", fmt::format("is incomplete: {}", printable(error.what())), "", ""});
    }
    return directory + "/report.html";
}

}  // namespace xlate::study
