#include <map>
#include <set>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/report.hpp"
#include "study/results/summary.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostRows = 200;  // of one table: more is for result.json

std::string text(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

std::string heading(const std::string& title) { return "<h2>" + escape_html(title) + "</h2>\n"; }

std::string more_of(std::size_t all) {
    return all > kMostRows ? fmt::format("<p class=\"dim\">… and {} more in result.json</p>\n", all - kMostRows) : "";
}

std::string share_of(const Json& cache) {
    return percent_text(cache.at("hits").get<std::uint64_t>(), cache.at("lookups").get<std::uint64_t>());
}

std::string list(const Json& lines, const char* css) {
    if (lines.empty()) return "";
    std::string html = "<ul>\n";
    for (const Json& line : lines) html += fmt::format("<li class=\"{}\">{}</li>\n", css, escape_html(text(line)));
    return html + "</ul>\n";
}

std::string head(const Json& result) {
    const Json& sim = result.at("sim");
    std::string facts = fmt::format("kernel {}, seed {}, fidelity {}; booted in {}, ended at {} ({}); digest {}",
                                    text(result.at("variant")), text(result.at("seed")), text(sim.at("fidelity")),
                                    span_text(sim.at("boot_ns")), span_text(sim.at("end_ns")), text(sim.at("outcome")),
                                    text(result.at("digest")));
    return "<h1>" + escape_html(text(result.at("name"))) + "</h1>\n<p class=\"facts\">" + escape_html(facts) +
           "<br><a href=\"result.json\">result.json</a> · <a href=\"config.resolved.yaml\">config.resolved.yaml</a> · "
           "<a href=\"console.log\">console.log</a></p>\n" +
           list(result.at("warnings"), "bad") + list(result.at("assumptions"), "dim");
}

std::string expectations(const Json& result) {
    if (!result.contains("expect") || result.at("expect").empty()) return "";
    HtmlTable table({"expectation", "found", ""});
    for (const Json& one : result.at("expect")) {
        const bool ok = one.at("ok") == true;
        table.add({text(one.at("expr")), table_number(one.value("value", Json())), ok ? "holds" : "FAILS"}, !ok);
    }
    return heading("Expectations") + table.html();
}

std::string masters(const Json& result) {
    HtmlTable table({"master", "done", "faults", "bandwidth", "mean", "p50", "p90", "p99", "p99.9", "max"});
    StackedBars bars;
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
            if (bars.bars.empty()) bars.parts.push_back(name);
            bar.values.push_back(ns.is_number() ? ns.get<double>() : 0);
        }
        bar.values.resize(bars.parts.size(), 0);
        bar.total = span_text(latency.at("mean"));
        if (bars.bars.size() < kMostRows) bars.bars.push_back(std::move(bar));
    }
    if (table.empty()) return "";
    std::string html = heading("Masters") + table.html();
    std::string lines;
    for (const Json& master : result.at("masters")) {
        const std::string device = text(master.at("device"));
        if (master.contains("limited_by")) {
            const Json& limit = master.at("limited_by");
            lines += fmt::format("<li>{}</li>\n", escape_html(fmt::format("{} is limited by: {}, busy {:.0f} %", device,
                                                                          text(limit.at("resource")),
                                                                          limit.at("share").get<double>() * 100)));
        }
        if (master.contains("steady") && master.at("steady").at("settled") == false)
            lines +=
                fmt::format("<li class=\"bad\">{}</li>\n", escape_html(unsettled_text(device, master.at("steady"))));
    }
    if (!lines.empty()) html += "<ul>\n" + lines + "</ul>\n";
    if (!bars.bars.empty()) html += "<h3>Where the time of a transfer went, mean</h3>\n" + svg_of(bars);
    return html;
}

