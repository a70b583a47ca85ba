// Latencies of a run's transfers and of its IOMMUs' work, as curves and percentiles.
#include <fmt/format.h>

#include "study/results/report/latency_chart.hpp"
#include "study/results/report/run_page.hpp"

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

std::vector<NamedBuckets> named(const Json& list, const char* name, const char* buckets, const std::string& suffix) {
    std::vector<NamedBuckets> all;
    for (const Json& one : list) {
        if (!one.at(buckets).empty()) all.emplace_back(text(one.at(name)) + suffix, one.at(buckets));
    }
    return all;
}

/// In charts of a few lines each.
std::string charts(RunPage& page, const std::string& title, const std::string& description,
                   const std::vector<NamedBuckets>& all) {
    std::string html;
    for (std::size_t from = 0; from < all.size() && from < 4 * kMostLines; from += kMostLines) {
        const std::vector<NamedBuckets> some(
            all.begin() + static_cast<std::ptrdiff_t>(from),
            all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), from + kMostLines)));
        const std::string numbered = from == 0 ? title : fmt::format("{} ({})", title, from / kMostLines + 1);
        html += "<div>" + page.add(latency_chart(numbered, description, some)) +
                percentile_table(numbered + ", percentiles", some) + "</div>\n";
    }
    return html;
}

}  // namespace

std::string latency_section(RunPage& page) {
    if (!page.has_series()) return "";
    std::string html = charts(page, "Latency of transfers",
                              "Share of a master's transfers that took no longer, from issue to completion.",
                              named(page.series.at("masters"), "device", "latency_buckets", ""));
    std::vector<NamedBuckets> inside;
    for (const auto& [key, what] :
         {std::pair{"latency_buckets", " translation"}, {"walk_buckets", " walk"}, {"sync_buckets", " drain"}}) {
        for (NamedBuckets& one : named(page.series.at("iommus"), "name", key, what)) inside.push_back(std::move(one));
    }
    html += charts(
        page, "Latency in the IOMMUs",
        "Share of the translations, of the walks with their waiting, and of the drains (CMD_SYNC and the like) that "
        "took no longer.",
        inside);
    return html.empty() ? "" : heading("Latency") + "<div class=\"charts\">\n" + html + "</div>\n";
}

}  // namespace xlate::study
