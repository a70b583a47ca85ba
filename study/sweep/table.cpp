#include "study/sweep/table.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "study/results/escape.hpp"
#include "study/results/numbers.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string row(const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& cell : cells) text += " " + markdown_cell(cell) + " |";
    return text + "\n";
}

std::string note_of(const Json& point) {
    const auto state = point.at("state").get<std::string>();
    const Json& failed = point.at("failed");
    if (state == "broken")
        return fmt::format("status {}, see {}/run.log", point.at("status").get<int>(),
                           point.at("directory").get<std::string>());
    if (failed.empty()) return state;
    std::string note = fmt::format("fails: {}", failed[0].get<std::string>());
    if (failed.size() > 1) note += fmt::format(" and {} more", failed.size() - 1);
    return note;
}

bool is_odd(const Json& point) { return point.at("state") != "done" || !point.at("failed").empty(); }

/// "1.23 ± 0.04".
std::string spread_text(const Json& value) {
    if (value.is_null()) return "–";
    const std::string mean = table_number(value.at("mean"));
    return value.at("half_width").is_null() ? mean : mean + " ± " + table_number(value.at("half_width"));
}

/// What is odd about a group: how many of its points are.
std::string note_of_group(const Json& points, const Json& labels) {
    std::size_t odd_ones = 0;
    std::string first;
    for (const Json& point : points) {
        Json own = point.at("labels");
        own.erase(own.size() - 1);
        if (own != labels || !is_odd(point)) continue;
        if (odd_ones++ == 0)
            first = fmt::format("seed {}: {}", point.at("labels").back().get<std::string>(), note_of(point));
    }
    return odd_ones < 2 ? first : fmt::format("{} and {} more", first, odd_ones - 1);
}

/// A line a point with all its seeds.
std::string table_of_groups(const Json& sweep) {
    const Json& points = sweep.at("points");
    const bool notes = std::any_of(points.begin(), points.end(), is_odd);
    std::vector<std::string> titles;
    std::string rules = "|";
    for (std::size_t i = 0; i + 1 < sweep.at("axes").size(); ++i) {
        titles.push_back(sweep.at("axes")[i].get<std::string>());
        rules += "---|";
    }
    titles.emplace_back("seeds");
    rules += "---:|";
    for (const Json& column : sweep.at("columns")) {
        titles.push_back(column.at("name").get<std::string>());
        rules += "---:|";
    }
    if (notes) {
        titles.emplace_back("");
        rules += "---|";
    }
    std::string text = row(titles) + rules + "\n";
    for (const Json& group : sweep.at("groups")) {
        std::vector<std::string> cells;
        for (const Json& label : group.at("labels")) cells.push_back(label.get<std::string>());
        cells.push_back(group.at("count").dump());
        for (const Json& value : group.at("values")) cells.push_back(spread_text(value));
        if (notes) cells.push_back(note_of_group(points, group.at("labels")));
        text += row(cells);
    }
    return text + "\nMeans over seeds, ± half of the 95 % confidence interval.\n";
}

std::string table_of_points(const Json& sweep) {
    std::vector<std::string> titles;
    std::string rules = "|";
    for (const Json& axis : sweep.at("axes")) {
        titles.push_back(axis.get<std::string>());
        rules += "---|";
    }
    for (std::size_t i = 0; i < sweep.at("columns").size(); ++i) {
        titles.push_back(sweep.at("columns")[i].at("name").get<std::string>());
        const auto is_text = [i](const Json& point) { return point.at("values").at(i).is_string(); };
        const Json& all = sweep.at("points");
        rules += std::any_of(all.begin(), all.end(), is_text) ? "---|" : "---:|";  // numbers stand at the right
    }
    const auto& points = sweep.at("points");
    const bool only_state = titles.empty();
    const bool notes = only_state || std::any_of(points.begin(), points.end(), is_odd);
    if (notes) {
        titles.emplace_back(only_state ? "state" : "");
        rules += "---|";
    }
    std::string text = row(titles) + rules + "\n";
    for (const Json& point : points) {
        std::vector<std::string> cells;
        for (const Json& label : point.at("labels")) cells.push_back(label.get<std::string>());
        for (const Json& value : point.at("values")) cells.push_back(table_number(value));
        if (notes) cells.push_back(is_odd(point) || only_state ? note_of(point) : "");
        text += row(cells);
    }
    return text;
}

}  // namespace

std::string sweep_table(const Json& sweep) {
    std::string text = sweep.contains("groups") ? table_of_groups(sweep) : table_of_points(sweep);
    for (const Json& note : sweep.value("notes", Json::array()))
        text += "\n" + markdown_cell(note.get<std::string>()) + "\n";
    return text;
}

std::string sweep_csv(const Json& sweep) {
    std::string text;
    for (const Json& axis : sweep.at("axes")) text += csv_field(axis.get<std::string>()) + ",";
    for (const Json& column : sweep.at("columns")) text += csv_field(column.at("name").get<std::string>()) + ",";
    text += "state\r\n";
    for (const Json& point : sweep.at("points")) {
        for (const Json& label : point.at("labels")) text += csv_field(label.get<std::string>()) + ",";
        for (const Json& value : point.at("values")) {
            if (value.is_string()) {
                text += csv_field(value.get<std::string>());
            } else if (!value.is_null()) {
                text += value.dump();
            }
            text += ",";
        }
        text += csv_field(note_of(point)) + "\r\n";
    }
    return text;
}

}  // namespace xlate::study