std::string iommus(const Json& result) {
    if (result.at("iommus").empty()) return "";
    HtmlTable table({"IOMMU", "driver", "translations", "TLB hits", "walks", "walk reads", "config reads", "commands",
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

std::string groups(const Json& result) {
    const Json& all = result.at("groups");
    HtmlTable table({"group", "domain", "devices"}, 3);
    std::size_t shown = 0;
    for (const Json& group : all) {
        if (++shown > kMostRows) break;
        std::string members;
        for (const Json& device : group.at("devices")) members += (members.empty() ? "" : " ") + text(device);
        table.add({text(group.at("id")), text(group.at("type")), members});
    }
    std::string html = heading(fmt::format("Groups ({})", all.size()));
    html += all.empty() ? "<p>none: nothing is translated</p>\n" : table.html();
    return html + more_of(all.size());
}

std::string untranslated(const Json& result) {
    if (!result.contains("untranslated") || result.at("untranslated").empty()) return "";
    const Json& all = result.at("untranslated");
    HtmlTable table({"device", "reason", "why"}, 3);
    for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i)
        table.add({text(all[i].at("device")), text(all[i].at("kind")), text(all[i].at("why"))});
    return heading(fmt::format("Not translated ({})", all.size())) + table.html() + more_of(all.size());
}

/// When probes of each master and IOMMU ended and how, and when its DMA began.
std::string boot(const Json& result) {
    enum Kind : std::size_t { deferred, failed, bound, dma };
    constexpr int kEPROBE_DEFER = 517;
    MomentChart chart;
    chart.kinds = {"probe deferred", "probe failed", "driver bound", "first DMA"};
    std::set<std::string> hardware;
    for (const Json& iommu : result.at("iommus")) hardware.insert(text(iommu.at("name")));
    std::map<std::string, std::vector<const Json*>> probes;
    for (const Json& event : result.at("kernel").at("timeline")) {
        if (event.at("event") == "driver_probe") probes[text(event.at("device"))].push_back(&event);
    }
    for (const Json& device : result.at("devices")) {
        const std::string name = text(device.at("name"));
        if (device.at("iommu").is_null() && device.at("first_dma_ns").is_null() && hardware.count(name) == 0) continue;
        MomentChart::Row row;
        row.name = name;
        for (const Json* probe : probes[name]) {
            const Json& ret = probe->at("ret");
            if (!ret.is_number() || !probe->at("t_end_ns").is_number()) continue;  // it did not return
            const Kind kind = ret == 0 ? bound : ret == -kEPROBE_DEFER ? deferred : failed;
            row.moments.emplace_back(probe->at("t_end_ns").get<double>(), kind);
        }
        if (device.at("first_dma_ns").is_number())
            row.moments.emplace_back(device.at("first_dma_ns").get<double>(), dma);
        if (!row.moments.empty() && chart.rows.size() < kMostRows) chart.rows.push_back(std::move(row));
    }
    return chart.rows.empty() ? "" : heading("Boot") + svg_of(chart);
}

std::string faults(const Json& result) {
    const Json& all = result.at("faults");
    if (all.empty()) return "";
    HtmlTable table({"time", "device", "id", "iova", "IOMMU", "reason"});
    for (std::size_t i = 0; i < all.size() && i < kMostRows; ++i) {
        const Json& fault = all[i];
        table.add({span_text(fault.at("time_ns")), text(fault.at("device")),
                   fmt::format("{:#x}", fault.at("id").get<std::uint64_t>()),
                   fmt::format("{:#x}", fault.at("iova").get<std::uint64_t>()), text(fault.at("iommu")),
                   text(fault.at("reason"))},
                  true);
    }
    return heading(fmt::format("Faults ({})", text(result.at("faults_total")))) + table.html() + more_of(all.size());
}

std::string kernel(const Json& result) {
    const Json& kernel = result.at("kernel");
    std::string html;
    for (const auto& [key, title] :
         {std::pair{"oops", "Crashes"}, {"lockdep", "Lock order"}, {"races", "Data races"}, {"warnings", "Warnings"}}) {
        const Json& reports = kernel.at(key);
        if (reports.empty()) continue;
        HtmlTable table({"what", "kind", "where"}, 3);
        for (std::size_t i = 0; i < reports.size() && i < kMostRows; ++i)
            table.add({text(reports[i].at("what")), text(reports[i].at("kind")), text(reports[i].at("where"))}, true);
        html += fmt::format("<h3>{} ({})</h3>\n", title, reports.size()) + table.html();
    }
    HtmlTable locks({"lock", "taken", "waited for", "waited"});
    for (const Json& lock : kernel.at("locks"))
        locks.add({text(lock.at("name")), table_number(lock.at("acquired")), table_number(lock.at("contended")),
                   span_text(lock.at("wait_ns"))});
    if (!locks.empty()) html += "<h3>Locks</h3>\n" + locks.html();
    return html.empty() ? "" : heading("Kernel") + html;
}

std::string sanitizer(const Json& result) {
    if (!result.contains("sanitizer")) return "";
    const Json& findings = result.at("sanitizer").at("findings");
    HtmlTable table({"rule", "what"}, 2);
    for (std::size_t i = 0; i < findings.size() && i < kMostRows; ++i)
        table.add({text(findings[i].at("rule")), text(findings[i].at("what"))}, true);
    return heading(fmt::format("Stale translations ({})", text(result.at("sanitizer").at("findings_total")))) +
           (table.empty() ? "<p>none</p>\n" : table.html()) + more_of(findings.size());
}

}  // namespace

std::string run_report(const Json& result) {
    return html_page(text(result.at("name")), head(result) + expectations(result) + faults(result) + sanitizer(result) +
                                                  masters(result) + iommus(result) + groups(result) +
                                                  untranslated(result) + boot(result) + kernel(result));
}

}  // namespace xlate::study
