#include "study/results/report/latency_chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace xlate::study {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPlaces = 160;

double all_of(const Json& buckets) {
    double sum = 0;
    for (const Json& bucket : buckets) sum += bucket.at(2).get<double>();
    return sum;
}

/// Of a bucket of 0 ns a logarithm has nothing to show.
double edge_of(const Json& bucket) { return std::max(bucket.at(1).get<double>(), 0.1); }

}  // namespace

double quantile_of(const Json& buckets, double share) {
    const double all = all_of(buckets);
    double seen = 0;
    for (const Json& bucket : buckets) {
        seen += bucket.at(2).get<double>();
        if (seen >= share * all * (1 - 1e-12)) return bucket.at(1).get<double>();
    }
    return std::numeric_limits<double>::quiet_NaN();
}

LineChart latency_chart(std::string title, std::string description, const std::vector<NamedBuckets>& histograms) {
    LineChart chart;
    chart.title = std::move(title);
    chart.description = std::move(description);
    chart.unit = Unit::share;
    chart.x_unit = Unit::ns;
    chart.x_name = "at most";
    chart.log_x = true;
    double least = std::numeric_limits<double>::max();
    double most = 0;
    for (const auto& [name, buckets] : histograms) {
        if (buckets.empty()) continue;
        least = std::min(least, std::max(buckets.front().at(0).get<double>(), 0.1));
        most = std::max(most, edge_of(buckets.back()));
    }
    if (most <= 0) return chart;
    if (most <= least) most = least * 2;
    for (std::size_t i = 0; i <= kPlaces; ++i)
        chart.x.push_back(least * std::pow(most / least, static_cast<double>(i) / static_cast<double>(kPlaces)));
    for (const auto& [name, buckets] : histograms) {
        LineChart::Series series;
        series.name = name;
        const double all = all_of(buckets);
        double seen = 0;
        std::size_t next = 0;
        for (const double x : chart.x) {
            while (next < buckets.size() && edge_of(buckets[next]) <= x * (1 + 1e-9))
                seen += buckets[next++].at(2).get<double>();
            series.values.push_back(all > 0 ? seen / all : std::numeric_limits<double>::quiet_NaN());
        }
        chart.series.push_back(std::move(series));
    }
    for (std::size_t i = 0; i <= kPlaces; i += 8) chart.table_places.push_back(i);
    return chart;
}

std::string percentile_table(const std::string& title, const std::vector<NamedBuckets>& histograms) {
    std::vector<std::string> heads{"percentile"};
    for (const auto& [name, buckets] : histograms) heads.push_back(name);
    HtmlTable table(title, std::move(heads));
    for (const double share : {0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0}) {
        std::vector<std::string> row{fmt::format("p{:g}", share * 100)};
        for (const auto& [name, buckets] : histograms) row.push_back(text_of(Unit::ns, quantile_of(buckets, share)));
        table.add(std::move(row));
    }
    return table.html();
}

}  // namespace xlate::study
