// Masters and IOMMUs of a run: what they did, where their time went. What bounds them: run_answer.cpp.
#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/bar_chart.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/run_page.hpp"
#include "study/results/summary.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::string share_of(const Json& cache) {
    return percent_text(cache.at("hits").get<std::uint64_t>(), cache.at("lookups").get<std::uint64_t>());
}

std::string unsettled(const Json& result) {
    std::string lines;
    for (const Json& master : result.at("masters")) {
        const std::string device = text(master.at("device"));
        if (master.contains("steady") && master.at("steady").at("settled") == false)
            lines +=
                fmt::format("<li class=\"bad\">{}</li>\n", escape_html(unsettled_text(device, master.at("steady"))));
    }
    return lines.empty() ? "" : "<ul class=\"lines\">\n" + lines + "</ul>\n";
}

}  // namespace

std::string masters_section(RunPage& page) {
    const Json& result = page.result;
    HtmlTable table("Masters", {"master", "done", "faults", "bandwidth", "mean", "p50", "p90", "p99", "p99.9", "max"});
    StackedBars bars;
    bars.title = "Where the time of a transfer went, mean";
    bars.description = "From issue to completion; the parts of a master add up to its mean latency.";
    bars.of = "mean of";
    const bool software = waits_for_software(result);
    for (const Json& master : result.at("masters")) {
        const std::string device = text(master.at("device"));
        if (master.at("issued") == 0) {
            table.add({device, master.at("started") == true ? "0" : "not started", "", "", "", "", "", "", "", ""},
                      true);
            continue;
        }
        const Json& latency = master.at("latency_ns");
        std::vector<std::string> row{
            device, table_number(master.at("reads").get<std::uint64_t>() + master.at("writes").get<std::uint64_t>()),
            table_number(master.at("faults")), rate_text(master.at("bandwidth_bytes_per_s").get<double>())};
        for (const char* key : {"mean", "p50", "p90", "p99", "p999", "max"}) row.push_back(span_text(latency.at(key)));
        table.add(std::move(row), master.at("faults") != 0);
        StackedBars::Bar bar;
        bar.name = device;
        for (const auto& [name, ns] : master.at("breakdown_ns").items()) {
            if (!software && name == kSoftware) continue;
            if (bars.bars.empty()) bars.parts.push_back(name);
            bar.values.push_back(ns.is_number() ? ns.get<double>() : 0);
        }
        bar.values.resize(bars.parts.size(), 0);
        bar.total = span_text(latency.at("mean"));
        if (bars.bars.size() < kMostRows) bars.bars.push_back(std::move(bar));
    }
    if (table.empty()) return "";
    std::string html = heading("Masters") + table.html() + unsettled(result);
    if (!bars.bars.empty()) html += page.add(bars);
    return html;
}

std::string iommus_section(RunPage& page) {
    const Json& result = page.result;
    if (result.at("iommus").empty()) return "";
    HtmlTable table("IOMMUs",
                    {"IOMMU", "driver", "translations", "TLB hits", "walks", "walk reads", "config reads", "commands",
                     "events", "mean", "p99"},
                    2);
    for (const Json& iommu : result.at("iommus")) {
        table.add({text(iommu.at("name")), text(iommu.value("driver", Json())), table_number(iommu.at("translations")),
                   share_of(iommu.at("tlb")), table_number(iommu.at("walks")), table_number(iommu.at("walk_reads")),
                   table_number(iommu.at("config_reads")), table_number(iommu.at("commands")),
                   table_number(iommu.at("events")), span_text(iommu.at("latency_ns").at("mean")),
                   span_text(iommu.at("latency_ns").at("p99"))},
                  iommu.at("events") != 0);
    }
    return heading("IOMMUs") + table.html();
}

}  // namespace xlate::study
