// A run over time.
#include <algorithm>

#include <fmt/format.h>

#include "study/results/report/line_chart.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

struct Wanted {
    const char* list;
    const char* name;
    const char* key;
    Unit unit;
    const char* title;
    const char* description;
};

constexpr Wanted kWanted[] = {
    {"masters", "device", "bytes_per_s", Unit::rate, "Bandwidth",
     "Bytes of the transfers that ended in a stretch of time."},
    {"masters", "device", "outstanding", Unit::count, "Outstanding transfers", "Mean number in flight of each master."},
    {"masters", "device", "latency_ns", Unit::ns, "Mean latency", "Of the transfers that ended in a stretch of time."},
    {"iommus", "name", "tlb_hits", Unit::share, "TLB hit rate",
     "Share of the translations that a TLB of a port answered."},
    {"iommus", "name", "walk_cache_hits", Unit::share, "Walk-cache hit rate",
     "Share of the look-ups of the core's walk caches."},
    {"iommus", "name", "in_flight", Unit::count, "Translations in the IOMMU", "Mean number in its ports and its core."},
    {"iommus", "name", "walking", Unit::count, "Walk slots in use", "Mean number of walks under way."},
    {"iommus", "name", "command_queue_busy", Unit::count, "Command queue",
     "Mean number of commands and drains under way: what the driver waits for."},
    {"memories", "name", "in_flight", Unit::count, "Memory queue",
     "Mean number of accesses that have begun and are not answered."},
    {"memories", "name", "bytes_per_s", Unit::rate, "Memory bandwidth", "Of masters, IOMMUs and CPUs."},
    {"cpus", "name", "busy", Unit::share, "CPUs", "Share of the time that a task had the CPU."},
    {"locks", "name", "waiting", Unit::count, "Waiting for locks", "Mean number of tasks that sleep for a lock."},
};

}  // namespace

std::string time_section(RunPage& page) {
    if (!page.has_series()) {
        return "<p class=\"dim\">No series.json here: a sweep leaves it out of its points; `xlate run` of the point's "
               "config has "
               "it, and the page then shows latencies, rates and queues over time.</p>\n";
    }
    std::string html;
    const std::vector<double> starts = bin_starts(page.series);
    const double end = page.series.at("end_ns").get<double>();
    for (const Wanted& wanted : kWanted) {
        LineChart chart;
        chart.title = wanted.title;
        chart.description = wanted.description;
        chart.unit = wanted.unit;
        chart.x_name = "from";
        chart.x = starts;
        chart.steps = true;
        chart.end = std::max(end, starts.empty() ? 1.0 : starts.back());
        std::size_t left_out = 0;
        for (const Json& one : page.series.at(wanted.list)) {
            if (!one.contains(wanted.key)) continue;
            LineChart::Series series;
            series.name = text(one.at(wanted.name));
            series.values = numbers(one.at(wanted.key));
            const bool some = std::any_of(series.values.begin(), series.values.end(), [](double v) { return v > 0; });
            if (!some) continue;
            if (chart.series.size() == kMostLines) {
                ++left_out;
                continue;
            }
            chart.series.push_back(std::move(series));
        }
        if (left_out != 0) chart.description += fmt::format(" {} more are in series.json.", left_out);
        if (!chart.series.empty()) html += page.add(chart);
    }
    return html.empty() ? "" : heading("Over time") + "<div class=\"charts\">\n" + html + "</div>\n";
}

}  // namespace xlate::study
