// The first screen of a run's page: what each master reaches and what limits it, and what went wrong.
#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string problem(const std::string& what) { return fmt::format("<p class=\"bad\">{}</p>\n", escape_html(what)); }

std::string what_went_wrong(const Json& result) {
    std::string html;
    const Json& crashes = result.at("kernel").at("oops");
    if (!crashes.empty())
        html += problem(fmt::format("The kernel crashed ({}): {}", crashes.size(), text(crashes[0].at("what"))));
    if (result.at("faults_total") != 0) html += problem(table_number(result.at("faults_total")) + " faults");
    if (result.at("sim").at("outcome") != "finished")
        html += problem("The run did not end by itself: " + text(result.at("sim").at("outcome")));
    return html;
}

}  // namespace

std::string answer_section(RunPage& page) {
    HtmlTable table("What each master reaches, and what limits it",
                    {"master", "limited by", "for", "moves", "of asked", "mean", "p99"}, 2);
    for (const Json& master : page.result.at("masters")) {
        if (master.at("issued") == 0) continue;
        const double moves = master.at("bandwidth_bytes_per_s").get<double>();
        std::vector<std::string> row{text(master.at("device")), "", "", rate_text(moves), ""};
        if (master.contains("limited_by")) {
            row[1] = text(master.at("limited_by").at("resource"));
            row[2] = fmt::format("{:.0f} %", master.at("limited_by").at("share").get<double>() * 100);
        }
        if (master.contains("asked_bytes_per_s")) {
            const auto asked = master.at("asked_bytes_per_s").get<double>();
            row[4] = fmt::format("{}: {:.0f} %", rate_text(asked), asked > 0 ? moves / asked * 100 : 0);
        }
        for (const char* key : {"mean", "p99"}) row.push_back(span_text(master.at("latency_ns").at(key)));
        table.add(std::move(row), master.at("faults") != 0);
    }
    std::string html = what_went_wrong(page.result);
    if (table.empty()) return html;
    html += heading("What each master reaches, and what limits it") + table.folded_html("all masters");
    return html +
           "<p class=\"dim\">For: the share of its time. Why, and what would bring more: "
           "<code>xlate why</code> of this directory.</p>\n";
}

}  // namespace xlate::study
