// The config that a run had: each value, where it comes from, and what it means.
#include <vector>

#include <fmt/format.h>

#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

struct Row {
    std::string key;
    std::string value;
    std::string origin;
    std::string sentence;
};

/// config.resolved.yaml, line by line: "  key: value   # origin. Sentence."; a map has no value.
std::vector<Row> rows_of(const std::string& config) {
    std::vector<Row> rows;
    std::vector<std::pair<std::size_t, std::string>> above;
    for (std::size_t at = 0; at < config.size();) {
        const std::size_t end = std::min(config.find('\n', at), config.size());
        const std::string line = config.substr(at, end - at);
        at = end + 1;
        std::size_t indent = line.find_first_not_of(' ');
        if (indent == std::string::npos || line[indent] == '#') continue;
        const bool element = line.compare(indent, 2, "- ") == 0;
        if (element) indent += 2;
        const std::size_t colon = line.find(':', indent);
        if (colon == std::string::npos) continue;
        while (!above.empty() && above.back().first >= indent) above.pop_back();
        std::string key;
        for (const auto& [depth, name] : above) key += name + ".";
        const std::string own = line.substr(indent, colon - indent);
        key += own;
        above.emplace_back(indent, own);
        const std::size_t note = line.rfind(" # ");
        std::string value = line.substr(colon + 1, note == std::string::npos ? note : note - colon - 1);
        const std::size_t from = value.find_first_not_of(' ');
        if (from == std::string::npos) continue;
        value = value.substr(from, value.find_last_not_of(' ') - from + 1);
        std::string comment = note == std::string::npos ? "" : line.substr(note + 3);
        const std::size_t stop = comment.find(". ");
        rows.push_back({std::move(key), std::move(value), comment.substr(0, stop),
                        stop == std::string::npos ? "" : comment.substr(stop + 2)});
    }
    return rows;
}

std::string table_of(const std::string& title, const std::vector<Row>& rows, bool defaults) {
    HtmlTable table(title, {"parameter", "value", "from", "meaning"}, 4);
    for (const Row& row : rows) {
        if ((row.origin == "default") == defaults) table.add({row.key, row.value, row.origin, row.sentence});
    }
    return table.empty() ? "" : table.html();
}

}  // namespace

std::string config_section(RunPage& page) {
    const std::vector<Row> rows = rows_of(page.config);
    if (rows.empty()) return "";
    const std::string chosen = table_of("Parameters that were set", rows, false);
    const std::string defaults = table_of("Parameters at their defaults", rows, true);
    std::string html = heading("The config") + chosen;
    if (!defaults.empty())
        html += "<details><summary>Table: parameters at their defaults</summary>\n" + defaults + "</details>\n";
    return html;
}

}  // namespace xlate::study
