// Two runs or two sweeps beside each other.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "study/results/numbers.hpp"
#include "study/results/report/bar_chart.hpp"
#include "study/results/report/html.hpp"
#include "study/results/report/latency_chart.hpp"
#include "study/results/report/report.hpp"
#include "study/results/report/run_page.hpp"
#include "study/results/report/sweep_view.hpp"
#include "study/results/summary.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string change(double before, double after) {
    if (!std::isfinite(before) || !std::isfinite(after) || before == 0) return before == after ? "same" : "–";
    const double share = (after - before) / before;
    return share == 0 ? "same" : fmt::format("{:+.1f} %", share * 100);
}

const Json* named(const Json& list, const char* key, const Json& name) {
    for (const Json& one : list) {
        if (one.at(key) == name) return &one;
    }
    return nullptr;
}

double number_at(const Json* one, const char* pointer) {
    if (one == nullptr) return kNone;
    const Json::json_pointer at(pointer);
    return one->contains(at) && one->at(at).is_number() ? one->at(at).get<double>() : kNone;
}

std::string head(const char* what, const std::string& first, const std::string& second, const std::string& more) {
    return fmt::format("<h1>{} side by side</h1>\n<p class=\"facts\">A: {}<br>B: {}{}</p>\n", what, escape_html(first),
                       escape_html(second), more);
}

struct Quantity {
    const char* name;
    const char* pointer;
    Unit unit;
};
constexpr Quantity kOfMasters[] = {{"bandwidth", "/bandwidth_bytes_per_s", Unit::rate},
                                   {"mean latency", "/latency_ns/mean", Unit::ns},
                                   {"p50", "/latency_ns/p50", Unit::ns},
                                   {"p99", "/latency_ns/p99", Unit::ns},
                                   {"p99.9", "/latency_ns/p999", Unit::ns},
                                   {"faults", "/faults", Unit::count}};
constexpr Quantity kOfIommus[] = {{"translations", "/translations", Unit::count},
                                  {"TLB hits", "/tlb/hits", Unit::count},
                                  {"walks", "/walks", Unit::count},
                                  {"walk reads", "/walk_reads", Unit::count},
                                  {"commands", "/commands", Unit::count},
                                  {"mean latency", "/latency_ns/mean", Unit::ns},
                                  {"p99", "/latency_ns/p99", Unit::ns}};

/// One row a quantity of each element that either of the two has.
template <std::size_t N>
std::string both(const std::string& title, const char* list, const char* key, const Quantity (&quantities)[N],
                 const Json& first, const Json& second) {
    HtmlTable table(title, {title, "quantity", "A", "B", "change"}, 2);
    std::vector<Json> names;
    for (const Json* result : {&first, &second}) {
        for (const Json& one : result->at(list)) {
            if (std::find(names.begin(), names.end(), one.at(key)) == names.end()) names.push_back(one.at(key));
        }
    }
    for (const Json& name : names) {
        for (const Quantity& quantity : quantities) {
            const double before = number_at(named(first.at(list), key, name), quantity.pointer);
            const double after = number_at(named(second.at(list), key, name), quantity.pointer);
            table.add({text(name), quantity.name, text_of(quantity.unit, before), text_of(quantity.unit, after),
                       change(before, after)});
        }
    }
    return table.empty() ? "" : heading(title) + table.html();
}

std::string device_facts(const Json& first, const Json& second) {
    HtmlTable table("Devices that differ", {"differs", "what of it", "A", "B"}, 4);
    for (const Json& device : first.at("devices")) {
        const Json* const other = named(second.at("devices"), "name", device.at("name"));
        if (other == nullptr) {
            table.add({text(device.at("name")), "there", "yes", "no"});
            continue;
        }
        for (const char* key : {"driver", "state", "iommu", "group", "domain"}) {
            if (device.at(key) != other->at(key))
                table.add({text(device.at("name")), key, text(device.at(key)), text(other->at(key))});
        }
    }
    for (const Json& device : second.at("devices")) {
        if (named(first.at("devices"), "name", device.at("name")) == nullptr)
            table.add({text(device.at("name")), "there", "no", "yes"});
    }
    return table.empty() ? "" : heading("Devices that differ") + table.html();
}

class Figures {
public:
    template <class Chart>
    std::string add(const Chart& chart) {
        return chart_html(chart, ++count_);
    }

private:
    std::size_t count_ = 0;
};

std::string breakdowns(Figures& figures, const Json& first, const Json& second) {
    StackedBars bars;
    bars.title = "Where the time of a transfer went, A above B";
    bars.description = "Mean of each master's transfers, from issue to completion.";
    bars.of = "mean of";
    const bool software = waits_for_software(first) || waits_for_software(second);
    for (const Json& master : first.at("masters")) {
        const Json* const other = named(second.at("masters"), "device", master.at("device"));
        for (const auto& [run, name] : {std::pair<const Json*, const char*>{&master, " A"}, {other, " B"}}) {
            if (run == nullptr || run->at("issued") == 0) continue;
            StackedBars::Bar bar;
            bar.name = text(run->at("device")) + name;
            for (const auto& [part, ns] : run->at("breakdown_ns").items()) {
                if (!software && part == kSoftware) continue;
                if (bars.bars.empty()) bars.parts.push_back(part);
                bar.values.push_back(ns.is_number() ? ns.get<double>() : 0);
            }
            bar.values.resize(bars.parts.size(), 0);
            bar.total = span_text(run->at("latency_ns").at("mean"));
            bars.bars.push_back(std::move(bar));
        }
    }
    return bars.bars.empty() ? "" : figures.add(bars);
}

