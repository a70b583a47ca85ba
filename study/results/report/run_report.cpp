#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string head(const RunPage& page) {
    const Json& result = page.result;
    const Json& sim = result.at("sim");
    const std::string facts = fmt::format("kernel {}, seed {}, fidelity {}; booted in {}, ended at {} ({}); digest {}",
                                          text(result.at("variant")), text(result.at("seed")), text(sim.at("fidelity")),
                                          span_text(sim.at("boot_ns")), span_text(sim.at("end_ns")),
                                          text(sim.at("outcome")), text(result.at("digest")));
    std::string html = "<h1>" + escape_html(text(result.at("name"))) + "</h1>\n<p class=\"facts\">" +
                       escape_html(facts) +
                       "<br><a href=\"result.json\">result.json</a> · <a href=\"config.resolved.yaml\">"
                       "config.resolved.yaml</a> · <a href=\"console.log\">console.log</a></p>\n";
    return html;
}

std::string remarks(const RunPage& page) {
    const Json& assumed = page.result.at("assumptions");
    std::string html = html_list(page.result.at("warnings"), "bad");
    if (!assumed.empty()) html += heading("What was assumed") + html_list(assumed, "dim");
    return html;
}

std::string expectations(const RunPage& page) {
    if (!page.result.contains("expect") || page.result.at("expect").empty()) return "";
    HtmlTable table("Expectations", {"expectation", "found", "outcome"});
    std::size_t held = 0;
    for (const Json& one : page.result.at("expect")) {
        const bool ok = one.at("ok") == true;
        held += ok ? 1 : 0;
        table.add({text(one.at("expr")), table_number(one.value("value", Json())), ok ? "holds" : "FAILS"}, !ok);
    }
    if (held < table.size()) return heading("Expectations") + table.html();
    return fmt::format("<details><summary>{}</summary>\n{}</details>\n",
                       held == 1 ? "The expectation holds" : fmt::format("All {} expectations hold", held),
                       table.html());
}

}  // namespace

std::string run_report(const Json& result, const Json& series, const std::string& config) {
    RunPage page{result, series, config};
    std::string body = head(page) + answer_section(page) + expectations(page) + remarks(page);
    for (std::string (*section)(RunPage&) :
         {faults_section, sanitizer_section, soc_section, masters_section, latency_section, iommus_section,
          resources_section, time_section, groups_section, boot_section, probe_section, kernel_section,
          config_section}) {
        body += section(page);
    }
    return html_page(text(result.at("name")), body);
}

}  // namespace xlate::study