/// Curves of both in one picture, a picture a master.
std::string curves(Figures& figures, const Json& first, const Json& second) {
    if (!first.is_object() || !second.is_object()) return "";
    std::string html;
    for (const Json& master : first.at("masters")) {
        const Json* const other = named(second.at("masters"), "device", master.at("device"));
        if (other == nullptr) continue;
        const std::string device = text(master.at("device"));
        const std::vector<NamedBuckets> pair{{"A", master.at("latency_buckets")}, {"B", other->at("latency_buckets")}};
        LineChart latency = latency_chart("Latency of " + device, "Share of the transfers that took no longer.", pair);
        if (latency.series.size() == 2) latency.series[1].dashed = true;
        html += "<div>" + figures.add(latency) + percentile_table("Latency of " + device + ", percentiles", pair) +
                "</div>\n";
    }
    return html.empty() ? "" : heading("Latency") + "<div class=\"charts\">\n" + html + "</div>\n";
}

std::string rates(Figures& figures, const Json& first, const Json& second) {
    if (!first.is_object() || !second.is_object()) return "";
    std::string html;
    for (const auto& [series, name] : {std::pair<const Json*, const char*>{&first, "A"}, {&second, "B"}}) {
        LineChart chart;
        chart.title = std::string("Bandwidth, ") + name;
        chart.description = "Bytes of the transfers that ended in a stretch of time.";
        chart.unit = Unit::rate;
        chart.x_name = "from";
        chart.x = bin_starts(*series);
        chart.steps = true;
        chart.end = std::max(series->at("end_ns").get<double>(), chart.x.empty() ? 1.0 : chart.x.back());
        for (const Json& master : series->at("masters")) {
            if (chart.series.size() == kMostLines) break;
            chart.series.push_back({text(master.at("device")), numbers(master.at("bytes_per_s")), {}, {}, false});
        }
        if (!chart.series.empty()) html += figures.add(chart);
    }
    return html.empty() ? "" : heading("Over time") + "<div class=\"pair\">\n" + html + "</div>\n";
}

}  // namespace

std::string side_by_side_runs(const Json& first, const Json& first_series, const Json& second,
                              const Json& second_series) {
    const auto name = [](const Json& run) {
        return fmt::format("{}: kernel {}, seed {}, ended at {}, digest {}", text(run.at("name")),
                           text(run.at("variant")), text(run.at("seed")), span_text(run.at("sim").at("end_ns")),
                           text(run.at("digest")));
    };
    Figures figures;
    const bool same = first.at("digest") == second.at("digest");
    std::string body =
        head("Runs", name(first), name(second), same ? "<br>Their digests are equal: they ran alike." : "");
    body += both("Masters", "masters", "device", kOfMasters, first, second) + breakdowns(figures, first, second);
    body += curves(figures, first_series, second_series);
    body += both("IOMMUs", "iommus", "name", kOfIommus, first, second);
    body += rates(figures, first_series, second_series) + device_facts(first, second);
    return html_page(text(first.at("name")) + " and " + text(second.at("name")), body);
}

std::string side_by_side_sweeps(const Json& first, const Json& second) {
    const SweepView a = sweep_view(first);
    const SweepView b = sweep_view(second);
    const auto all = [](std::size_t) { return true; };
    std::vector<std::string> places;
    std::map<std::string, const SweepView::Point*> of_b;
    for (const SweepView::Point& point : b.points) of_b[b.label(point, all)] = &point;
    std::vector<std::pair<const SweepView::Point*, const SweepView::Point*>> pairs;
    for (const SweepView::Point& point : a.points) {
        const auto other = of_b.find(a.label(point, all));
        if (other == of_b.end()) continue;
        places.push_back(other->first);
        pairs.emplace_back(&point, other->second);
    }
    Figures figures;
    std::string charts;
    for (std::size_t i = 0; i < a.columns.size() && !pairs.empty(); ++i) {
        const auto also = std::find(b.columns.begin(), b.columns.end(), a.columns[i]);
        if (also == b.columns.end()) continue;
        const auto in_b = static_cast<std::size_t>(also - b.columns.begin());
        LineChart chart;
        chart.title = a.columns[i];
        chart.description = "Each point that both sweeps have.";
        chart.places = places;
        chart.x_name = "point";
        chart.dots = places.size() <= 60;
        chart.series = {{"A", {}, {}, {}, false}, {"B", {}, {}, {}, true}};
        for (const auto& [one, other] : pairs) {
            chart.series[0].values.push_back(one->values[i]);
            chart.series[1].values.push_back(other->values[in_b]);
        }
        charts += figures.add(chart);
    }
    std::string body =
        head("Sweeps", text(first.at("name")), text(second.at("name")),
             fmt::format("<br>{} points are in both, of {} and {}", pairs.size(), a.points.size(), b.points.size()));
    if (charts.empty()) body += "<p class=\"bad\">They have no point and no column in common.</p>\n";
    return html_page(text(first.at("name")) + " and " + text(second.at("name")),
                     body + heading("Columns") + "<div class=\"charts\">\n" + charts + "</div>\n");
}

}  // namespace xlate::study
